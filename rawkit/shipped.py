"""Where the files lie that ship with rawkit: `catalogs/` and `pipelines/`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped_folder(name: str) -> Path:
    """Folder `name` ("catalogs" or "pipelines").

    In a checkout, editable install included, it lies at the root, beside `pyproject.toml`; in an
    installed wheel inside the package.
    """
    root = Path(__file__).resolve().parent.parent
    if (root / "pyproject.toml").is_file():
        return root / name
    return Path(str(files("rawkit") / name))
