"""Packages that import their parts when these are first asked for.

A package's ``__init__`` says what others may use. Where some of it needs what is slow to import, or
what a process of little memory does without, that part is imported late.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def late(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` that imports a name from its module when it is asked for.

    Parameters
    ----------
    package
        ``__name__`` of the package.
    modules
        Name -> the module below the package that defines it.
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{modules[name]}"), name)
        # Once found it is an ordinary name, even where a module of the package is called the same.
        setattr(sys.modules[package], name, value)
        return value

    return find
