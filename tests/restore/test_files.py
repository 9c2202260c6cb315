"""Raw files to pictures: every visible pixel, named after its file, and what fails is listed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch

from rawkit.colour import ColourMode, ColourNote, Development
from rawkit.errors import OutputError, UsageError, WeightsError
from rawkit.models import Lamba2021, build, load_network, prepare
from rawkit.pictures.write import PictureFormat
from rawkit.restore import (
    Brightness,
    Compute,
    Origin,
    Output,
    Restorer,
    load_restorer,
    restore_files,
    restore_image,
)
from rawkit.restore.manifest import read_manifest
from rawkit.sensor import (
    REFERENCE_NEUTRAL,
    Amplification,
    RawImage,
    amplification_base,
    decode,
    image_of_array,
)
from rawkit.synth import BAYER_PATTERNS, DngMeta, write_dng
from rawkit.synth.dng import encode_linear_dng
from rawkit.train import TrainState, save_checkpoint
from tests.support.factories import XTRANS, local, write_noise_dng
from tests.support.fixtures_stream import tiny

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

PUBLISHED = Path(__file__).parents[3] / "shared" / "weights" / "lamba2021" / "weights"


def random_net() -> nn.Module:
    """Return a network whose pictures are neither black nor white, in evaluation mode."""
    torch.manual_seed(7)
    net = Lamba2021().eval()
    with torch.no_grad():
        net.get_parameter("output2.parametrizations.weight.original0").mul_(0.05)
        net.get_parameter("output2.bias").fill_(0.5)
    return net


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return random_net()


@pytest.fixture(scope="module")
def restorer(net: nn.Module) -> Restorer:
    return Restorer(prepare(net), "lamba2021", None, Amplification())


def by_hand(image: RawImage, net: nn.Module, factor: float) -> NDArray[np.float32]:
    """Restore a whole picture without tiles, folding or the library's padding."""
    mosaic = image.mosaic
    values = image.pixels.astype(np.float64)
    for y, x, plane in mosaic.positions():
        black = mosaic.black_level[plane]
        part = np.maximum(values[y::2, x::2] - black, 0) / (mosaic.white_level - black)
        values[y::2, x::2] = part
    top, left = mosaic.phase
    height, width = values.shape
    below, right = -(top + height) % 32, -(left + width) % 32
    padded = np.pad(values, ((top, below), (left, right)), mode="reflect") * factor
    with torch.no_grad():
        picture = net(torch.from_numpy(padded.astype(np.float32))[None, None])[0].numpy()
    inner = picture[:, top : top + height, left : left + width]
    return np.ascontiguousarray(inner.transpose(1, 2, 0))


def write(path: Path, *, pattern: str = "RGGB", **changes: Any) -> Path:
    """Write a dark DNG with masked borders, a visible area of odd size and uneven black levels."""
    write_noise_dng(
        path,
        shape=(80, 104),
        **{
            "pattern": BAYER_PATTERNS[pattern],
            "active_area": (6, 4, 77, 101),
            "black_level": (60.0, 70.0, 80.0, 90.0),
            "white_level": 16000,
            **changes,
        },
    )
    return path


def as_published(factor: float) -> Development:
    """Return what leaves colours to the network."""
    return Development(factor, factor, None, ColourNote("network", "asked for", "network"))


@pytest.mark.parametrize("pattern", sorted(BAYER_PATTERNS))
def test_the_whole_visible_area_of_every_phase_is_what_the_plain_network_makes_of_it(
    tmp_path: Path, net: nn.Module, restorer: Restorer, pattern: str
) -> None:
    image = decode(write(tmp_path / "a.dng", pattern=pattern))
    assert image.pixels.shape == (71, 97)
    assert image.mosaic.pattern_text == pattern
    assert len(set(image.mosaic.black_level)) == 4
    factor = amplification_base(image)
    picture = restore_image(image, restorer, as_published(factor))
    assert picture.shape == (71, 97, 3)
    expected = by_hand(image, net, factor)
    np.testing.assert_allclose(picture, expected, atol=1e-5)
    assert expected.std() > 0.01  # the network does something


