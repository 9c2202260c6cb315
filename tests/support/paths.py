"""Where the checkout lies, and what lies beside it."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""Root of the checkout."""
