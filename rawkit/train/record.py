"""What a run writes down while it goes: metrics as JSON lines, and for TensorBoard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError
from rawkit.files import output_errors, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

METRICS, BOARD = "metrics.jsonl", "tensorboard"


class Record:
    """Lines of metrics, one JSON object each, by step.

    Lines of steps after `step`, where a run that is resumed stands, are dropped: they tell of
    steps that will be done again.

    Raises
    ------
    UsageError
        If TensorBoard is wanted and not installed.
    OutputError
        If the file cannot be written.
    """

    def __init__(self, folder: Path, step: int = 0, *, board: bool = False) -> None:
        self._path = folder / METRICS
        self._lines = _lines_until(self._path, step)
        if self._path.exists():
            self._write()
        self._board: Any = _board(folder / BOARD, step) if board else None

    def add(self, values: Mapping[str, float | int | None]) -> None:
        """Write the values of a step, in place of what there is of the same step."""
        line = json.dumps(values)
        if self._lines and _step(self._lines[-1]) == values["step"]:
            self._lines[-1] = line
            self._write()
        else:
            self._lines.append(line)
            with output_errors(self._path), self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        if self._board is not None:
            for name, value in values.items():
                if name != "step" and value is not None:
                    self._board.add_scalar(name, value, values["step"])
            self._board.flush()

    def close(self) -> None:
        """Write what TensorBoard has not been told yet."""
        if self._board is not None:
            self._board.close()

    def _write(self) -> None:
        write_atomically(self._path, "".join(line + "\n" for line in self._lines).encode())


def _lines_until(path: Path, step: int) -> list[str]:
    """Lines up to a step; one that was cut off in the middle is none."""
    if not path.is_file():
        return []
    with output_errors(path):
        lines = path.read_text("utf-8", errors="replace").splitlines()
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