@pytest.mark.parametrize("shape", [(64, 64), (65, 66), (95, 97), (33, 70)])
def test_sizes_that_are_no_multiples_come_back_whole(
    tmp_path: Path, net: nn.Module, restorer: Restorer, shape: tuple[int, int]
) -> None:
    write_noise_dng(tmp_path / "a.dng", shape=shape, pattern=BAYER_PATTERNS["GRBG"])
    image = decode(tmp_path / "a.dng")
    picture = restore_image(image, restorer, as_published(5.0))
    assert picture.shape == (*shape, 3)
    np.testing.assert_allclose(picture, by_hand(image, net, 5.0), atol=1e-5)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_file_holds_the_picture(
    tmp_path: Path, net: nn.Module, restorer: Restorer, bits: int
) -> None:
    path = write(tmp_path / "a.dng")
    report = restore_files(
        [path], Output(tmp_path / "out", format=PictureFormat(bits=bits)), restorer
    )
    (one,) = report.restored
    assert one.picture == tmp_path / "out" / "a.png"
    assert one.amplification == pytest.approx(amplification_base(decode(path)))
    read = cv2.imread(str(one.picture), cv2.IMREAD_UNCHANGED)
    assert read is not None
    expected = by_hand(decode(path), net, one.amplification) * (2**bits - 1)
    assert np.abs(read[..., ::-1] - expected).max() < 0.5 + (0.01 if bits == 8 else 1.0)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_come_upright(
    tmp_path: Path, net: nn.Module, restorer: Restorer, orientation: int
) -> None:
    path = write(tmp_path / "a.dng", orientation=orientation)
    (one,) = restore_files([path], Output(tmp_path), restorer).restored
    read = cv2.imread(str(one.picture), cv2.IMREAD_UNCHANGED)
    assert read is not None
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    expected = np.rot90(by_hand(decode(path), net, one.amplification), turns)
    assert read.shape == expected.shape
    assert np.abs(read[..., ::-1] / 255 - expected).max() < 0.003


def test_several_m_give_a_picture_each(tmp_path: Path, restorer: Restorer) -> None:
    path = write(tmp_path / "a.dng")
    base = amplification_base(decode(path))
    report = restore_files(
        [path], Output(tmp_path / "out", brightness=Brightness("auto", (1, 5, 0.5))), restorer
    )
    assert [one.picture.name for one in report.restored] == ["a_m1.png", "a_m5.png", "a_m0.5.png"]
    assert [one.amplification for one in report.restored] == pytest.approx(
        [base, 5 * base, 0.5 * base]
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a_m0.5.png", "a_m1.png", "a_m5.png", "manifest.jsonl"
    ]  # fmt: skip


def test_one_m_gives_a_picture_of_the_plain_name(tmp_path: Path, restorer: Restorer) -> None:
    path = write(tmp_path / "a.dng")
    (one,) = restore_files(
        [path], Output(tmp_path, brightness=Brightness("auto", (8,))), restorer
    ).restored
    assert one.picture.name == "a.png"
    assert one.amplification == pytest.approx(8 * amplification_base(decode(path)))


