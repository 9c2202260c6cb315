"""Parts of the server by themselves: names, boxes, kinds of files, words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import RawFileError, RawkitError
from rawkit.pictures import orient
from rawkit.sensor import image_of_array
from rawkit.serve.look import binned, camera_of
from rawkit.serve.preview import Box
from rawkit.serve.uploads import clean_name
from rawkit.serve.words import not_raw, reason_of


@given(name=st.text(max_size=400))
def test_a_clean_name_is_the_name_of_a_file_in_any_folder(name: str) -> None:
    found = clean_name(name)
    assert 0 < len(found) <= 160
    assert not set(found) & set('/\\:*?"<>|\0\n\r')
    assert found not in (".", "..")
    assert not found.startswith(".")
    assert clean_name(found) == found
    found.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "found"),
    [("../../etc/passwd", "passwd"), ("C:\\photos\\a.ARW", "a.ARW"), ("", "photo"), ("..", "photo"),
     ("a\u202egnp.exe", "a_gnp.exe"), ("Nacht über Köln.dng", "Nacht über Köln.dng")],
)  # fmt: skip
def test_names_that_try_something(name: str, found: str) -> None:
    assert clean_name(name) == found


sides = st.integers(1, 24)
edges = st.tuples(st.integers(0, 23), st.integers(1, 24))


@given(height=sides, width=sides, across=edges, down=edges, orientation=st.integers(1, 8))
def test_a_part_of_the_upright_picture_is_found_on_the_sensor(
    height: int, width: int, across: tuple[int, int], down: tuple[int, int], orientation: int
) -> None:
    sensor = np.arange(height * width * 3).reshape(height, width, 3)
    upright = orient(sensor, orientation)
    rows, columns = upright.shape[:2]
    top, left = down[0] % rows, across[0] % columns
    bottom = top + 1 + (down[1] - 1) % (rows - top)
    right = left + 1 + (across[1] - 1) % (columns - left)
    box = Box(left / columns, top / rows, right / columns, bottom / rows)
    found = sensor[box.on_sensor(orientation).slices(height, width)]
    np.testing.assert_array_equal(orient(found, orientation), upright[top:bottom, left:right])


@given(
    left=st.floats(0, 0.99), top=st.floats(0, 0.99), part=st.floats(0.001, 1),
    height=st.integers(6, 300), width=st.integers(6, 300), cell=st.sampled_from([1, 2, 6]),
)  # fmt: skip
def test_a_part_is_never_empty_nor_outside(
    left: float, top: float, part: float, height: int, width: int, cell: int
) -> None:
    box = Box(left, top, min(1, left + part), min(1, top + part))
    for found, length in zip(box.slices(height, width, cell), (height, width), strict=True):
        assert 0 <= found.start < found.stop <= length
        assert found.start % cell == 0


def test_a_binned_mosaic_keeps_its_cell_and_its_light() -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 4000, (240, 360)).astype(np.uint16)
    pixels[::2, ::2] += 5000
    image = image_of_array(pixels, pattern="RGGB", black=0, white=16383)
    small = binned(image, 6000)
    assert small.pixels.size <= 6000
    assert small.mosaic.pattern == image.mosaic.pattern
    for y in range(2):
        for x in range(2):
            before, after = pixels[y::2, x::2].mean(), small.pixels[y::2, x::2].mean()
            assert after == pytest.approx(before, rel=0.01)


def kinds(one: type[RawkitError]) -> list[type[RawkitError]]:
    """Return an error and those below it."""
    return [one, *(each for below in one.__subclasses__() for each in kinds(below))]


def test_every_fault_of_a_file_has_words_of_its_own() -> None:
    seen = set()
    for one in kinds(RawFileError):
        reason = reason_of(one("x"))
        assert reason.kind == one.kind
        assert reason.text
        seen.add(reason.title)
    assert len(seen) >= len(kinds(RawFileError)) - 3  # what is seldom raised says what it says


@given(head=st.binary(min_size=1, max_size=512))
def test_any_bytes_get_a_reason_or_go_on(head: bytes) -> None:
    found = not_raw(head, "a")
    assert found is None or (found.title and found.text)


def test_a_raw_file_by_its_first_bytes_goes_on() -> None:
    for head in (b"II*\0" + bytes(60), b"MM\0*" + bytes(60), b"FUJIFILMCCD-RAW 0201",
                 b"\0\0\0\x18ftypcrx isom", b"FOVb" + bytes(60), b"II\x1a\0\0\0HEAP"):  # fmt: skip
        assert not_raw(head, "a") is None


def test_cameras_are_called_as_people_call_them() -> None:
    assert camera_of("Canon", "Canon EOS D30") == "Canon EOS D30"
    assert camera_of("Eastman Kodak Company", "Kodak DC120") == "Kodak DC120"
    assert camera_of("SONY", "ILCE-7SM2") == "SONY ILCE-7SM2"
    assert camera_of("", "") is None
