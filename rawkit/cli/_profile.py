"""Options that name profiles of cameras, and what is done to mosaics by them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rawkit.locations import Location
    from rawkit.restore import Mending

Function = TypeVar("Function", bound="Callable[..., Any]")
_STORED = "stored"


def profile_options(function: Function) -> Function:
    """Add the options of profiles."""
    for option in (
        click.option(
            "--hot-pixels/--no-hot-pixels", "hot_pixels", default=None,
            help="Mend the hot and dead pixels of the profile.  [default: with --profile]",
        ),
        click.option(
            "--dark-shading/--no-dark-shading", "dark_shading", default=None,
            help="Subtract the dark shading of the profile at each frame's ISO.  [default: with "
            "--profile]",
        ),
        click.option(
            "--profile", "profiles", multiple=True, metavar="MODEL.toml|stored",
            help="Profile of the camera, of `rawkit calibrate`; or those that travel with stores. "
            "Networks that are told the noise have it of the profile, too. May be repeated.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def mending_of_options(
    options: dict[str, Any], stores: Iterable[Location] = ()
) -> Mending | None:  # fmt: skip
    """Return what is asked of profiles; None: nothing. `stores` are those whose frames are used."""
    named: tuple[str, ...] = options["profiles"]
    if not named:
        for name in ("dark_shading", "hot_pixels"):
            if options[name] is not None:
                no = "" if options[name] else "no-"
                raise click.UsageError(f"--{no}{name.replace('_', '-')} goes with --profile")
        return None
    shading = options["dark_shading"] is not False
    for name in ("black", "black_level"):
        if shading and options.get(name) is not None:
            said = f"--{name.replace('_', '-')}"
            raise click.UsageError(
                f"{said} and the dark shading of --profile both say what darkness is: use "
                f"--no-dark-shading, or leave {said}"
            )
    from rawkit.restore import mending_of

    return mending_of(
        [Path(one) for one in named if one != _STORED], stores, stored=_STORED in named,
        dark_shading=shading, hot_pixels=options["hot_pixels"] is not False,
    )  # fmt: skip
