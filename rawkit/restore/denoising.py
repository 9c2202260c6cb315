"""An item through a network that gives mosaics, to a DNG or to pictures."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.pictures import LightMeter
from rawkit.restore.denoised import (
    denoised_bands,
    developments_of,
    held_to_develop,
    write_denoised,
)
from rawkit.restore.gallery import written
from rawkit.restore.known_noise import NoiseChoice
from rawkit.restore.work import asked_of, restored_of, write_plain

if TYPE_CHECKING:
    from rawkit.restore.memory import Held
    from rawkit.restore.outcome import Restored
    from rawkit.restore.output import Output
    from rawkit.restore.restorer import Origin, Restorer
    from rawkit.restore.work import Loaded, Work


def denoise(
    work: Work, loaded: Loaded, output: Output, restorer: Restorer, origin: Origin, held: Held
) -> None:
    """Run a network that gives mosaics, for each picture of an item, and write what it gives."""
    item, image, source, capture = work.item, loaded.image, loaded.source, loaded.capture
    if output.colour == "network":
        raise UsageError(
            f"the colours of {restorer.network}, which gives mosaics",
            expected="--colour sensor, or auto: it has none of its own",
        )
    held = held_to_develop(held, image.mosaic, output)
    noise, whence = None, None
    if restorer.needs_noise:
        chosen = output.noise or NoiseChoice(profile=loaded.profile)
        noise, found = chosen.of(image, capture.exposure.iso, loaded.steps)
        whence = f"k {noise.gain:.4g}, sigma {noise.variance**0.5:.4g} ({found})"
    developments = developments_of(image, restorer, output.brightness, origin)
    for path, one in zip(output.pictures(item.name), developments, strict=False):
        started = time.monotonic()
        bands = denoised_bands(image, restorer, origin, noise, held, loaded.steps)
        meter = LightMeter(output.format.bits, linear=output.linear)
        with written(path) as here:
            write_denoised(
                here, bands, source, capture, one, output, PurePath(item.where).name,
                meter if output.compare else None,
            )  # fmt: skip
        plain = write_plain(path, loaded, output, meter) if output.compare else None
        done = replace(
            one, warning=None, fed=1.0 if restorer.stabilised else restorer.trained_factor(origin)
        )
        if output.format.name == "dng":
            done = replace(done, amplification=1.0)
        told: Future[Restored] = Future()
        seconds = time.monotonic() - started
        told.set_result(
            restored_of(
                item, loaded, path, plain, done, restorer, held, (seconds, 0.0), whence,
                asked_of(output),
            )
        )  # fmt: skip
        work.futures.append(told)