def test_a_file_that_fails_is_listed_and_the_others_are_written(
    tmp_path: Path, restorer: Restorer
) -> None:
    good = [write(tmp_path / "a.dng"), write(tmp_path / "z.dng")]
    text, cut, folder = tmp_path / "b.arw", tmp_path / "c.dng", tmp_path / "d.dng"
    text.write_text("no raw file\n" * 1000)
    cut.write_bytes(good[0].read_bytes()[:5000])
    folder.mkdir()
    blank = tmp_path / "e.dng"
    write_dng(blank, np.zeros((64, 96), np.uint16), DngMeta("Rawkit", "Blank"))
    files = [good[0], text, cut, folder, blank, good[1]]
    report = restore_files(files, Output(tmp_path / "out"), restorer)
    assert [one.source for one in report.restored] == list(map(str, good))
    assert [(where, error.kind) for where, error in report.failed] == [
        (str(text), "not-raw"), (str(cut), "truncated"), (str(folder), "unreadable"),
        (str(blank), "blank"),
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["a.png", "z.png"]


def test_files_of_one_stem_keep_their_suffix_in_the_name(
    tmp_path: Path, restorer: Restorer
) -> None:
    files = [write(tmp_path / "a.dng"), write(tmp_path / "a.arw"), write(tmp_path / "b.dng")]
    report = restore_files(files, Output(tmp_path / "out"), restorer)
    names = [one.picture.name for one in report.restored]
    assert names == ["a.dng.png", "a.arw.png", "b.png"]
    assert all(local(one.picture).is_file() for one in report.restored)


def test_two_files_of_one_name_are_refused_before_any_work(
    tmp_path: Path, restorer: Restorer
) -> None:
    (tmp_path / "one").mkdir()
    files = [write(tmp_path / "a.dng"), write(tmp_path / "one" / "a.dng")]
    with pytest.raises(UsageError, match=r"two files named a\.dng"):
        restore_files(files, Output(tmp_path / "out"), restorer)
    assert not (tmp_path / "out").exists()


def test_a_picture_never_overwrites_that_of_another_file(
    tmp_path: Path, restorer: Restorer
) -> None:
    # With m, "a.dng" gives a_m1 and a_m5, and "a_m1.dng" gives a_m1_m1 and a_m1_m5.
    files = [write(tmp_path / "a.dng"), write(tmp_path / "a_m1.dng")]
    report = restore_files(
        files, Output(tmp_path / "out", brightness=Brightness("auto", (1, 5))), restorer
    )
    assert len({one.picture for one in report.restored}) == 4


@pytest.mark.parametrize("place", ["out", "out/deeper"])
def test_an_output_folder_that_is_a_file_is_an_error(
    tmp_path: Path, restorer: Restorer, place: str
) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        restore_files([write(tmp_path / "a.dng")], Output(tmp_path / place), restorer)
    assert caught.value.where == str(tmp_path / place)
    assert (tmp_path / "out").read_text() == "mine"


def checkpoint(path: Path, **changes: object) -> Path:
    torch.manual_seed(0)
    net = build("lamba2021")
    optimizer = torch.optim.Adam(net.parameters())
    settings = tiny(**changes)  # type: ignore[arg-type] # any field
    save_checkpoint(
        path, TrainState(settings, net.state_dict(), optimizer.state_dict(), 1, 2, 20.0)
    )
    return path


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("auto", 4.0, Amplification("auto", 4.0)),
        ("number", 70.0, Amplification("number", 70.0)),
        ("ratio", 1.0, Amplification("ratio", 1.0)),
    ],
)
def test_a_checkpoint_restores_with_the_amplification_it_was_trained_with(
    tmp_path: Path, kind: str, value: float, expected: Amplification
) -> None:
    path = checkpoint(tmp_path / "last.pt", amplification=kind, amplification_value=value)
    found = load_restorer(path)
    assert (found.network, found.licence) == ("lamba2021", None)
    assert found.amplification == expected


def nine_times(image: RawImage, restorer: Restorer) -> Development:
    """Return how a mosaic is developed that is amplified 9 times, in the network's colours."""
    brightness, exposure = Brightness("number", (9.0,)), image.exposure
    (found,) = restorer.developments(image, brightness, "network", Origin(1.0, exposure))
    return found


