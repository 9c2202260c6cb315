"""What restoring holds beside the network: the process that decodes, pictures on their way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rawkit.colour import anchor_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

# Measured as resident memory, rounded up.
_DECODER = 115 * 10**6
"""Bytes of the process that decodes, before its first file and after each."""
_DECODED_PIXEL = 8
"""Bytes a pixel that decoding takes: the file, the mosaic, its copies and counts."""
_RENDERED_PIXEL = 22
"""The same where LibRaw renders, too."""
_LINEAR_DECODED_PIXEL, _LINEAR_RENDERED_PIXEL = 17, 32
"""Both for a linear file, of which LibRaw keeps four values a pixel."""
_PLAIN_PIXEL = 9
"""LibRaw's conversion at 16 bits, and the counts of its values."""
_MOSAIC_PIXEL = 2
_CHANNELS = 3
_WAITING_BANDS = 4
"""Rounded bands at a time: one that is made, two that wait, one that is written."""


@dataclass(frozen=True, slots=True)
class Held:
    """Memory that a picture shares with the network that restores it."""

    others: Mapping[str, int] = field(default_factory=dict)
    """Bytes held while the network runs, by purpose."""
    before: int = 0
    """Bytes held before it, by what has ended when it begins."""
    band_pixel: int = 0
    """Bytes a pixel of a band: of the bands that wait for the writer."""

    def anchored(self, width: int, block: int) -> Held:
        """Add what giving pictures the sensor's colours takes, see `anchor_memory`.

        The network waits meanwhile, so what is taken at work counts as if it were taken before.
        """
        taken = anchor_memory(width, block)
        return Held(
            {**self.others, "colours": taken.kept},
            max(self.before, taken.at_work),
            self.band_pixel + taken.band_pixel,
        )


def held_beside(
    pixels: int,
    bits: int,
    *,
    decoder: bool,
    ahead: bool,
    compare: bool,
    turned: int,
    linear: bool = False,
    mended: bool = False,
) -> Held:
    """Say what is held beside the network.

    Parameters
    ----------
    pixels
        Of the mosaic; the next one is taken to be as large.
    bits
        Bits per channel of the picture.
    decoder
        Whether files are decoded in a process of their own.
    ahead
        Whether the next file is decoded meanwhile.
    compare
        Whether there is a plain conversion.
    turned
        Bytes that are kept to turn the picture upright.
    linear
        Whether the file is linear.
    mended
        Whether mosaics are mended by a profile, which makes other ones.
    """
    picture = pixels * _CHANNELS * bits // 8
    decoding = pixels * _decoding_pixel(compare=compare, linear=linear)
    decoding += _DECODER if decoder else 0
    loaded = pixels * (_MOSAIC_PIXEL + (2 * _CHANNELS if compare else 0))
    others = {
        "decoder": decoding if ahead else 0,
        "next file": loaded if ahead else 0,
        # Its light is matched, and it is turned, while the network may be at the next picture.
        "plain conversion": pixels * _PLAIN_PIXEL + 2 * picture if compare else 0,
        "turning": turned,
        "mending": pixels * _MOSAIC_PIXEL if mended and ahead else 0,
    }
    return Held(
        {name: count for name, count in others.items() if count},
        0 if ahead else decoding,
        _WAITING_BANDS * _CHANNELS * bits // 8,
    )


def _decoding_pixel(*, compare: bool, linear: bool) -> int:
    if linear:
        return _LINEAR_RENDERED_PIXEL if compare else _LINEAR_DECODED_PIXEL
    return _RENDERED_PIXEL if compare else _DECODED_PIXEL
