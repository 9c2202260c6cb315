"""``--headerless``: what raw files hold that do not say so themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rawkit.sensor import Headerless

headerless_option = click.option(
    "--headerless",
    metavar="DESCRIPTION",
    help="What raw files without a header hold: WIDTHxHEIGHT,BITS,PATTERN[,BLACK[,WHITE]], such as "
    "768x512,16,RGGB,512.",
)
"""Gives a command `headerless: str | None`."""


def headerless_of(text: str | None) -> Headerless | None:
    """Read the description; raises as `Headerless.parse`."""
    from rawkit.sensor import Headerless

    return None if text is None else Headerless.parse(text)
