"""Options for what an ingest may use: memory, time for a frame, a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from rawkit.cli._size import SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")


def resource_options(function: Function) -> Function:
    """Add ``--max-ram``, ``--frame-timeout`` and ``--scheduler``."""
    for option in (
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Use a running dask scheduler, such as tcp://host:8786; its workers must see the "
            "same paths, unless results go to s3://.",
        ),
        click.option(
            "--frame-timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=120.0,
            show_default=True,
            help="Seconds after which a frame is given up.",
        ),
        click.option(
            "--max-ram",
            type=SIZE,
            default="2GB",
            show_default=True,
            help="Memory of all processes together; decides how many decode at once.",
        ),
    ):
        function = option(function)
    return function
