"""What exporters and runtimes need around them: silence, and words where one is missing."""

from __future__ import annotations

import importlib
import logging
import os
import sys
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
    """Keep what exporters say of themselves from the terminal; failures still come through.

    Some speak from C and C++, past Python: what they write to the descriptors is dropped, too.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), _no_descriptors():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _no_descriptors() -> Iterator[None]:
    """Lead what is written to standard output and error nowhere."""
    streams = (sys.stdout, sys.stderr)
    for one in streams:
        one.flush()
    kept = [os.dup(number) for number in (1, 2)]
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(nowhere, number)
        os.close(nowhere)
        yield
    finally:
        for one in streams:
            one.flush()
        for number, was in zip((1, 2), kept, strict=True):
            os.dup2(was, number)
            os.close(was)
