"""Read a file written by ``torch.save`` as tensors and plain values, and nothing else."""

import pickle
import pickletools
import warnings
import zipfile
from typing import TYPE_CHECKING

import torch

from rawkit.errors import MissingError, WeightsError

if TYPE_CHECKING:
    from pathlib import Path

# A zip archive since torch 1.6; before that a pickle that begins with this number.
_ZIP = b"PK\x03\x04"
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLE = b"\x80"


def read_tensors(path: "Path") -> object:
    """Return what ``torch.save`` put into a file, tensors on the CPU.

    Only tensors, numbers, texts and containers of them are built. A file that holds anything
    else is refused, and nothing in it is run.

    Raises
    ------
    MissingError
        If there is no such file.
    WeightsError
        If it is a folder, unreadable, empty, cut short, damaged, or not of ``torch.save``, or if
        it holds pickled code.
    """
    _check_kind(path, read_start(path))
    try:
        with warnings.catch_warnings():
            # Old and foreign files make torch warn before it fails or succeeds.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Only torch's text tells what was refused; it also says how to run it, so it stays here.
        refused = "Unsupported" in str(error) or "GLOBAL" in str(error)
        raise (_code(path) if refused and not _is_cut(path) else _damaged(path)) from None
    except Exception:  # noqa: BLE001 - damaged bytes lead torch to errors of any type
        raise _damaged(path) from None


def read_start(path: "Path") -> bytes:
    """Return the first bytes of a file, enough to tell what kind of weights file it is.

    Raises
    ------
    MissingError
        If there is no such file.
    WeightsError
        If it is a folder or unreadable.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(_LEGACY))
    except FileNotFoundError:
        raise MissingError("no such weights file", where=path) from None
    except IsADirectoryError:
        raise WeightsError("a folder", expected="a weights file", where=path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WeightsError(f"cannot be read: {reason}", where=path) from None


def _check_kind(path: "Path", start: bytes) -> None:
    """Refuse what torch did not write before torch sees it."""
    if not start:
        raise WeightsError("an empty file", expected="a weights file", where=path)
    if start.startswith(_ZIP):
        _check_archive(path)
    elif not start.startswith(_LEGACY):
        if _LEGACY.startswith(start):
            raise _damaged(path)
        if start.startswith(_PICKLE):
            raise _code(path)
        raise WeightsError(
            "not a weights file",
            expected="a file written by torch.save",
            where=path,
            fix="Name a checkpoint of rawkit or a published weights file.",
        )


def _check_archive(path: "Path") -> None:
    """Check the sums torch writes but does not read."""
    try:
        with zipfile.ZipFile(path) as archive:
            sound = archive.testzip() is None
    except Exception:  # noqa: BLE001 - damaged bytes lead zipfile to errors of any type
        sound = False
    if not sound:
        raise _damaged(path)


def _is_cut(path: "Path") -> bool:
    """Return whether a file ends within its pickles: a name cut in two looks like foreign code."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) == _ZIP:
            return False
        file.seek(0)
        try:
            # Magic number, protocol, machine, content; the numbers follow.
            for _ in range(4):
                for _opcode in pickletools.genops(file):
                    pass
        except Exception:  # noqa: BLE001 - as above
            return True
    return False


def _damaged(path: "Path") -> WeightsError:
    return WeightsError(
        f"a weights file that is cut short or damaged ({path.stat().st_size} bytes)",
        expected="a whole file written by torch.save",
        where=path,
        fix="Copy or download it again.",
    )


def _code(path: "Path") -> WeightsError:
    return WeightsError(
        "pickled objects other than tensors and plain values; they may run code and are not loaded",
        expected="tensors and plain values only",
        where=path,
        fix="Save the network's state_dict() instead of the network.",
    )
