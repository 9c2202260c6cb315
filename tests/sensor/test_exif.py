"""EXIF without unpacking: synthetic files, real files, and bytes that are no raw file at all."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rawkit.sensor import Exif, Exposure, read_exif
from rawkit.synth.dng import DngMeta, encode_dng
from tests.support.factories import noise_mosaic, write_noise_dng

NOTHING = Exif()
CIFF_HEAD = b"II" + struct.pack("<I", 26) + b"HEAPCCDR" + bytes(12)
SHORTEST_HEAP = CIFF_HEAD + bytes(4)


def exif_of(data: bytes) -> Exif:
    return read_exif(io.BytesIO(data))


def ciff(make_and_model: bytes) -> bytes:
    """Build a CRW file whose heap holds one record inside two nested directories."""

    def directory(kind: int, data: bytes) -> bytes:
        entry = struct.pack("<HHII", 1, kind, len(data), 0)
        return data + entry + struct.pack("<I", len(data))

    inner = directory(0x080A, make_and_model)
    return CIFF_HEAD + directory(0x300A, directory(0x2807, inner))


def test_everything_a_synthetic_file_says_is_read() -> None:
    meta = DngMeta(
        "Maker",
        "Model X",
        iso=3200,
        seconds=1 / 250,
        f_number=2.8,
        taken="2024:02:29 23:59:59",
        orientation=6,
    )
    found = exif_of(encode_dng(noise_mosaic(), meta))
    assert (found.make, found.model) == ("Maker", "Model X")
    assert found.exposure.seconds == pytest.approx(1 / 250)
    assert found.exposure.iso == 3200
    assert found.exposure.f_number == pytest.approx(2.8)
    assert found.taken == "2024:02:29 23:59:59"
    assert found.orientation == 6


def test_a_file_that_says_nothing_of_its_exposure_has_none() -> None:
    found = exif_of(encode_dng(noise_mosaic(), DngMeta("Maker", "Model")))
    assert found.exposure == Exposure(None, None, None)
    assert found.taken is None
    assert found.orientation == 1


@given(st.integers(1, 65534) | st.integers(65536, 4_000_000))
def test_every_iso_is_read_also_where_16_bits_do_not_hold_it(iso: int) -> None:
    found = exif_of(encode_dng(noise_mosaic((2, 2)), DngMeta("Maker", "Model", iso=iso)))
    assert found.exposure.iso == iso


def test_an_iso_field_that_overflowed_is_unknown() -> None:
    found = exif_of(encode_dng(noise_mosaic((2, 2)), DngMeta("Maker", "Model", iso=65535)))
    assert found.exposure.iso is None


@given(st.floats(1 / 8000, 60))
def test_exposure_times_are_read_to_a_thousandth(seconds: float) -> None:
    found = exif_of(encode_dng(noise_mosaic((2, 2)), DngMeta("Maker", "Model", seconds=seconds)))
    assert found.exposure.seconds == pytest.approx(seconds, rel=1e-3)


def test_a_raf_has_its_exif_in_the_jpeg_at_the_offset_stored_at_byte_84() -> None:
    tiff = encode_dng(noise_mosaic((2, 2)), DngMeta("FUJIFILM", "X-T2", iso=800, seconds=0.5))
    jpeg = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff + b"\xff\xd9"
    raf = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 160, len(jpeg))
    found = exif_of(raf.ljust(160, b"\0") + jpeg)
    assert (found.make, found.model) == ("FUJIFILM", "X-T2")
    assert found.exposure == Exposure(0.5, 800, None)


def test_a_raf_cut_off_before_its_jpeg_says_nothing() -> None:
    raf = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 160, 1000)
    assert exif_of(raf) == NOTHING
    assert exif_of(raf[:86]) == NOTHING


def test_a_crw_names_its_maker_and_model_in_nested_directories() -> None:
    assert exif_of(ciff(b"Canon\0Canon EOS D30\0")) == Exif("Canon", "Canon EOS D30")


@pytest.mark.parametrize(
    ("name", "taken"),
    [("CANON_G2_CRW_0304.CRW", "2022:01:20 08:13:24"),
     ("CANON_S40_CRW_0101.CRW", "2021:04:08 14:51:12"),
     ("CANON_EOS_D30_5s.CRW", "2018:01:01 13:03:32")],
)  # fmt: skip
def test_a_crw_says_when_it_was_taken(real_data: Path, name: str, taken: str) -> None:
    with (real_data / name).open("rb") as file:
        assert read_exif(file).taken == taken  # as LibRaw says, in the camera's local time


def test_a_crw_directory_that_points_at_itself_ends() -> None:
    entries = struct.pack("<HII", 0x300A, 0, 0) * 60
    heap = struct.pack("<H", 60) + entries
    size = len(heap) + 4
    looping = heap.replace(struct.pack("<II", 0, 0), struct.pack("<II", size, 0))
    assert exif_of(CIFF_HEAD + looping + struct.pack("<I", 0)) == NOTHING


@pytest.mark.parametrize(
    ("name", "make", "model"),
    [
        ("CANON_G2_CRW_0304.CRW", "Canon", "Canon PowerShot G2"),
        ("CANON_S40_CRW_0101.CRW", "Canon", "Canon PowerShot S40"),
        ("CANON_EOS_D30_5s.CRW", "Canon", "Canon EOS D30"),
        (
            "KODAK_DC120_P003911_compressed.KDC",
            "Eastman Kodak Company",
            "Kodak DC120 ZOOM Digital Camera",
        ),
        (
            "RAW_KODAK_DC50.KDC",
            "Eastman Kodak Company",
            "Kodak Digital Science DC50 Zoom Camera",
        ),
        ("Blackmagic_BMPCC_lowlight_GBRG.dng", None, "Blackmagic Pocket Cinema Camera"),
        ("broken/SONY_SLT-A55V_truncated.ARW", "SONY", "SLT-A55V"),
        ("broken/JPEG_named_canon_350d.cr2", None, None),
    ],
)
def test_real_files_name_their_camera(
    real_data: Path, name: str, make: str | None, model: str | None
) -> None:
    with (real_data / name).open("rb") as file:
        found = read_exif(file)
    assert (found.make, found.model) == (make, model)


def test_a_kdc_has_a_time_and_an_aperture_but_no_iso(real_data: Path) -> None:
    with (real_data / "KODAK_DC120_P003911_compressed.KDC").open("rb") as file:
        found = read_exif(file)
    assert found.exposure.seconds == pytest.approx(0.0038, rel=0.02)
    assert found.exposure.iso is None
    assert found.exposure.f_number == pytest.approx(3.7)


def test_exif_is_read_from_the_start_wherever_the_file_is_positioned(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, iso=1600)
    with path.open("rb") as file:
        file.seek(77)
        assert read_exif(file).exposure.iso == 1600


def test_reading_exif_costs_a_few_kilobytes(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, shape=(512, 768))
    with path.open("rb", buffering=0) as file:
        read = CountingFile(file)
        assert read_exif(read).exposure.iso == 400
    assert read.bytes_read < 16_384


class CountingFile(io.BufferedReader):
    """Counts what is asked for."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and count."""
        data = super().read(size)
        self.bytes_read += len(data)
        return data


