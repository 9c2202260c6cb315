"""Damaged raw files, made from small whole ones, and a process in which to decode each twice.

A mutant is a pure function of seed and number, so that a find can be made again. Between the two
decodes the C library is told to fill fresh memory with another byte: what was never decoded shows.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import random
import struct
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rawkit.errors import RawFileError
from rawkit.sensor import RenderParameters, open_raw
from rawkit.synth.dng import DngMeta, encode_dng, encode_linear_dng
from tests.support.factories import XTRANS, noise_mosaic

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

SECONDS = 20.0
"""A decode of a small file that takes longer counts as hung."""
_FILL_FRESH_MEMORY = -6
"""The C library's M_PERTURB: allocated memory is filled with the complement of this byte."""
_SMALL = 8
"""Whole files that are made here."""
_REAL = (
    "RAW_KODAK_DC50.KDC",
    "KODAK_DC120_P003911_compressed.KDC",
    "Blackmagic_BMPCC_lowlight_GBRG.dng",
    "CANON_EOS_D30_5s.CRW",
)


def seeds(real: Path | None = None) -> dict[str, bytes]:
    """Make the small whole files, and read real ones where they are; the small ones weigh most."""
    meta = DngMeta(
        "Rawkit", "Test", iso=400, seconds=0.1, black_level=64.0, as_shot_neutral=(0.5, 1, 0.6)
    )
    margins = DngMeta("Rawkit", "Test", active_area=(6, 8, 134, 198), black_level=(64, 65, 66, 67))
    xtrans = DngMeta("Rawkit", "X", pattern=XTRANS, black_level=1.0)
    channels = noise_mosaic((128, 3 * 192)).reshape(128, 192, 3)
    found = {
        "plain": encode_dng(noise_mosaic((128, 192)), meta),
        "jpeg": encode_dng(noise_mosaic((128, 192)), meta, lossless_jpeg=True),
        "margins": encode_dng(noise_mosaic((136, 200)), margins),
        "jpeg margins": encode_dng(noise_mosaic((136, 200)), margins, lossless_jpeg=True),
        "x-trans": encode_dng(noise_mosaic((528, 546)), xtrans),
        "x-trans jpeg": encode_dng(noise_mosaic((528, 546)), xtrans, lossless_jpeg=True),
        "linear": encode_linear_dng(channels, meta),
        "linear jpeg": encode_linear_dng(channels, meta, tile=64, table=range(0, 16000, 4)),
    }
    if real is not None and real.is_dir():
        found |= {name: (real / name).read_bytes() for name in _REAL}
    return found


def mutant(whole: bytes, seed: int, number: int) -> tuple[str, bytes]:
    """Damage a file in one to three ways; returns what was done and the result."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - damage, not secrets
    data, done = bytearray(whole), []
    for _ in range(chance.choice((1, 1, 2, 3))):
        way = chance.choice(_WAYS)
        way(data, chance)
        done.append(way.__name__.strip("_"))
        if len(data) < 16:
            break
    return "+".join(done), bytes(data)


def _flip_head(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 8))):
        data[chance.randrange(min(len(data), 1200))] ^= 1 << chance.randrange(8)


def _flip_anywhere(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _flip_tail(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4))):
        data[-1 - chance.randrange(min(len(data), 1200))] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, chance: random.Random) -> None:
    kept = chance.choice((chance.randrange(len(data)), len(data) - 1 - chance.randrange(16)))
    del data[max(kept, 0) :]


def _zero_block(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    size = min(chance.choice((4, 64, 512, 4096, len(data))), len(data) - start)
    data[start : start + size] = bytes(size)


def _repeat_block(data: bytearray, chance: random.Random) -> None:
    size = min(chance.choice((4, 64, 512, 4096)), len(data))
    source, place = (chance.randrange(len(data) - size + 1) for _ in range(2))
    data[place : place + size] = data[source : source + size]


def _insert(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    data[place:place] = chance.randbytes(chance.choice((1, 2, 64)))


def _remove(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    del data[place : place + chance.choice((1, 2, 64))]


def _alter_tag(data: bytearray, chance: random.Random) -> None:
    order, places = _entries(data)
    if not places:
        return _flip_head(data, chance)
    at = chance.choice(places)
    wild = (0, 1, 2, 3, 7, 8, 255, 1 << 12, 0xFFFF, 1 << 16, 0x7FFFFFFF, 0xFFFFFFFF, len(data))
    value = chance.choice((*wild, chance.randrange(1 << 32), chance.randrange(1 << 12)))
    part = chance.choice(("value", "value", "value", "count", "type", "short"))
    if part == "value":
        struct.pack_into(order + "I", data, at + 8, value)
    elif part == "short":
        struct.pack_into(order + "H", data, at + 8, value & 0xFFFF)
    elif part == "count":
        struct.pack_into(order + "I", data, at + 4, value)
    else:
        struct.pack_into(order + "H", data, at + 2, chance.randrange(16))
    return None


def _swap_tags(data: bytearray, chance: random.Random) -> None:
    order, places = _entries(data)
    if len(places) < 2:
        return _flip_head(data, chance)
    one, other = chance.sample(places, 2)
    start, size = chance.choice(((0, 2), (0, 12), (8, 4), (4, 8)))
    first, second = (bytes(data[at + start : at + start + size]) for at in (one, other))
    data[one + start : one + start + size] = second
    data[other + start : other + start + size] = first
    del order
    return None


_WAYS = (
    _flip_head, _flip_head, _flip_anywhere, _flip_tail, _cut, _zero_block, _repeat_block, _insert,
    _remove, _alter_tag, _alter_tag, _alter_tag, _swap_tags,
)  # fmt: skip


def _entries(data: bytearray) -> tuple[str, list[int]]:
    """Return the byte order of a TIFF and the places of the entries of all its directories."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]), "")
    if not order or len(data) < 8 or bytes(data[2:4]) not in (b"*\0", b"\0*"):
        return "<", []
    waiting, places = [struct.unpack_from(order + "I", data, 4)[0]], list[int]()
    for _ in range(8):
        if not waiting or waiting[0] + 2 > len(data):
            break
        start = waiting.pop(0)
        for number in range(min(struct.unpack_from(order + "H", data, start)[0], 100)):
            at = start + 2 + 12 * number
            if at + 12 > len(data):
                break
            places.append(at)
            tag, _, count, value = struct.unpack_from(order + "HHII", data, at)
            if tag in (34665, 330) and count == 1:
                waiting.append(value)
    return order, places


