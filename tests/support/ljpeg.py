"""A plain encoder of lossless JPEG, to compare decoders with: ITU-T T.81, process 14."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CODES = ((0,) * 3 + (7,) + (1,) * 10 + (0, 0), tuple(range(17)))
"""How many codes there are of each length from 1, and the categories they stand for: seven of 4
bits, then one of each length up to 14, so that some are longer than what is looked up at once."""


def encode_ljpeg(
    values: NDArray[np.uint16],
    components: int,
    predictor: int,
    bits: int,
    codes: tuple[tuple[int, ...], tuple[int, ...]] = CODES,
) -> bytes:
    """Encode rows of values, those of all components of a pixel one after the other.

    Parameters
    ----------
    values
        Shape (rows, columns), below 2 to the power of `bits`; columns a multiple of `components`.
    components
        1 to 4.
    predictor
        1 to 7.
    bits
        2 to 16.
    codes
        How many codes there are of each length, and their categories.
    """
    lengths, categories = codes
    used = categories[: sum(lengths)]
    rows, columns = values.shape
    head = b"\xff\xd8"
    head += b"\xff\xc4" + struct.pack(">HB", 19 + len(used), 0) + bytes(lengths) + bytes(used)
    head += b"\xff\xc3" + struct.pack(">HBHHB", 8 + 3 * components, bits, rows,
                                      columns // components, components)  # fmt: skip
    head += b"".join(bytes([number, 0x11, 0]) for number in range(components))
    head += b"\xff\xda" + struct.pack(">HB", 6 + 2 * components, components)
    head += b"".join(bytes([number, 0]) for number in range(components)) + bytes([predictor, 0, 0])
    words = dict(zip(used, _words(lengths), strict=True))
    stream = "".join(_coded(int(one), words) for one in _differences(values, components, predictor,
                                                                      bits).ravel())  # fmt: skip
    stream += "1" * (-len(stream) % 8)
    data = bytes(int(stream[at : at + 8], 2) for at in range(0, len(stream), 8))
    return head + data.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def _words(lengths: tuple[int, ...]) -> list[str]:
    """Return the codes in their order, as text."""
    words, code = [], 0
    for length, count in enumerate(lengths, 1):
        for _ in range(count):
            words.append(f"{code:0{length}b}")
            code += 1
        code <<= 1
    return words


def _coded(difference: int, words: dict[int, str]) -> str:
    """Code a difference modulo 65536."""
    if difference == -32768:
        return words[16]
    category = abs(difference).bit_length()
    low = difference if difference >= 0 else difference + (1 << category) - 1
    return words[category] + (f"{low:0{category}b}" if category else "")


def _differences(
    values: NDArray[np.uint16], step: int, predictor: int, bits: int
) -> NDArray[np.int64]:
    whole = values.astype(np.int64)
    expected = np.empty_like(whole)
    expected[0, :step] = 1 << (bits - 1)
    expected[0, step:] = whole[0, :-step]
    expected[1:, :step] = whole[:-1, :step]
    left, above, corner = whole[1:, :-step], whole[:-1, step:], whole[:-1, :-step]
    expected[1:, step:] = {
        1: left, 2: above, 3: corner, 4: left + above - corner, 5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1), 7: (left + above) >> 1,
    }[predictor]  # fmt: skip
    found: NDArray[np.int64] = (whole - expected + 32768) % 65536 - 32768
    return found
