"""Raw files to pictures: decode, amplify, pad, restore, cut, write.

What needs torch is imported when it is first used, so that the processes that decode do without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.late import callable_as, late
from rawkit.restore.amplify import Brightness, parse_amplification, parse_exposure
from rawkit.restore.gallery import looked_at
from rawkit.restore.inputs import Inputs, Item, LocalRaw, find_inputs
from rawkit.restore.manifest import MANIFEST, identity_of
from rawkit.restore.output import Output, existing, planned
from rawkit.restore.stored import StoredFrame, frames_of_stores, frames_of_subset

if TYPE_CHECKING:
    from rawkit.restore.batch import RestoreReport, line_of, restore_files, restore_items
    from rawkit.restore.decoder import Decoded, DecodeJob, Decoder, decoder_memory
    from rawkit.restore.known_noise import NoiseChoice
    from rawkit.restore.memory import Held
    from rawkit.restore.mending import Mending, mending_of
    from rawkit.restore.network import backend_of, load_restorer, restore_bands, restore_image
    from rawkit.restore.outcome import Outcome, Restored
    from rawkit.restore.pipeline import restore_stream
    from rawkit.restore.restorer import Compute, Origin, Restorer
    from rawkit.restore.single import Single, decode_single, restore_single
    from rawkit.restore.tone import toned
    from rawkit.restore.watched import watched

__getattr__ = late(
    __name__,
    {
        "backend_of": "network",
        "Compute": "restorer",
        "DecodeJob": "decoder",
        "Decoded": "decoder",
        "Decoder": "decoder",
        "decoder_memory": "decoder",
        "Held": "memory",
        "Mending": "mending",
        "mending_of": "mending",
        "NoiseChoice": "known_noise",
        "Outcome": "outcome",
        "RestoreReport": "batch",
        "Restored": "outcome",
        "Restorer": "restorer",
        "Single": "single",
        "decode_single": "single",
        "Origin": "restorer",
        "line_of": "batch",
        "load_restorer": "network",
        "restore_bands": "network",
        "restore_files": "batch",
        "restore_image": "network",
        "restore_items": "batch",
        "restore_single": "single",
        "restore_stream": "pipeline",
        "toned": "tone",
        "watched": "watched",
    },
)

callable_as(__name__, "rawkit.api:restore")

__all__ = [
    "MANIFEST",
    "Brightness",
    "Compute",
    "DecodeJob",
    "Decoded",
    "Decoder",
    "Held",
    "Inputs",
    "Item",
    "LocalRaw",
    "Mending",
    "NoiseChoice",
    "Origin",
    "Outcome",
    "Output",
    "RestoreReport",
    "Restored",
    "Restorer",
    "Single",
    "StoredFrame",
    "backend_of",
    "decode_single",
    "decoder_memory",
    "existing",
    "find_inputs",
    "frames_of_stores",
    "frames_of_subset",
    "identity_of",
    "line_of",
    "load_restorer",
    "looked_at",
    "mending_of",
    "parse_amplification",
    "parse_exposure",
    "planned",
    "restore_bands",
    "restore_files",
    "restore_image",
    "restore_items",
    "restore_single",
    "restore_stream",
    "toned",
    "watched",
]
