"""``rawkit report``: a study as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._print import print_json, size
from rawkit.cli._size import SIZE
from rawkit.errors import UsageError

if TYPE_CHECKING:
    from rawkit.workspace import Workspace


@click.command()
@click.option("--run", "runs", multiple=True, metavar="NAME",
              help="Run to tell of, several times for more.  [default: all]")  # fmt: skip
@click.option("--evaluation", "evaluations", multiple=True, metavar="NAME",
              help="Evaluation to tell of, likewise.  [default: all]")  # fmt: skip
@click.option("--title", help="Heading of the page.")
@click.option("--sheet", "sheets", multiple=True,
              type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Contact sheet to put in.  [default: those in show/]")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Page to write.  [default: report.html in the workspace]")  # fmt: skip
@click.option("--figures", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for each figure as PNG and SVG.")  # fmt: skip
@click.option("--video-size", type=SIZE, default="1.5MB", show_default=True,
              help="What each video may take; larger ones are compressed more.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def report(
    workspace: Workspace, /, runs: tuple[str, ...], evaluations: tuple[str, ...],
    title: str | None, sheets: tuple[Path, ...], output: Path | None, figures: Path | None,
    video_size: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Write one HTML file with all that training runs and evaluations have found.

    The page loads nothing from anywhere: PSNR and SSIM over the steps beside published figures,
    means with intervals by collection, camera, ISO, exposure and ratio, maps of ISO by shutter,
    colour casts, and the best, median and worst pictures to compare with a slider. Of videos it has
    how steady their brightness is, and plays those that `rawkit evaluate --videos` has saved.

    \b
    rawkit report
    rawkit report --run all-lamba2021-001 --figures figures
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.report import load_study, sheets_of

    try:
        from rawkit.report import write_report
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed",
            expected="the extra report",
            fix='pip install "rawkit-lowlight[report]"',
        ) from error

    study = load_study(workspace, title=title, runs=runs, evaluations=evaluations)
    written = write_report(
        study,
        output or workspace.root / "report.html",
        figure_folder=figures,
        sheets=sheets or sheets_of(workspace),
        film_bytes=video_size,
        progress=TerminalProgress(),
    )
    if as_json:
        print_json({
            "page": str(written.page), "bytes": written.bytes,
            "runs": [run.name for run in study.runs],
            "evaluations": [one.evaluation.id for one in study.evaluations],
            "figures": [str(path) for path in written.figures],
        })  # fmt: skip
        return
    click.echo(f"{written.page}  ({size(written.bytes)})")
    if written.figures:
        click.echo(f"{len(written.figures)} files of figures in {figures}")
