"""What exporters and runtimes need around them: silence, and words where one is missing."""

from __future__ import annotations

import importlib
import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator


def runtime_module(name: str, extra: str) -> Any:
    """Import a module of an extra.

    Raises
    ------
    MissingError
        If it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingError(
            f"{name} is not installed",
            fix=f"Install it with: pip install 'rawkit-lowlight[{extra}]'.",
        ) from error


@contextmanager
def quiet_exporters() -> Iterator[None]:
    """Keep what exporters say of themselves from the terminal; failures still come through."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "root")]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)
