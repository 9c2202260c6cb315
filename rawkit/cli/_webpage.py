"""``rawkit export --format web``: a page of static files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._print import fields, print_json

if TYPE_CHECKING:
    from pathlib import Path


def export_webpage(folder: Path, weights: Path, accept_licence: bool, as_json: bool) -> None:
    """Write a page to a folder and say how it is served."""
    from rawkit.webpage import write_webpage

    made = write_webpage(
        folder, weights, accept_licence=accept_licence, progress=TerminalProgress()
    )
    if made.licence:
        click.echo(f"weights: {made.licence}", err=True)
    if as_json:
        print_json(
            {
                "network": made.network,
                "folder": str(made.folder),
                "files": [str(path) for path in made.paths],
                "bytes": made.size,
                "licence": made.licence,
                "serve": made.command,
            }
        )
        return
    click.echo(
        fields(
            {
                "network": made.network,
                "page": f"{made.folder}, {len(made.paths)} files, {made.size / 1e6:.1f} MB",
                "serve it by": made.command,
                "then open": "http://127.0.0.1:8000/",
            }
        )
    )
