"""Makes docs/reference/cli.md from the commands themselves: ``python -m rawkit.cli.reference``."""

from __future__ import annotations

import click

from rawkit.cli import main

_HEAD = """# Commands

Made by `python -m rawkit.cli.reference`; a test checks that it is current.

Exit codes: 0 done (files that were skipped are listed), 1 something asked for failed, 2 called
wrong. Results go to standard output, progress and messages to standard error.
"""


def reference() -> str:
    """Return the page: the help of every command and its parts, in alphabetical order."""
    parts = [_HEAD, _section("rawkit", main)]
    for name in sorted(main.commands):
        command = main.commands[name]
        parts.append(_section(f"rawkit {name}", command))
        if isinstance(command, click.Group):
            parts += [
                _section(f"rawkit {name} {part}", command.commands[part], "###")
                for part in sorted(command.commands)
            ]
    return "\n".join(parts)


def _section(name: str, command: click.Command, mark: str = "##") -> str:
    with click.Context(
        command, info_name=name, max_content_width=90, terminal_width=90, **main.context_settings
    ) as context:
        return f"{mark} {name}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
