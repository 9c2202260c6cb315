"""The command line: one file for each command, which parses, calls the library and prints.

Nothing heavy is imported here or at the top of a command's file: ``rawkit --help`` answers at
once.
"""

from __future__ import annotations

from pathlib import Path

import click

from rawkit import __version__
from rawkit.cli._group import (
    RawkitGroup,
    defaults_of,
    name_variables,
    read_defaults,
    refuse_url,
    stores_at,
)
from rawkit.cli.demo import demo
from rawkit.cli.evaluate import evaluate
from rawkit.cli.export import export
from rawkit.cli.info import info
from rawkit.cli.ingest import ingest
from rawkit.cli.models import models
from rawkit.cli.report import report
from rawkit.cli.restore import restore
from rawkit.cli.run import run
from rawkit.cli.scan import scan
from rawkit.cli.show import show
from rawkit.cli.subset import subset
from rawkit.cli.synth import synth
from rawkit.cli.train import train
from rawkit.cli.verify import verify
from rawkit.workspace import Workspace


@click.group(
    cls=RawkitGroup,
    context_settings={"auto_envvar_prefix": "RAWKIT", "help_option_names": ["-h", "--help"]},
    epilog="Any option can also be set as RAWKIT_COMMAND_OPTION in the environment, or under "
    "[command] in rawkit.toml in the workspace.",
)
@click.version_option(__version__, prog_name="rawkit")
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="the current folder",
    callback=refuse_url,
    help="Folder with data/, stores/, subsets/ and runs/.",
)
@click.option(
    "--stores",
    metavar="PLACE",
    help="Folder or URL in which stores lie, such as s3://bucket/stores.  "
    "[default: stores/ in the workspace, or `stores` in its rawkit.toml]",
)
@click.pass_context
def main(ctx: click.Context, workspace: Path, stores: str | None) -> None:
    """From raw low-light photographs to training batches and back to pictures.

    \b
    rawkit ingest mid --iso 100,200      collection -> store
    rawkit subset --fraction 0.4         store      -> reproducible, nested subset
    rawkit train                         subset     -> checkpoint, in bounded memory
    rawkit restore photos/*.ARW          raw files  -> pictures
    """  # noqa: D301 - click takes the backspace itself
    tables = read_defaults(workspace)
    ctx.obj = Workspace(workspace, stores_at(stores, tables, workspace))
    ctx.default_map = defaults_of(tables, main, workspace)


for command in (
    demo,
    export,
    evaluate,
    info,
    ingest,
    models,
    report,
    restore,
    run,
    scan,
    show,
    subset,
    synth,
    train,
    verify,
):
    main.add_command(command)
name_variables(main)
