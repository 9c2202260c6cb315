"""Results on standard output, progress on standard error."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rawkit.progress import Advance

_BAR_AFTER = 0.5
"""Seconds before a bar appears: what is over by then needs none."""
_KILO = 1000


class BarProgress:
    """Draws a bar on a terminal; elsewhere one line for each finished stage."""

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Show one stage."""
        started = time.monotonic()
        counted = 0
        try:
            if sys.stderr.isatty():
                with _bar(label, total, unit) as advance_bar:

                    def advance(done: int = 1, note: str = "") -> None:
                        nonlocal counted
                        counted += done
                        advance_bar(done, note)

                    yield advance
            else:

                def count_only(done: int = 1, note: str = "") -> None:  # noqa: ARG001
                    nonlocal counted
                    counted += done

                yield count_only
        finally:
            seconds = time.monotonic() - started
            if not sys.stderr.isatty() and seconds >= _BAR_AFTER:
                of = f"/{total}" if total is not None and counted != total else ""
                click.echo(f"{label}: {counted}{of} {unit} in {seconds:.1f} s", err=True)


@contextmanager
def _bar(label: str, total: int | None, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(TextColumn):
        """Units a second, over the last of them."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.3g} {unit}/s")

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        RateColumn(""),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
        disable=False,
    )
    with bar:
        task = bar.add_task(label, total=total, note="")

        def advance(done: int = 1, note: str = "") -> None:
            bar.update(task, advance=done)
            if note:
                bar.update(task, note=note)

        yield advance


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out rows under headers; numbers are aligned to the right."""
    texts = [[_text(value) for value in row] for row in rows]
    widths = [
        max([len(header), *(len(row[column]) for row in texts)])
        for column, header in enumerate(headers)
    ]
    right = [
        bool(rows) and all(isinstance(row[column], int | float) for row in rows)
        for column in range(len(headers))
    ]

    def line(cells: Sequence[str]) -> str:
        parts = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(cells, widths, right, strict=True)
        )
        return "  ".join(parts).rstrip()

    return "\n".join(line(cells) for cells in [list(headers), *texts])


def fields(values: dict[str, object]) -> str:
    """Lay out names and values, one a line."""
    width = max((len(name) for name in values), default=0)
    return "\n".join(
        f"{name.ljust(width)}  {_text(value)}".rstrip() for name, value in values.items()
    )


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10 * _KILO else f"{value:.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value)
    return str(value)


def size(count: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < _KILO:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _KILO
    return f"{count:.2f} TB"


def duration(seconds: float) -> str:
    """Return a time for people."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def print_json(value: Any) -> None:
    """Write JSON; numbers that JSON has no word for become null."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124
        return None
    return value
