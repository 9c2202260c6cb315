"""What is taken from a process that may have been taken over: values, and objects that describe.

Messages between processes are pickles, and a pickle may call anything. Here it may name classes
that only hold values, and nothing else.

Source: Python documentation, pickle, Restricting Globals.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import is_dataclass
from enum import Enum
from importlib import import_module
from typing import Any

from rawkit.errors import RawkitError

_OTHERS = {
    "builtins": {"frozenset", "set"},
    "datetime": {"date", "datetime", "timedelta", "timezone"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "rawkit.errors": {"_rebuild"},
}
"""Modules of others, and what may be named of them."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _OTHERS.get(module, ()):
            return getattr(import_module(module), name)
        if module.partition(".")[0] == "rawkit" and name.isidentifier():
            found = getattr(import_module(module), name, None)
            if isinstance(found, type) and _describes(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} in an answer")


def _describes(kind: type) -> bool:
    return is_dataclass(kind) or issubclass(kind, RawkitError | Enum)


def plain_answer(message: bytes) -> Any:
    """Return what a message says.

    Raises
    ------
    UnpicklingError
        If it is damaged, or names anything else than classes that hold values.
    """
    try:
        return _Unpickler(io.BytesIO(message)).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        # Whatever it is made to raise, it is no answer.
        raise pickle.UnpicklingError(f"an answer that cannot be read ({error!r})") from error
