"""A dask cluster that takes work: what goes wrong with it is told from what goes wrong in the work.

Before the first piece of work every worker is asked for its versions; one that joins later is asked
with the first piece it gets.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rawkit.errors import ClusterError, RawkitError
from rawkit.workers.travel import Raised, pack, unpack
from rawkit.workers.versions import BASIS, differences, installed, not_the_same

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Executor, Future

_LOOK_SECONDS = 5.0
"""How often it is looked whether there is a worker, while nothing is done."""
_ALONE_SECONDS = 1800.0
"""How long work waits for a first worker: a queue of a cluster may take its time."""
_RUN = "__import__('rawkit.workers.travel', fromlist=['_']).run_packed(work, versions)"
_ASK = "__import__('rawkit.workers.versions', fromlist=['_']).installed(packages)"
"""What workers evaluate. dask unpacks a function while it reads its messages: one of ours would end
a worker that lacks rawkit, again and again, and the work would seem to have killed it. `eval` is
everywhere, and what it cannot import is an error like any other."""


class Cluster:
    """Takes work, and tells whose fault it is where none comes back.

    Parameters
    ----------
    client
        A connected `distributed.Client`.
    packages
        Those that must have our version on each worker, beside the basis; None: the workers are
        processes of our own, which have what we have.
    """

    def __init__(self, client: Any, packages: tuple[str, ...] | None = None) -> None:
        self._client = client
        self._executor: Executor = client.get_executor(pure=False)
        self._threads, self._counted_at = 0, -math.inf
        self._versions = None if packages is None else dict(installed(BASIS + packages))

    @property
    def threads(self) -> int:
        """Pieces of work that can be done at once; at least 1: workers may still join.

        The scheduler is asked every few seconds.
        """
        now = time.monotonic()
        if now - self._counted_at >= _LOOK_SECONDS:
            with suppress(OSError, ValueError, RuntimeError):  # a scheduler that is gone
                self._threads = sum(self._client.nthreads().values())
            self._counted_at = now
        return max(1, self._threads)

    def submit(self, function: Callable[..., Any], *arguments: object) -> Future[Any]:
        """Hand over a function of a module; relative paths in its arguments become absolute.

        `result` says what came of it.
        """
        given = {"work": pack((function, arguments)), "versions": self._versions}
        return self._executor.submit(eval, _RUN, given)

    def wait(
        self, futures: Collection[Future[Any]], say: Callable[[str], None] | None = None
    ) -> set[Future[Any]]:
        """Wait until at least one piece of work is done; return those that are.

        While there is no worker at all, `say` is told so now and then.

        Raises
        ------
        ClusterError
            If there is none for half an hour.
        """
        alone_since: float | None = None
        while not (done := wait(futures, _LOOK_SECONDS, FIRST_COMPLETED).done):
            now = time.monotonic()
            if self._staffed():
                alone_since = None
                continue
            alone_since = now if alone_since is None else alone_since
            if now - alone_since > _ALONE_SECONDS:
                raise ClusterError(
                    f"no worker for {_ALONE_SECONDS / 60:.0f} minutes",
                    expected="at least one",
                    where=self._where,
                    fix="Start workers and repeat the command: what was done is kept. No file is "
                    "at fault.",
                )
            if say is not None:
                say(f"waiting for a worker to join {self._where}")
        return done

    def _staffed(self) -> bool:
        """Tell whether there is any worker; workers of our own are started again by themselves."""
        if self._versions is None:
            return True
        try:
            return bool(self._client.nthreads())
        except (OSError, ValueError, RuntimeError):  # the scheduler is gone: the work says so
            return True

    def result(self, future: Future[Any], say: Callable[[str], None] | None = None) -> Any:
        """Wait for a piece of work as `wait` does, and return what came of it.

        Raises
        ------
        ClusterError
            If the cluster is at fault: other versions, a scheduler that is gone, or no worker.
        RawkitError
            What the work raises of these.
        Exception
            Anything else: the work raised it, or the worker died of it or took too much memory.
        """
        from distributed import KilledWorker  # noqa: PLC0415 - half a second

        self.wait([future], say)
        try:
            found = unpack(future.result())
        except (RawkitError, KilledWorker, MemoryError):
            raise
        except Exception as error:
            if not isinstance(error, CancelledError):  # which comes where the scheduler is gone
                self.check()
            raise ClusterError(
                f"work that could not be handed over ({_words(error)})",
                expected="a scheduler that goes on, and workers that can import rawkit",
                where=self._where,
                fix="What was done is kept: look at the logs of the scheduler and its workers, and "
                "repeat the command. No file is at fault.",
            ) from error
        if isinstance(found, Raised):
            raise found.error
        return found

    def ask(self, function: Callable[..., Any], *arguments: object) -> dict[str, Any]:
        """Call a function on every worker that is there now, even while it works.

        Returns
        -------
            What each returned, by its address.

        Raises
        ------
        ClusterError
            If one has other versions, or does not answer.
        RawkitError
            What the function raises of these, on whichever worker.
        """
        given = {"work": pack((function, arguments)), "versions": self._versions}
        answers = self._client.run(eval, _RUN, given, on_error="return")
        for where, found in answers.items():
            if isinstance(found, RawkitError):
                raise found
            answer = found if isinstance(found, Exception) else unpack(found)
            error = answer.error if isinstance(answer, Raised) else answer
            if isinstance(error, Exception):
                raise ClusterError(
                    f"a worker does not answer ({_words(error)})",
                    expected="workers that can be reached from the scheduler", where=where,
                    fix="Look at its log, end it or start it again, and repeat the command. No "
                    "file is at fault.",
                ) from error  # fmt: skip
            answers[where] = answer
        return dict(answers)

    def check(self) -> None:
        """Ask the scheduler and every worker for their versions.

        The scheduler passes on what it does not unpack, and needs no rawkit.

        Raises
        ------
        ClusterError
            If one differs; names the first, and says how many more do.
        """
        if self._versions is None:
            return
        needed = {name: self._versions[name] for name in ("dask", "distributed", "cloudpickle")}
        scheduler = self._client.get_versions()["scheduler"]["packages"]
        self._compare({f"scheduler {self._where}": scheduler}, needed)
        given = {"packages": tuple(self._versions)}
        answers = self._client.run(eval, _ASK, given, on_error="return")
        self._compare({f"worker {where}": one for where, one in answers.items()}, self._versions)

    @property
    def _where(self) -> str:
        return str(self._client.scheduler.address) if self._client.scheduler else "gone"

    @staticmethod
    def _compare(
        answers: Mapping[str, Mapping[str, str] | Exception], expected: Mapping[str, str]
    ) -> None:
        """Raise for the first that differs."""
        different = {
            where: (
                [_without_answer(found)]
                if isinstance(found, Exception)
                else differences(expected, found)
            )
            for where, found in answers.items()
        }
        bad = [where for where, what in different.items() if what]
        if bad:
            raise not_the_same(bad[0], different[bad[0]], len(bad) - 1)


def _without_answer(error: Exception) -> str:
    if isinstance(error, ImportError | AttributeError):  # no rawkit, or somebody else's
        return f"rawkit cannot be imported there ({_words(error)})"
    return f"it does not say what it has ({_words(error)})"


def _words(error: Exception) -> str:
    """Return an error's kind and its first line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
