"""How bright pictures are to be, as ``rawkit restore`` is told."""

from __future__ import annotations

from typing import Any

import click

AUTO = "auto"


def brightness_of(options: dict[str, Any]) -> Any:
    """Return what the options of brightness ask for, a `rawkit.restore.Brightness`."""
    from rawkit.restore import Brightness, parse_amplification, parse_exposure

    named, multiples, exposure = (
        options[key] for key in ("amplification", "multiples", "exposure")
    )
    if multiples is None and exposure is None and named is None:
        return Brightness()
    if multiples == (AUTO,):
        if named is not None or exposure is not None:
            raise click.UsageError("--m auto chooses the brightness: it goes with no other choice")
        return Brightness("expected")
    if multiples is not None and exposure is not None:
        raise click.UsageError("--m multiplies the estimate, --exposure names a ratio: choose one")
    kind, values = (
        parse_amplification(named)
        if named is not None
        else ("auto" if exposure is None else "ratio", ())
    )
    if multiples is not None and kind != "auto":
        raise click.UsageError(f"--m multiplies the estimate: it does not go with {named}")
    if exposure is not None and kind != "ratio":
        raise click.UsageError(f"--exposure names a ratio: it does not go with {named}")
    wanted = None if exposure is None else parse_exposure(exposure)
    return Brightness(kind, multiples or values, wanted)