def test_balanced_weights_get_planes_balanced_by_the_file_s_own_balance(
    net: nn.Module, restorer: Restorer, tmp_path: Path
) -> None:
    path = checkpoint(tmp_path / "last.pt", balance=True)
    assert load_restorer(path).neutral == REFERENCE_NEUTRAL
    pixels = np.random.default_rng(3).integers(500, 900, (70, 90), np.uint16)
    image = image_of_array(pixels, pattern="GBRG", black=512, white=16383,
                           white_balance=(2.0, 1.0, 1.5))  # fmt: skip
    balanced = replace(restorer, neutral=REFERENCE_NEUTRAL)
    restored = restore_image(image, balanced, nine_times(image, balanced))
    # What is black subtracted and multiplied is the same as another mosaic without black.
    values = np.maximum(pixels.astype(np.float64) - 512, 0)
    for y, x, plane in image.mosaic.positions():
        values[y::2, x::2] *= (0.40 * 2.0, 1.0, 0.39 * 1.5, 1.0)[plane]
    mosaic = replace(image.mosaic, black_level=(0.0,) * 4, white_level=16383.0 - 512)
    expected = by_hand(replace(image, pixels=values, mosaic=mosaic), net, 9.0)
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", ["network", "sensor"])
def test_balanced_weights_amplify_by_the_estimate_of_planes_as_they_are_as_in_training(
    restorer: Restorer, mode: ColourMode
) -> None:
    pixels = np.random.default_rng(3).integers(500, 900, (64, 64), np.uint16)
    image = image_of_array(pixels, pattern="RGGB", black=512, white=16383,
                           white_balance=(2.0, 1.0, 1.5))  # fmt: skip
    balanced = replace(restorer, neutral=REFERENCE_NEUTRAL)
    (found,) = balanced.developments(image, Brightness(), mode, Origin(7.0, image.exposure))
    assert found.amplification == 7


