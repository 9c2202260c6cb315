"""``rawkit models``: the networks there are."""

from __future__ import annotations

import click

from rawkit.cli._print import fields, print_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the networks: size, work, how far they see, licence of published weights.

    \b
    rawkit models
    """  # noqa: D301 - click's mark for a block is a real backspace
    from rawkit.models import (
        NETWORKS,
        count_macs,
        count_parameters,
        receptive_field,
        receptive_frames,
    )

    found = [
        {
            "name": network.name,
            "title": network.title,
            "cell": network.cell.name,
            "parameters": count_parameters(network.name),
            "gmac": count_macs(network.name) / 1e9,
            "takes": "clips" if network.takes_clips else "mosaics",
            "receptive_field": receptive_field(network.name),
            "receptive_frames": receptive_frames(network.name),
            "multiple": network.multiple,
            "licence": network.licence,
            "cameras": list(network.cameras),
            "reference": network.reference,
        }
        for network in NETWORKS.values()
    ]
    if as_json:
        print_json(found)
        return
    texts = [
        {
            "name": one["name"],
            "title": one["title"],
            "parameters": f"{one['parameters']:,}",
            "GMAC at 2048x4096": f"{one['gmac']:.1f}"
            + (" a frame" if one["takes"] == "clips" else ""),
            "takes": "clips of neighbouring frames" if one["takes"] == "clips" else "single frames",
            "mosaic": one["cell"],
            "receptive field": f"{one['receptive_field']} pixels to each side"
            + (f", {one['receptive_frames']} frames" if one["receptive_frames"] else ""),
            "sides": f"multiples of {one['multiple']} (padded and cut by itself)",
            "published weights": one["licence"],
            "trained on": ", ".join(NETWORKS[str(one["name"])].cameras),
            "paper": one["reference"],
        }
        for one in found
    ]
    click.echo("\n\n".join(fields(one) for one in texts))
