"""Bars for people: on a terminal, in a notebook, or one line a stage where neither is."""

from __future__ import annotations

import html
import logging
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rawkit.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.progress import Advance, Progress

_BAR_AFTER = 0.5
"""Seconds before a bar appears: what is over by then needs none."""
_REDRAW = 0.2
"""Seconds between two drawings of a bar in a notebook."""


def progress_here(*, shown: bool = True) -> Progress:
    """Return what shows progress where this process runs: a notebook, a terminal, or nothing."""
    if not shown:
        return SILENT
    if in_notebook():
        return NotebookProgress()
    return TerminalProgress() if sys.stderr.isatty() else SILENT


def in_notebook() -> bool:
    """Tell whether this is the kernel of a notebook, whose front end draws HTML."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


class TerminalProgress:
    """Draws a bar on a terminal; elsewhere writes one line for each stage that took a while."""

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Show one stage."""
        started = time.monotonic()
        counted = 0
        try:
            if sys.stderr.isatty():
                with (
                    _bar(label, total, unit) as advance_bar,
                    _logged(lambda text: advance_bar(0, text)),
                ):

                    def advance(done: int = 1, note: str = "") -> None:
                        nonlocal counted
                        counted += done
                        advance_bar(done, note)

                    yield advance
            else:

                def count_only(done: int = 1, note: str = "") -> None:  # noqa: ARG001
                    nonlocal counted
                    counted += done

                with _logged(lambda text: print(text, file=sys.stderr)):  # noqa: T201 - as below
                    yield count_only
        finally:
            seconds = time.monotonic() - started
            if not sys.stderr.isatty() and seconds >= _BAR_AFTER:
                print(_line(label, counted, total, unit, seconds), file=sys.stderr)  # noqa: T201 - progress goes to standard error


class _Words(logging.Handler):
    """Hands what is logged to whoever shows a stage."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line."""
        self._show(record.getMessage())


@contextmanager
def _logged(show: Callable[[str], None]) -> Iterator[None]:
    """Show what sources say of servers that are waited for; the outermost stage shows it."""
    log = logging.getLogger("rawkit.source")
    if any(isinstance(handler, _Words) for handler in log.handlers):
        yield
        return
    handler = _Words(show)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class NotebookProgress:
    """Draws a bar as HTML below the cell that runs; when done it leaves one line."""

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Show one stage, once it has taken a while."""
        started = drawn = time.monotonic()
        counted, last_note = 0, ""
        shown: Any = None

        def draw() -> None:
            nonlocal shown, drawn
            from IPython.display import HTML, display

            drawn = time.monotonic()
            picture = HTML(_bar_html(label, counted, total, unit, last_note))
            if shown is None:
                shown = display(picture, display_id=True)
            else:
                shown.update(picture)

        def advance(done: int = 1, note: str = "") -> None:
            nonlocal counted, last_note
            counted += done
            last_note = note or last_note
            now = time.monotonic()
            if now - started >= _BAR_AFTER and now - drawn >= _REDRAW:
                draw()

        try:
            with _logged(lambda text: advance(0, text)):
                yield advance
        finally:
            if shown is not None:
                from IPython.display import HTML

                text = _line(label, counted, total, unit, time.monotonic() - started)
                shown.update(HTML(f"<div>{html.escape(text)}</div>"))


def _bar_html(label: str, counted: int, total: int | None, unit: str, note: str) -> str:
    where = f'value="{counted}" max="{total}"' if total else ""
    of = f"{counted}/{total}" if total else f"{counted}"
    words = html.escape(f"{label} {of} {unit} {note}".rstrip())
    return f'<div><progress {where} style="width:20em"></progress> {words}</div>'


def _line(label: str, counted: int, total: int | None, unit: str, seconds: float) -> str:
    of = f"/{total}" if total is not None and counted != total else ""
    return f"{label}: {counted}{of} {unit} in {seconds:.1f} s"


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
