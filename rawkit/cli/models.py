"""``rawkit models``: the networks there are."""

from __future__ import annotations

from dataclasses import fields as fields_of

import click

from rawkit.cli._print import fields, print_json

_HIDDEN = frozenset({"builder", "published_modules"})


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the networks: size, work, how far they see, licence of published weights.

    \b
    rawkit models
    """  # noqa: D301 - click's mark for a block is a real backspace
    from rawkit.models import NETWORKS

    found = [
        {one.name: getattr(network, one.name) for one in fields_of(network)
         if one.name not in _HIDDEN}
        for network in NETWORKS.values()
    ]  # fmt: skip
    if as_json:
        print_json(found)
        return
    texts = [
        {
            "name": one["name"],
            "title": one["title"],
            "parameters": f"{one['parameters']:,}",
            "GMAC at 2048x4096": one["gmac"],
            "receptive field": f"{one['receptive_field']} pixels to each side",
            "sides": f"multiples of {one['multiple']} (padded and cut by itself)",
            "published weights": one["licence"],
            "paper": one["reference"],
        }
        for one in found
    ]
    click.echo("\n\n".join(fields(one) for one in texts))
