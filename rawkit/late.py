"""Packages that import their parts when these are first asked for.

A package's ``__init__`` says what others may use. Where some of it needs what is slow to import, or
what a process of little memory does without, that part is imported late.
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from types import ModuleType
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


def callable_as(package: str, function: str) -> None:
    """Let a package be called like the function of the Python API that bears its name.

    ``rawkit.stream`` is the package once anything has imported it, and the front door offers
    ``rawkit.stream(frames)``: so the package itself answers the call.

    Parameters
    ----------
    package
        ``__name__`` of the package.
    function
        ``module:name`` of the function, which is imported at the first call.
    """
    module, _, name = function.partition(":")

    class Callable(ModuleType):
        """A package that can be called."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return getattr(import_module(module), name)(*args, **kwargs)

        @property
        def __signature__(self) -> inspect.Signature:
            return inspect.signature(getattr(import_module(module), name))

    called = sys.modules[package]
    called.__class__ = Callable
    called.__doc__ = (
        f"{called.__doc__}\nCalled, as ``{package}(...)``, it is `{module}.{name}`: what it takes "
        f'says ``help("{module}.{name}")``.\n'
    )
