"""``rawkit serve``: the page on which anyone restores raw files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rawkit.cli._size import SIZE
from rawkit.errors import UsageError

if TYPE_CHECKING:
    from rawkit.workspace import Workspace


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Address to listen at; any but this machine's own needs --token.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8484, show_default=True,
              help="Port to listen at; 0 takes any that is free.")  # fmt: skip
@click.option("--weights", multiple=True, type=click.Path(path_type=Path),
              help="Published weights, or a checkpoint; several times to have a choice.  "
              "[default: the best of each run, the newest first]")  # fmt: skip
@click.option("--max-ram", type=SIZE, default="2GB", show_default=True,
              help="Memory of all processes together.")  # fmt: skip
@click.option("--token", metavar="TEXT|auto",
              help="What clients must know; auto makes one up and prints it.")  # fmt: skip
@click.option("--keep", type=click.FloatRange(min=0, min_open=True), default=60.0,
              show_default=True, metavar="MINUTES",
              help="Delete files and pictures so long after the last work on them.")  # fmt: skip
@click.option("--frame-timeout", type=click.FloatRange(min=0, min_open=True), default=120.0,
              show_default=True, help="Seconds after which a file is given up.")  # fmt: skip
@click.option("--behind-proxy", is_flag=True,
              help="A reverse proxy in front asks who it is, and says so.")  # fmt: skip
@click.option("--require-sandbox", is_flag=True,
              help="Do not run where the system has no sandbox to read raw files in.")  # fmt: skip
@click.option("--open/--no-open", "opens", default=True, show_default=True,
              help="Open the page in the browser.")  # fmt: skip
@click.pass_obj
def serve(
    workspace: Workspace, /, host: str, port: int, weights: tuple[Path, ...], max_ram: int,
    token: str | None, keep: float, frame_timeout: float, behind_proxy: bool,
    require_sandbox: bool, opens: bool,
) -> None:  # fmt: skip
    """Open a page on which raw files become pictures.

    Drop files or folders on it; each comes back as a picture, with a slider against the plain
    conversion. Nothing leaves the machine, and only this machine may connect.

    \b
    rawkit serve
    rawkit serve --weights lamba2021/weights --port 0 --no-open
    rawkit serve --host 0.0.0.0 --token auto
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.serve import ServeSettings

    try:
        from rawkit.serve import serve as run
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed",
            expected="the extra web",
            fix='pip install "rawkit-lowlight[web]"',
        ) from error

    settings = ServeSettings(
        workspace, weights or _all_weights(workspace), host, port, _token(token), behind_proxy,
        max_ram, keep * 60, frame_timeout, require_sandbox,
    )  # fmt: skip

    def started(address: str, protections: str) -> None:
        click.echo(address)
        click.echo(f"raw files are read apart: {protections}", err=True)

    run(settings, started, opens=opens)


def _token(given: str | None) -> str | None:
    if given != "auto":
        return given
    import secrets

    return secrets.token_urlsafe(24)


def _all_weights(workspace: Workspace) -> tuple[Path, ...]:
    from rawkit.train import newest_weights, weights_of_run

    newest = newest_weights(workspace)
    others = [weights_of_run(workspace, run.name) for run in workspace.runs()[-2::-1]]
    return (newest, *others)