def test_balanced_weights_take_planes_of_no_known_balance_as_they_are(restorer: Restorer) -> None:
    pixels = np.random.default_rng(3).integers(500, 900, (64, 64), np.uint16)
    image = image_of_array(pixels, pattern="RGGB", black=512, white=16383)
    balanced = replace(restorer, neutral=REFERENCE_NEUTRAL)
    found, plain = (
        restore_image(image, one, nine_times(image, one)) for one in (balanced, restorer)
    )
    np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize(
    "settings",
    [{"amplification": "guess"}, {"amplification_value": "much"}, {"amplification_value": -1}],
)  # fmt: skip
def test_a_checkpoint_with_settings_of_another_kind_is_refused(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    path = checkpoint(tmp_path / "last.pt")
    content = torch.load(path, weights_only=True)
    content["settings"] |= settings
    torch.save(content, path)
    with pytest.raises(WeightsError) as caught:
        load_restorer(path)
    assert caught.value.where == str(path)


def test_the_published_weights_restore_a_real_file(tmp_path: Path, real_data: Path) -> None:
    if not PUBLISHED.is_file():
        pytest.skip(f"no published weights at {PUBLISHED}")
    path = real_data / "RAW_KODAK_DC50.KDC"
    chosen = load_restorer(PUBLISHED)
    assert "non-commercial" in (chosen.licence or "")
    (one,) = restore_files([path], Output(tmp_path, colour="network"), chosen).restored
    read = cv2.imread(str(one.picture), cv2.IMREAD_UNCHANGED)
    assert read is not None
    image = decode(path)
    assert read.shape == (*image.pixels.shape, 3)
    net, _ = load_network(PUBLISHED)
    expected = by_hand(image, net, one.amplification)
    assert np.abs(read[..., ::-1] / 255 - expected).max() < 0.003
    assert 0.02 < expected.mean() < 0.98


def write_xtrans(path: Path) -> Path:
    """Write a DNG with an X-Trans mosaic, margins that are no whole cells apart."""
    mosaic = np.random.default_rng(1).integers(1100, 1300, (516, 522)).astype(np.uint16)
    meta = DngMeta("Fujifilm", "X-T2", pattern=XTRANS, black_level=1024, white_level=16383)
    write_dng(path, mosaic, meta)
    return path


def test_an_xtrans_file_and_a_bayer_network_are_no_pair_and_the_others_go_on(
    tmp_path: Path, restorer: Restorer
) -> None:
    files = [write_xtrans(tmp_path / "a.dng"), write(tmp_path / "b.dng")]
    report = restore_files(files, Output(tmp_path / "out"), restorer)
    assert [one.source for one in report.restored] == [str(files[1])]
    ((where, error),) = report.failed
    assert (where, error.kind) == (str(files[0]), "unsupported-mosaic")
    assert "X-Trans" in error.reason
    assert "lamba2021" in error.reason
    assert sorted(path.name for path in (tmp_path / "out").glob("*.p*")) == ["b.png"]


def test_an_xtrans_network_restores_every_visible_pixel(tmp_path: Path) -> None:
    torch.manual_seed(0)
    chosen = Restorer(prepare(build("sid-xtrans")), "sid-xtrans", None, Amplification())
    path = write_xtrans(tmp_path / "a.dng")
    report = restore_files([path, write(tmp_path / "b.dng")], Output(tmp_path / "out"), chosen)
    (one,) = report.restored
    read = cv2.imread(str(one.picture), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert read.shape == (*decode(path).pixels.shape, 3)
    assert [error.kind for _, error in report.failed] == ["unsupported-mosaic"]


def test_a_picture_that_does_not_fit_is_restored_with_a_warning(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(build("lamba2021").state_dict(), tmp_path / "weights.pt")
    path = write(tmp_path / "a.dng")
    tight = load_restorer(tmp_path / "weights.pt", Compute(tmp_path / "weights.pt", max_ram=10**6))
    wide = load_restorer(tmp_path / "weights.pt", Compute(tmp_path / "weights.pt", max_ram=10**9))
    (small,) = restore_files([path], Output(tmp_path / "a"), tight).restored
    (large,) = restore_files([path], Output(tmp_path / "b"), wide).restored
    assert large.memory_warning is None
    assert "1 MB" in str(small.memory_warning)
    assert "Allow it" in str(small.memory_warning)
    first, second = (np.asarray(cv2.imread(str(one.picture), -1)) for one in (small, large))
    assert np.abs(first.astype(int) - second).max() <= 1


def test_a_linear_file_is_restored_from_the_mosaic_onto_which_it_is_sampled(
    tmp_path: Path, restorer: Restorer, net: nn.Module
) -> None:
    channels = np.random.default_rng(0).integers(500, 4000, (65, 97, 3), dtype=np.uint16)
    meta = DngMeta("Rawkit", "Phone", black_level=528, white_level=4095, iso=1600, seconds=0.1)
    (tmp_path / "linear.dng").write_bytes(encode_linear_dng(channels, meta, tile=48))
    write(tmp_path / "mosaic.dng")
    output = Output(tmp_path / "out", PictureFormat("png", 16), compare=True)
    report = restore_files([tmp_path / "linear.dng", tmp_path / "mosaic.dng"], output, restorer)
    assert report.failed == []
    linear, mosaic = report.restored
    assert linear.resampled == "linear file, sampled back onto RGGB"
    assert mosaic.resampled is None
    lines = read_manifest(output.folder)
    assert lines[str(linear.picture)]["resampled"] == linear.resampled
    expected = by_hand(decode(tmp_path / "linear.dng", resample=True), net, linear.amplification)
    read = cv2.imread(str(linear.picture), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert read.shape == (65, 97, 3)
    assert np.abs(read[..., ::-1] - np.clip(expected, 0, 1) * 65535).max() < 1.5
    plain = cv2.imread(str(linear.plain), cv2.IMREAD_UNCHANGED)
    assert plain is not None
    assert plain.shape == (65, 97, 3)
