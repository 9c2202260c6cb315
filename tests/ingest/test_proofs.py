"""A decoder beside LibRaw is proven before it is used, and what it did is looked at again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawkit import native
from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, proofs, run_ingest
from rawkit.sensor import unpacking
from rawkit.store import Store
from rawkit.synth import DngMeta, write_dng

if TYPE_CHECKING:
    import io
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.ingest import IngestReport

pytestmark = pytest.mark.skipif(not native.BUILT, reason="there is no native module here")
FOLDER = load_definition("folder")
FRAMES = 12


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of one camera, lossless JPEG."""
    folder = tmp_path_factory.mktemp("photographs")
    meta = DngMeta("Sony", "ILCE-7SM2", black_level=512.0, as_shot_neutral=(0.5, 1.0, 0.6))
    for number in range(FRAMES):
        values = np.random.default_rng(number).integers(500, 900, (64, 96)).astype(np.uint16)
        write_dng(folder / f"{number:02d}.dng", values, meta, lossless_jpeg=True)
    return folder


def ingested(source: Path, store: Path, *, beside: bool = True) -> IngestReport:
    return run_ingest(plan_ingest(FOLDER, source, store, Selection()), workers=0, beside=beside)


def hashes(store: Path) -> dict[str, str]:
    return {row.name: row.pixel_hash for row in Store(store).rows}


def broken_from(monkeypatch: pytest.MonkeyPatch, first: int) -> list[int]:
    """Let our decoder change a pixel from its call number `first` on; returns the calls."""
    right, calls = unpacking.decode_parts, list[int]()  # type: ignore[attr-defined] # its own import

    def decode(file: io.BytesIO, parts: Any, mosaic: NDArray[np.uint16]) -> bool:
        done = right(file, parts, mosaic)
        mosaic[5, 5] ^= len(calls) >= first
        calls.append(len(calls))
        return bool(done)

    monkeypatch.setattr(unpacking, "decode_parts", decode)
    return calls


def test_the_store_is_the_same_whoever_decodes(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = broken_from(monkeypatch, 10**6)
    found = ingested(photographs, tmp_path / "a.zarr")
    assert len(calls) == FRAMES
    alone = ingested(photographs, tmp_path / "b.zarr", beside=False)
    assert len(calls) == FRAMES
    assert (found.added, alone.added, found.decoders, found.wrong) == (FRAMES, FRAMES, [], [])
    for path in sorted((tmp_path / "a.zarr").rglob("*")):
        other = tmp_path / "b.zarr" / path.relative_to(tmp_path / "a.zarr")
        if path.is_file() and path.name != "frames.parquet":
            assert path.read_bytes() == other.read_bytes()
    ours, theirs = Store(tmp_path / "a.zarr").rows, Store(tmp_path / "b.zarr").rows
    # The first one was decoded by both: the table does not tell it from the others.
    assert {row.decoder for row in ours} == {"lossless-jpeg"}
    assert [replace(row, decoder="libraw") for row in ours] == list(theirs)


def test_a_decoder_that_is_wrong_from_the_first_frame_is_never_used(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingested(photographs, tmp_path / "a.zarr", beside=False)
    broken_from(monkeypatch, 0)
    report = ingested(photographs, tmp_path / "b.zarr")
    assert report.added == FRAMES
    assert [(one.name, one.kind) for one in report.decoders] == [("00.dng", "decoder")]
    assert "ILCE-7SM2, lossless-jpeg" in report.decoders[0].reason
    assert report.wrong == []
    assert hashes(tmp_path / "a.zarr") == hashes(tmp_path / "b.zarr")
    assert {row.decoder for row in Store(tmp_path / "b.zarr").rows} == {"libraw"}


def test_one_that_goes_wrong_later_is_found_out_with_what_it_did(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingested(photographs, tmp_path / "a.zarr", beside=False)
    monkeypatch.setattr(proofs, "EVERY", 4)
    # One thread, so that calls come in the order of frames.
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    broken_from(monkeypatch, 5)
    report = ingested(photographs, tmp_path / "b.zarr")
    assert report.added == FRAMES
    assert len(report.decoders) == 1
    right, found = hashes(tmp_path / "a.zarr"), hashes(tmp_path / "b.zarr")
    differing = sorted(name for name in right if right[name] != found[name])
    assert differing
    assert sorted(one.name for one in report.wrong) == differing
    # Frames after the one that told are LibRaw's.
    assert all(name < report.decoders[0].name for name in differing)


def test_the_command_says_so(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from rawkit.cli import main

    broken_from(monkeypatch, 0)
    ran = CliRunner().invoke(
        main, ["--workspace", str(tmp_path), "ingest", "folder", "--source", str(photographs),
               "--workers", "0"],
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert "decoded by LibRaw from here on: 1" in ran.output


def test_what_is_under_way_while_the_first_frame_is_proven_is_not_decoded_twice(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[bool, bool]] = []
    right = unpacking._found_beside  # noqa: SLF001 - which frames LibRaw decodes is the point

    def find(opened: Any, trust: Any) -> Any:
        found = right(opened, trust)
        assert found is not None
        asked.append((bool(trust.proven), found.trusted))
        return found

    monkeypatch.setattr(unpacking, "_found_beside", find)
    report = ingested(photographs, tmp_path / "a.zarr")
    assert (report.added, report.decoders) == (FRAMES, [])
    assert sum(not trusted for _, trusted in asked) == 1
    assert len(asked) == FRAMES


def test_another_compression_of_the_same_camera_is_proven_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    meta = DngMeta("Sony", "ILCE-7SM2", black_level=512.0, as_shot_neutral=(0.5, 1.0, 0.6))
    for number in range(6):
        values = np.random.default_rng(number).integers(500, 900, (64, 96)).astype(np.uint16)
        write_dng(mixed / f"{number:02d}.dng", values, meta, lossless_jpeg=number % 2 == 0)
    agreed: list[str | None] = []
    hear = proofs.Proofs.hear

    def told(self: Any, job: Any, result: Any) -> Any:
        agreed.append(result.decoded.kind if result.decoded.agreed else None)
        return hear(self, job, result)

    monkeypatch.setattr(proofs.Proofs, "hear", told)
    report = ingested(mixed, tmp_path / "a.zarr")
    assert (report.added, report.decoders) == (6, [])
    kinds = [f"ILCE-7SM2, {one}" for one in ("lossless-jpeg", "uncompressed")]
    assert [kind for kind in agreed if kind in kinds] == kinds
    assert {row.decoder for row in Store(tmp_path / "a.zarr").rows} == {
        "lossless-jpeg", "uncompressed",
    }  # fmt: skip