@dataclass(slots=True)
class Outcome:
    """What came of many mutants."""

    counts: Counter[str] = field(default_factory=Counter)
    """How many were accepted, and how many refused, by kind."""
    finds: list[str] = field(default_factory=list)
    """What must not happen: crashes, hangs, other errors, pixels that differ."""


def decode_all(
    numbers: range, seed: int, real: Path | None = None, *, render: bool = False
) -> Outcome:
    """Decode mutants twice each in another process; a process that dies or hangs is replaced."""
    outcome, whole = Outcome(), seeds(real)
    names = list(whole)
    context = multiprocessing.get_context("spawn")
    process: Any = None
    for number in numbers:
        # Real files are large and slow: one mutant in twelve.
        name = names[number % _SMALL]
        if number % 12 == 0 and len(names) > _SMALL:
            name = names[_SMALL + number // 12 % len(_REAL)]
        if process is None:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
        done, data = mutant(whole[name], seed, number)
        ours.send((data, render))
        verdict = "hung"
        if ours.poll(SECONDS):
            try:
                verdict = ours.recv()
            except (EOFError, ConnectionResetError):
                verdict = "crashed"
        if verdict in ("hung", "crashed"):
            process.kill()
            process.join()
            verdict += f" ({process.exitcode})"
            process = None
            ours.close()
        if verdict.startswith(("accepted", "refused")):
            outcome.counts[verdict] += 1
        else:
            outcome.finds.append(f"seed {seed}, number {number}, {name}, {done}: {verdict}")
    if process is not None:
        process.kill()
        process.join()
        ours.close()
    return outcome


def _work(pipe: Connection) -> None:
    """Decode what comes through the pipe."""
    while True:
        data, render = pipe.recv()
        pipe.send(twice(data, render=render))


def twice(data: bytes, *, render: bool = False) -> str:
    """Decode twice with other fresh memory and say whether both agree."""
    results = []
    for fill in (0x11, 0xEE):
        fill_fresh_memory(fill)
        try:
            results.append(_fingerprint(data, render=render))
        except RawFileError as error:
            results.append(f"refused {error.kind}")
        except BaseException as error:  # noqa: BLE001 - the find itself
            return f"raised {type(error).__name__}: {error}"
        finally:
            fill_fresh_memory(0)
    if results[0] != results[1]:
        return f"differs: {results}"
    return results[0] if results[0].startswith("refused") else "accepted"


def fill_fresh_memory(byte: int) -> None:
    """Have the C library fill memory that it hands out; 0 is off. Elsewhere than glibc: nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_FILL_FRESH_MEMORY, byte)


def _fingerprint(data: bytes, *, render: bool) -> str:
    with open_raw(data, name="mutant") as raw:
        image = raw.image(resample=True)
        digest = sha256(image.pixels.tobytes())
        if image.masked is not None:
            digest.update(image.masked.tobytes())
        digest.update(repr((image.mosaic, image.white_balance, image.exposure)).encode())
        if render:
            digest.update(raw.render(RenderParameters()).tobytes())
    return digest.hexdigest()
