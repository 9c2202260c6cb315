"""Damaged files: a named refusal or the same pixels every time; never a crash, never memory."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from rawkit.errors import CorruptError, RawFileError
from rawkit.sensor import decode
from rawkit.synth.dng import DngMeta, encode_dng
from tests.support.factories import noise_mosaic, patch_tag
from tests.support.mutants import decode_all, mutant, seeds, twice

if TYPE_CHECKING:
    from collections.abc import Callable

META = DngMeta("Rawkit", "Test", active_area=(6, 8, 134, 198))
JPEG = encode_dng(noise_mosaic((136, 200)), META, lossless_jpeg=True)


def long(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def without_its_jpeg(dng: bytes) -> bytes:
    start = dng.rindex(b"\xff\xd8\xff")
    return dng[:start] + bytes(2) + dng[start + 2 :]


def with_fewer_rows(dng: bytes) -> bytes:
    frame = dng.rindex(b"\xff\xc3")
    return dng[: frame + 5] + struct.pack(">H", 100) + dng[frame + 7 :]


def with_an_area_beyond(dng: bytes) -> bytes:
    area = struct.pack("<4I", *(META.active_area or ()))
    return dng.replace(area, struct.pack("<4I", 6, 8, 200, 198))


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "wider": (lambda dng: patch_tag(dng, 256, 4, long(446), 1), "27200 compressed values"),
    "two samples": (lambda dng: patch_tag(dng, 277, 3, long(2), 1), "27200 compressed values"),
    "no JPEG": (without_its_jpeg, "0 compressed values"),
    "fewer rows": (with_fewer_rows, "20000 compressed values"),
    "no DNG version": (lambda dng: patch_tag(dng, 50706, 1, long(0), 4), "no DNG version"),
    "too long a version": (
        lambda dng: patch_tag(dng, 50706, 1, long(1025), 0xFFFFFFFF), "no DNG version",
    ),
    "a pattern of another type": (
        lambda dng: patch_tag(dng, 33422, 12, long(0), 4), "a filter pattern that cannot be read",
    ),
    "an area beyond": (with_an_area_beyond, "ends beyond the pixels"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_what_libraw_would_fill_with_old_memory_is_refused(name: str) -> None:
    damage, text = DAMAGES[name]
    assert twice(JPEG) == "accepted"
    with pytest.raises(CorruptError, match=text):
        decode(damage(JPEG))


def test_the_heads_of_jpegs_that_are_cut_or_of_another_kind_are_no_reason_to_fail() -> None:
    start = JPEG.rindex(b"\xff\xd8\xff")
    for cut in range(start, start + 24):
        with pytest.raises(RawFileError):
            decode(JPEG[:cut])


def test_a_mutant_is_the_same_every_time() -> None:
    whole = seeds()["jpeg"]
    assert [mutant(whole, 1, number) for number in range(20)] == [
        mutant(whole, 1, number) for number in range(20)
    ]


def test_mutants_are_refused_by_name_or_decoded_to_the_same_pixels() -> None:
    outcome = decode_all(range(150), seed=7)
    assert outcome.finds == []
    assert outcome.counts["accepted"] > 20
    assert sum(outcome.counts.values()) == 150
