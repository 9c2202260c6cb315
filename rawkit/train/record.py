"""What a run writes down while it goes: metrics as JSON lines, and for TensorBoard."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError
from rawkit.files import output_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.train.folder import RunFolder

METRICS, BOARD = "metrics.jsonl", "tensorboard"


class Record:
    """Lines of metrics, one JSON object each, by step.

    Lines of steps after `step`, where a run that is resumed stands, are dropped: they tell of
    steps that will be done again. On this machine each line is written as it is added. Nothing can
    be added to an object in a store: there all lines are written again by `sync`, with the
    checkpoint that they lead to.

    Raises
    ------
    UsageError
        If TensorBoard is wanted and not installed.
    OutputError, StoreUnreachableError
        If the file cannot be read or written.
    """

    def __init__(self, folder: RunFolder, step: int = 0, *, board: bool = False) -> None:
        self._folder = folder
        there = folder.read(METRICS)
        self._lines = _lines_until(there or b"", step)
        self._written = True
        """Whether the file has all lines."""
        if there is not None:
            self._write()
        self._board: Any = None
        self._staged: tempfile.TemporaryDirectory[str] | None = None
        self._sent: dict[str, int] = {}
        if board:
            where = folder.local
            if where is None:
                self._staged = tempfile.TemporaryDirectory(prefix="rawkit-board-")
                where = Path(self._staged.name)
            self._board = _board(where / BOARD, step)

    def add(self, values: Mapping[str, float | int | None]) -> None:
        """Note the values of a step, in place of what there is of the same step."""
        line = json.dumps(values)
        self._written = False
        again = bool(self._lines) and _step(self._lines[-1]) == values["step"]
        if again:
            self._lines.pop()
        self._lines.append(line)
        if self._folder.local is not None:
            if again:
                self._write()
            else:
                self._append(line, self._folder.local / METRICS)
        if self._board is not None:
            for name, value in values.items():
                if name != "step" and value is not None:
                    self._board.add_scalar(name, value, values["step"])
            self._board.flush()

    def sync(self) -> None:
        """See to it that the run's folder has all that was noted."""
        if not self._written:
            self._write()
        if self._staged is None:
            return
        root = Path(self._staged.name)
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and path.stat().st_size != self._sent.get(name):
                data = path.read_bytes()
                self._folder.write(name, data)
                self._sent[name] = len(data)

    def close(self) -> None:
        """Write what has not been written yet."""
        if self._board is not None:
            self._board.close()
        try:
            self.sync()
        finally:
            if self._staged is not None:
                self._staged.cleanup()

    def _append(self, line: str, path: Path) -> None:
        with output_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._written = True

    def _write(self) -> None:
        self._folder.write(METRICS, "".join(line + "\n" for line in self._lines).encode())
        self._written = True


def _lines_until(data: bytes, step: int) -> list[str]:
    """Lines up to a step; one that was cut off in the middle is none."""
    lines = data.decode("utf-8", errors="replace").splitlines()
    return [line for line in lines if 0 <= _step(line) <= step]


def _step(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return -1


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "TensorBoard is not installed",
            expected="the extra tensorboard",
            fix="pip install rawkit-lowlight[tensorboard], or leave --tensorboard out.",
        ) from error
    with output_errors(folder):
        return SummaryWriter(str(folder), purge_step=step + 1)
