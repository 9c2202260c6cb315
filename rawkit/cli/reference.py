"""Makes pages of docs/reference from the code: ``python -m rawkit.cli.reference [errors]``."""

from __future__ import annotations

import inspect
import sys

import click

from rawkit import errors
from rawkit.cli import main
from rawkit.errors import RawkitError

_HEAD = """# Commands

Made by `python -m rawkit.cli.reference`; a test checks that it is current.

Exit codes: 0 done (files that were skipped are listed), 1 something asked for failed, 2 called
wrong. Results go to standard output, progress and messages to standard error.
"""
_ERRORS_HEAD = """# Errors

Made by `python -m rawkit.cli.reference errors` from `rawkit/errors.py`; a test checks that it is
current.

An error says what was found, what was expected, where, and what to do. On the command line it is
one line on standard error, `error (KIND): MESSAGE`, and the exit code is 2 for `usage`, else 1. In
Python it is an exception with the parts of its message:

```python
import rawkit.errors
from rawkit.stream import open_stream

try:
    open_stream("nowhere")
except rawkit.errors.RawkitError as error:
    error.kind, error.found, error.expected, error.where, error.fix
```

A kind is a stable word, for scripts; a class catches the kinds below it, too. The kinds of a
[raw file](#raw-file) also stand in lists of files that were left out, in
`stores/COLLECTION.quarantine.jsonl` and in manifests: there they end nothing. Such lists know a few
words more:

| word | why the file is left out, or what is said of it |
|---|---|
| `alone` | `rawkit adapt`: no other photo of the same scene fits it |
| `camera` | `rawkit adapt --profile`: it is of another camera than the profile |
| `clipped` | `rawkit adapt`: too much of it is clipped for a long |
| `dark` | `rawkit adapt --profile`: too dark or too noisy to be what is learned |
| `exposure` | `rawkit adapt`: its exposure is unknown, or too near to that of the others |
| `foreign` | its name is not one of the collection |
| `same` | `rawkit adapt --profile`: another photo shows the same, with more light |
| `pair` | `rawkit adapt`: compared closely, it does not fit its long |
| `name` | its name is not valid text, or leads out of its archive |
| `same-name` | another file of that name comes first |
| `unsupported-archive` | an archive's member that is encrypted, a link, or compressed otherwise |
| `quarantined` | it failed before and has not changed |
| `spare-long` | its pair has a longer exposure, or one as long |
| `level` | it is ingested; its black level does not fit its pixels |
| `no-target` | it is ingested; it has no rendered target, for the reason given |
| `decoder` | it is ingested; two decoders differ on it, or it could not be compared |

## The tree

```text
{tree}
```

## The kinds
"""


def reference() -> str:
    """Return the page of commands: the help of each and its parts, in alphabetical order."""
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


def error_reference() -> str:
    """Return the page of errors: each kind, when it is raised and what to do."""
    found = _below(RawkitError, 0)
    width = max(2 * depth + len(one.__name__) for one, depth in found) + 2
    tree = [f"{'  ' * depth + one.__name__:{width}}{one.kind}" for one, depth in found]
    head = _ERRORS_HEAD.replace("{tree}", "\n".join(["RawkitError", *(f"  {x}" for x in tree)]))
    return "\n".join([head, *(_error(one) for one, _ in found)])


def _below(base: type[RawkitError], depth: int) -> list[tuple[type[RawkitError], int]]:
    """Return the errors below one with their depth, in the order of the file."""
    found: list[tuple[type[RawkitError], int]] = []
    for one in base.__subclasses__():
        if one.__module__ == errors.__name__:
            found += [(one, depth), *_below(one, depth + 1)]
    return found


def _error(one: type[RawkitError]) -> str:
    when, _, then = inspect.cleandoc(one.__doc__ or "").partition("\n\n")
    return f"### {one.kind}\n\n`{one.__name__}`. {when}\n\n{then}\n"


if __name__ == "__main__":
    click.echo(error_reference() if sys.argv[1:] == ["errors"] else reference(), nl=False)
