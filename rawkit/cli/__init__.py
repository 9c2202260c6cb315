"""The command line: one file for each command, which parses, calls the library and prints.

Nothing heavy is imported here or at the top of a command's file: ``rawkit --help`` answers at
once.
"""

from __future__ import annotations

import click

from rawkit import __version__
from rawkit.cli._group import RawkitGroup, name_variables
from rawkit.cli._workspace import add_place_options, open_workspace, place_options, takes_places
from rawkit.cli.adapt import adapt
from rawkit.cli.calibrate import calibrate
from rawkit.cli.demo import demo
from rawkit.cli.evaluate import evaluate
from rawkit.cli.export import export
from rawkit.cli.fetch import fetch
from rawkit.cli.info import info
from rawkit.cli.ingest import ingest
from rawkit.cli.models import models
from rawkit.cli.report import report
from rawkit.cli.restore import restore
from rawkit.cli.run import run
from rawkit.cli.scan import scan
from rawkit.cli.serve import serve
from rawkit.cli.show import show
from rawkit.cli.subset import subset
from rawkit.cli.synth import synth
from rawkit.cli.train import train
from rawkit.cli.verify import verify


@click.group(
    cls=RawkitGroup,
    context_settings={"auto_envvar_prefix": "RAWKIT", "help_option_names": ["-h", "--help"]},
    epilog="Any option can also be set as RAWKIT_COMMAND_OPTION in the environment, or under "
    "[command] in rawkit.toml in the workspace.",
)
@click.version_option(__version__, prog_name="rawkit")
@click.pass_context
def main(ctx: click.Context) -> None:
    """From raw low-light photographs to training batches and back to pictures.

    \b
    rawkit ingest mid --iso 100,200      collection -> store
    rawkit subset --fraction 0.4         store      -> reproducible, nested subset
    rawkit train                         subset     -> checkpoint, in bounded memory
    rawkit restore photos/*.ARW          raw files  -> pictures
    """  # noqa: D301 - click takes the backspace itself
    command = main.commands.get(ctx.invoked_subcommand or "")
    if command is None or not takes_places(command):
        ctx.default_map = open_workspace(ctx)


main.params += place_options()
for command in (
    adapt,
    calibrate,
    demo,
    export,
    evaluate,
    fetch,
    info,
    ingest,
    models,
    report,
    restore,
    run,
    scan,
    serve,
    show,
    subset,
    synth,
    train,
    verify,
):
    main.add_command(command)
    if command not in (demo, models, synth):  # which work from no workspace
        add_place_options(command)
name_variables(main)
