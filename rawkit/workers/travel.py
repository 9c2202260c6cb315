"""Work on its way to a worker that may run in another folder, or may lack what the work needs.

It travels as bytes of our own. So paths become absolute on the way, and nothing of it is unpacked
before the worker has been asked for its versions: neither by the scheduler nor by dask.
"""

from __future__ import annotations

import io
import pickle
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import ClusterError, RawkitError
from rawkit.workers.versions import differences, installed, not_the_same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class _Packer(pickle.Pickler):
    """Pickles paths of this machine as absolute ones; relative ones mean another place there."""

    def reducer_override(self, value: Any) -> Any:
        """Say how a path is made again; everything else as usual."""
        if isinstance(value, Path):
            return Path, (str(value.absolute()),)
        return NotImplemented


def pack(value: object) -> bytes:
    """Pickle a value; paths in it become absolute, however deep they lie."""
    buffer = io.BytesIO()
    _Packer(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Raised:
    """What came of work that raised something else than an error of rawkit's."""

    error: Exception
    """The error."""


def run_packed(work: bytes, versions: Mapping[str, str] | None) -> bytes:
    """Run, in a worker, a function and its arguments that `pack` has pickled.

    What it returns is pickled, too: dask reads answers where nobody hears of it if it cannot, and
    whoever waits would wait for ever. Errors that are not ours come back as `Raised`: what dask
    itself raises is then known to be about the cluster, not about the work.

    Parameters
    ----------
    work
        A function and a tuple of its arguments.
    versions
        What the worker must have, by package; None: not asked, since it was started by us.

    Raises
    ------
    ClusterError
        If the worker, which may have joined a moment ago, has other versions.
    RawkitError
        What the function raises of these.
    """
    if versions is not None:
        found = installed(tuple(versions))
        if found != versions:
            raise not_the_same(_address(), differences(versions, found))
    function, arguments = pickle.loads(work)  # noqa: S301 - our own, over dask's own connection
    try:
        return pickle.dumps(function(*arguments), pickle.HIGHEST_PROTOCOL)
    except RawkitError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the work does to a worker is its result
        return pickle.dumps(Raised(_portable(error)), pickle.HIGHEST_PROTOCOL)


def unpack(answer: bytes) -> Any:
    """Read what `run_packed` returned."""
    return pickle.loads(answer)  # noqa: S301 - as above


def see(wanted: Sequence[tuple[Path, int]]) -> list[bool]:
    """Tell, in a worker, which paths it sees; files must have so many bytes."""
    return [_sees(path, size) for path, size in wanted]


def _sees(path: Path, size: int) -> bool:
    with suppress(OSError):
        return path.is_dir() or (path.is_file() and path.stat().st_size == size)
    return False


def require_seen(path: Path, what: str) -> None:
    """Check, in a worker, that it sees a path of the machine that sends it work.

    Raises
    ------
    ClusterError
        If it does not.
    """
    if not path.exists():
        raise ClusterError(
            f"a worker on {socket.gethostname()} does not see {what}",
            expected="the same path on every machine of the cluster",
            where=path,
            fix="Put it on a file system that all workers share, or go without --scheduler.",
        )


def scratch_folder() -> Path | None:
    """Return a folder that lives as long as this worker; None where this process is none."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker  # noqa: PLC0415 - half a second

    try:
        return Path(get_worker().local_directory)
    except ValueError:
        return None


def _portable(error: Exception) -> Exception:
    """Return an error that crosses process borders: itself, or one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made in this line
    except Exception:  # noqa: BLE001 - whatever a class of somebody else's raises
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _address() -> str:
    from distributed import get_worker  # noqa: PLC0415 - half a second

    try:
        return f"worker {get_worker().address}"
    except ValueError:  # in no worker
        return f"a process on {socket.gethostname()}"
