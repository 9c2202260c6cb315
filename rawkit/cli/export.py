"""``rawkit export``: a trained network as a file of another runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from rawkit.cli._print import fields, print_json

if TYPE_CHECKING:
    from rawkit.workspace import Workspace

_SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
"""By format; the same as `rawkit.models.EXPORTERS` has, which takes torch to import."""


@click.command()
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format", "kind", type=click.Choice(list(_SUFFIXES)), default="onnx", show_default=True,
    help="The runtime: OUTPUT ends in "
    + ", ".join(f"{suffix} for {name}" for name, suffix in _SUFFIXES.items()) + ".",
)  # fmt: skip
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Published weights, or a checkpoint.  [default: the best of the newest run]",
)
@click.option(
    "--check", type=click.Path(path_type=Path),
    help="Raw file to compare torch and the runtime on.  [default: a made-up dark frame]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_obj
def export(
    workspace: Workspace,
    output: Path,
    kind: Literal["onnx", "openvino"],
    weights: Path | None,
    check: Path | None,
    as_json: bool,
) -> None:
    """Write a network to OUTPUT for another runtime, for pictures of any size.

    The runtime's picture is compared with torch's before the file is kept.

    \b
    rawkit export night.onnx
    rawkit export night.xml --format openvino --check photo.ARW
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.models import check_mosaic, export_network, load_network
    from rawkit.sensor import decode
    from rawkit.train import newest_weights

    net, loaded = load_network(weights or newest_weights(workspace))
    if loaded.licence:
        click.echo(f"weights: {loaded.licence}", err=True)
    mosaic = check_mosaic(loaded.network, None if check is None else decode(check))
    made = export_network(net, loaded, output, kind, mosaic)
    found = {
        "network": loaded.network,
        "files": [str(path) for path in made.paths],
        "difference": made.difference,
        "checked_on": f"{check or 'a made-up frame'}, {made.checked_shape[0]}x"
        f"{made.checked_shape[1]} pixels",
    }
    if as_json:
        print_json(found)
        return
    click.echo(
        fields(
            {
                "network": loaded.network,
                "files": ", ".join(str(path) for path in made.paths),
                "differs from torch by at most": f"{made.difference:.1e}",
                "compared on": found["checked_on"],
            }
        )
    )