starts = st.sampled_from(
    [
        b"",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"II*\0\xff\xff\xff\xff",
        b"FUJIFILMCCD-RAW ".ljust(84, b"\0"),
        b"\xff\xd8\xff\xe1\0\x40Exif\0\0II*\0\x08\0\0\0",
        CIFF_HEAD,
        b"MM" + struct.pack(">I", 26) + b"HEAPCCDR" + bytes(12),
        b"II\xff\xff\xff\xffHEAPCCDR",
    ]
)


@settings(max_examples=40)
@given(starts, st.binary(max_size=400))
@example(SHORTEST_HEAP, b"")
@example(b"II" + bytes(4) + b"HEAPCCDR\0\0", b"")
def test_garbage_never_raises(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
) -> None:
    assert isinstance(exif_of(start + rest), Exif)
    path = tmp_path_factory.getbasetemp() / "garbage.raw"
    path.write_bytes(start + rest)
    with path.open("rb") as file:  # a real file refuses to seek where a buffer does not
        assert isinstance(read_exif(file), Exif)


HEAD = encode_dng(
    noise_mosaic((2, 2)), DngMeta("Maker", "Model", iso=100, seconds=0.1, f_number=4.0)
)
CRW = ciff(b"Canon\0Canon EOS D30\0")


@given(
    st.sampled_from([HEAD, CRW]),
    st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6),
)
def test_damaged_metadata_never_raises(whole: bytes, damage: list[tuple[int, bytes]]) -> None:
    data = bytearray(whole)
    for place, patch in damage:
        at = place % len(data)
        data[at : at + len(patch)] = patch
    assert isinstance(exif_of(bytes(data)), Exif)


@given(st.integers(0, len(HEAD)))
def test_a_file_cut_anywhere_never_raises(cut: int) -> None:
    assert isinstance(exif_of(HEAD[:cut]), Exif)
