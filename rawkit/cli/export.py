"""``rawkit export``: a trained network as a file of another runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from rawkit.cli._group import ListOf
from rawkit.cli._print import fields, print_json
from rawkit.cli._print import size as in_bytes

if TYPE_CHECKING:
    from rawkit.models import Card
    from rawkit.workspace import Workspace

_SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "litert": ".tflite", "executorch": ".pte"}
"""By format; the same as `rawkit.models.EXPORTERS` has, which takes torch to import."""


def _height_and_width(text: str) -> tuple[int, int]:
    height, width = text.lower().split("x")
    return int(height), int(width)


_SIZES = ListOf(_height_and_width, "sizes", "heights and widths such as 512x768,736x1280")


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--format", "kind", type=click.Choice([*_SUFFIXES, "web"]), default="onnx", show_default=True,
    help="The runtime: OUTPUT ends in "
    + ", ".join(f"{suffix} for {name}" for name, suffix in _SUFFIXES.items())
    + "; web: a folder with a page that restores raw files in the browser.",
)  # fmt: skip
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Published weights, or a checkpoint.  [default: the best of the newest run]",
)
@click.option(
    "--size", "sizes", type=_SIZES,
    help="For litert and executorch: heights and widths of mosaics in pixels, such as "
    "512x768,736x1280.  [default: 512x768]",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(["f32", "f16", "int8"]), default="f32", show_default=True,
    help="f16 for litert and executorch, int8 (weights alone) for litert: not exact, the loss is "
    "printed.",
)  # fmt: skip
@click.option(
    "--delegate", type=click.Choice(["xnnpack", "coreml"]),
    help="What runs a .pte on the phone; coreml, an extra, cannot be tried here.  "
    "[default: xnnpack]",
)  # fmt: skip
@click.option(
    "--check", type=click.Path(path_type=Path),
    help="Raw file to compare torch and the runtime on.  [default: a made-up dark frame]",
)  # fmt: skip
@click.option(
    "--accept-licence", is_flag=True,
    help="web: whoever opens the page is handed the weights, under the terms that they have.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_obj
def export(
    workspace: Workspace,
    output: Path,
    kind: Literal["onnx", "openvino", "litert", "executorch", "web"],
    weights: Path | None,
    sizes: tuple[tuple[int, int], ...] | None,
    precision: Literal["f32", "f16", "int8"],
    delegate: str | None,
    check: Path | None,
    accept_licence: bool,
    as_json: bool,
) -> None:
    """Write a network to OUTPUT for another runtime.

    ONNX and OpenVINO take pictures of any size, LiteRT and ExecuTorch, for phones, those named with
    --size. The runtime's picture is compared with torch's before the file is kept; beside it lies a
    card, OUTPUT.card.json, of what a program must know to use it.

    \b
    rawkit export night.onnx
    rawkit export night.xml --format openvino --check photo.ARW
    rawkit export night.tflite --format litert --size 512x768,736x1280 --precision f16
    rawkit export site --format web --weights weights --accept-licence
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.models import check_mosaic, export_network, load_network
    from rawkit.sensor import decode
    from rawkit.train import newest_weights

    if kind == "web":
        from rawkit.cli._webpage import export_webpage

        export_webpage(output, weights or newest_weights(workspace), accept_licence, as_json)
        return
    net, loaded = load_network(weights or newest_weights(workspace))
    if loaded.licence:
        click.echo(f"weights: {loaded.licence}", err=True)
    side = {} if not sizes else {"side": max(map(max, sizes))}
    mosaic = check_mosaic(loaded.network, None if check is None else decode(check), **side)
    on = "a made-up frame" if check is None else check.name
    made = export_network(
        net, loaded, output, kind, mosaic,
        sizes=sizes or (), precision=precision, delegate=delegate or "", checked_on=on,
    )  # fmt: skip
    if as_json:
        print_json(_told(made.card, made.paths, made.difference, check))
    else:
        click.echo(fields(_shown(made.card, made.paths)))


def _told(
    card: Card, paths: tuple[Path, ...], difference: float, check: Path | None
) -> dict[str, Any]:
    last = card.checks[-1] if card.checks else None
    return {
        "network": card.network,
        "files": [str(path) for path in paths],
        "difference": difference,
        "checked_on": None
        if last is None
        else f"{check or 'a made-up frame'}, {last.height}x{last.width} pixels",
        "card": card.model_dump(mode="json"),
    }


def _shown(card: Card, paths: tuple[Path, ...]) -> dict[str, object]:
    compared = [
        f"{one.height}x{one.width} of {one.on}: differs from torch by at most "
        f"{one.difference:.1e}"
        + ("" if one.psnr is None else f" ({one.psnr:.1f} dB)")
        + f", {1000 * one.seconds:.0f} ms, torch {1000 * one.torch_seconds:.0f} ms"
        for one in card.checks
    ]
    return {
        "network": card.network,
        "files": ", ".join(str(path) for path in paths),
        "size": in_bytes(card.bytes),
        "compared on": "\n".join(compared) or f"nothing: {card.unchecked}",
        "by": f"{card.runtime}, {card.machine}",
    }
