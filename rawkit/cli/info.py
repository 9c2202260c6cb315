"""``rawkit info``: what is in a raw file, a store, a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._camera import profile_text
from rawkit.cli._print import fields, print_json, size
from rawkit.errors import UsageError

if TYPE_CHECKING:
    from rawkit.workspace import Workspace

_PROFILE = "camera profile"
_OF_BOTH = frozenset({"kind", "collection", "title", "homepage", "licence", "citation"})
"""What a collection and its store say alike."""


@click.command()
@click.argument("what")
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path),
              help="HTML page to write of a camera's profile, with figures.")  # fmt: skip
@click.option("--figures", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for each of its figures as PNG and SVG; with --page.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def info(
    workspace: Workspace, what: str, page: Path | None, figures: Path | None, as_json: bool
) -> None:
    """Say what is in WHAT: a raw file, a store, a collection by its name, a camera's profile.

    \b
    rawkit info photo.ARW
    rawkit info mid
    rawkit info cameras/mine.toml --page mine.html
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.report import describe_named

    found = describe_named(what, workspace, TerminalProgress())
    if figures is not None and page is None:
        raise click.UsageError("--figures is for a page: name one with --page")
    if page is not None:
        found["page"] = _write_page(found, page, figures)
    if as_json:
        print_json(found)
        return
    if found["kind"] == _PROFILE:
        click.echo(profile_text(found) + (f"\n\npage  {page}" if page is not None else ""))
        return
    store = found.pop("store", None)
    _print(found)
    if store is not None:
        click.echo("\nits store")
        _print({name: value for name, value in store.items() if name not in _OF_BOTH})


def _write_page(found: dict[str, Any], page: Path, figures: Path | None) -> str:
    """Write the page of a profile that was described, and return its path."""
    from rawkit.noise import read_profile

    if found["kind"] != _PROFILE:
        raise UsageError(f"--page of a {found['kind']}", expected="that of a camera's profile")
    try:
        from rawkit.report import write_camera_page
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed", expected="the extra report",
            fix='pip install "rawkit-lowlight[report]"',
        ) from error  # fmt: skip
    profile = read_profile(Path(found["path"]))
    return str(write_camera_page(profile, page, figure_folder=figures).page)


def _print(found: dict[str, Any]) -> None:
    groups = found.pop("groups", [])
    click.echo(fields(_texts(found)))
    for group in groups:
        click.echo("\n" + fields(_texts(group)))


def _texts(values: dict[str, Any]) -> dict[str, object]:
    return {name.replace("_", " "): _text(name, value) for name, value in values.items()}


def _text(name: str, value: Any) -> object:
    if name == "places":
        return "\n".join(map(_place, value))
    if name == "bytes":
        return size(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} ({count})" for key, count in value.items())
    if name == "profiles":
        return "\n".join(map(_profile, value)) or None
    if name == "left_out":
        return "; ".join(f"{one['name']} ({one['kind']})" for one in value) or None
    if name.endswith("size") or name in ("packed", "target"):
        return value and " x ".join(str(one) for one in value)
    return value


def _profile(one: dict[str, Any]) -> str:
    """Say in one line which profile travels with a store."""
    isos = ", ".join(f"{iso:g}" for iso in one["isos"])
    shading = "dark shading" if one["dark_shading"] else "no dark shading"
    return f"{one['camera']}: ISO {isos}, {shading}, {one['hot_pixels']} hot pixels"


def _place(one: dict[str, Any]) -> str:
    """Say in one line where a part of a collection is offered."""
    about = size(one["size"]) if "size" in one else "size unknown"
    how = f"--source {one['name']}" if one["ranges"] else "by hand, see obtain"
    licence = f", {one['licence']}" if "licence" in one else ""
    return f"{', '.join(one['urls'])}: {one['holds']}, {about}{licence} ({how})"
