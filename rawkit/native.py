"""The module built from the C files in `native`, where there was a compiler.

Each of its functions has a plain way in Python beside its caller, which does the same, bit for bit.
"""

from __future__ import annotations

try:
    from rawkit import _native as functions
except ImportError:
    functions = None  # type: ignore[assignment] # its absence; BUILT is asked first

__all__ = ["BUILT", "CUTS", "functions"]

BUILT: bool = functions is not None
"""Whether its functions are there."""
CUTS: bool = hasattr(functions, "cut_chunks")
"""Whether it reads, decodes and cuts the chunks of a file by itself: on 64-bit Intel and AMD."""
