"""Filters on the frames of a collection, for all commands that choose some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.cli._group import BANDS, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawkit.catalog import Definition, Selection

_SPLITS = ("train", "val", "test")


def _check_splits(
    _: click.Context, parameter: click.Parameter, value: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    for name in value or ():
        if name not in _SPLITS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(_SPLITS)}", param=parameter)
    return value


_OPTIONS = (
    click.option(
        "--iso", type=BANDS, help="Only dark frames of these ISO speeds, such as 100,400-1600."
    ),
    click.option(
        "--shutter",
        type=BANDS,
        help="Only dark frames of these nominal seconds, within 5%, such as 1/100-1/25.",
    ),
    click.option(
        "--ratio",
        type=BANDS,
        help="Only dark frames of these ratios to their long, within 5%, such as 100-300.",
    ),
    click.option("--scene", type=NAMES, help="Only these scenes; * and ? are wild."),
    click.option("--view", type=NAMES, help="Only these views of a scene; * and ? are wild."),
    click.option(
        "--camera",
        type=NAMES,
        help="Only these models as EXIF spells them; case does not matter, * and ? are wild.",
    ),
    click.option(
        "--split", type=NAMES, callback=_check_splits, help="Only these splits: train, val, test."
    ),
    click.option(
        "--role", type=click.Choice(["short", "long"]), help="Only dark frames, or only longs."
    ),
    click.option(
        "--per-long",
        type=click.Choice(["darkest", "first"]),
        help="One dark frame for each long: the one of the highest ratio, or the first by name.",
    ),
    click.option(
        "--where",
        metavar="EXPRESSION",
        help='Only dark frames of which this is true, such as "iso >= 400 and ratio < 300".',
    ),
    click.option(
        "--without-excluded",
        is_flag=True,
        help="Leave out pairs that the collection's definition names as bad, and those that "
        "`rawkit verify --pairs` has found.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="At most so many dark frames."),
)


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the filters; it hands what it gets of them to `selection_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selection_of(filters: Mapping[str, Any], definition: Definition | None = None) -> Selection:
    """Return the selection that the options ask for.

    Pairs are excluded by `definition`, or by those of all collections that ship, and by what was
    found bad in the workspace of the command.

    Raises
    ------
    UsageError
        If the expression of --where is none.
    DefinitionError
        If a list of bad pairs is none.
    """
    from rawkit import catalog

    names = ("iso", "shutter", "ratio", "scene", "view", "camera", "split", "role", "per_long",
             "where", "limit")  # fmt: skip
    context = click.get_current_context(silent=True)
    workspace = context.obj if context is not None else None
    without = bool(filters.get("without_excluded"))
    return catalog.selection_of(
        **{name: _given(filters[name]) for name in names},
        without_excluded=without,
        definition=definition,
        bad_pairs=workspace.bad_pair_lists() if without and workspace is not None else (),
    )


def _given(value: Any) -> Any:
    """Values of an option; of a list none is a range by itself, as a pair of keywords would be."""
    return (list(value) if isinstance(value, tuple) else value) or None
