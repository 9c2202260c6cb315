"""``rawkit restore``: dark raw files into pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from rawkit.cli._group import NUMBERS
from rawkit.cli._print import BarProgress, print_json, table

if TYPE_CHECKING:
    from rawkit.workspace import Workspace


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("restored"),
    show_default=True, help="Folder for the pictures.",
)  # fmt: skip
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Published weights, or a checkpoint.  [default: the best of the newest run]",
)
@click.option(
    "--m", "multiples", type=NUMBERS,
    help="Brightness: multiples of the estimated amplification, such as 1,5,8; one picture each.",
)  # fmt: skip
@click.option(
    "--format", "kind", type=click.Choice(["png", "jpeg", "tiff"]), default="png",
    show_default=True, help="File format of the pictures.",
)  # fmt: skip
@click.option(
    "--bits", type=click.Choice(["8", "16"]), default="8", show_default=True,
    help="Bits per channel; 16 for png and tiff.",
)  # fmt: skip
@click.option("--linear", is_flag=True, help="Write linear light instead of the BT.709 curve.")
@click.option("--skip-existing", is_flag=True, help="Leave files alone whose pictures are there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_obj
def restore(
    workspace: Workspace,
    files: tuple[Path, ...],
    output: Path,
    weights: Path | None,
    multiples: tuple[float, ...] | None,
    kind: Literal["png", "jpeg", "tiff"],
    bits: str,
    linear: bool,
    skip_existing: bool,
    as_json: bool,
) -> None:
    """Restore raw FILES (or folders of them) into pictures.

    Every pixel of the visible area comes back. Levels are each file's own.

    \b
    rawkit restore photos/*.ARW -o out
    rawkit restore dark.dng --weights lamba2021/weights --m 1,5,8
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.restore import Output, PictureFormat, load_restorer, raw_files, restore_files
    from rawkit.train.runs import newest_weights

    found = raw_files(files)
    restorer = load_restorer(weights or newest_weights(workspace))
    if restorer.licence:
        click.echo(f"weights: {restorer.licence}", err=True)
    chosen = Output(
        folder=output,
        format=PictureFormat(kind, int(bits)),
        multiples=multiples,
        linear=linear,
        skip_existing=skip_existing,
    )
    report = restore_files(found, chosen, restorer, BarProgress())
    if as_json:
        print_json(
            {
                "restored": [
                    {
                        "source": str(one.source),
                        "picture": str(one.picture),
                        "amplification": one.amplification,
                        "seconds": one.seconds,
                    }
                    for one in report.restored
                ],
                "skipped": [str(path) for path in report.skipped],
                "failed": [
                    {"source": str(path), "kind": error.kind, "reason": error.reason}
                    for path, error in report.failed
                ],
            }
        )
    else:
        rows = [(one.picture, one.amplification, one.seconds) for one in report.restored]
        click.echo(table(("picture", "amplification", "seconds"), rows))
        if report.skipped:
            click.echo(f"there already: {len(report.skipped)} files")
    for path, error in report.failed:
        click.echo(f"failed ({error.kind}): {path}: {error.reason}", err=True)
    if report.failed:
        raise SystemExit(1)
