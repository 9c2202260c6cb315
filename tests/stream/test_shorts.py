"""Shorts made while longs stream: the same whoever makes them, and as dark as is said."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawkit.errors import SelectionError, UsageError
from rawkit.noise import CameraProfile, NoiseModel, make_short
from rawkit.sensor import Levels, amplification_base, image_of_packed
from rawkit.store import Store, decode_shard, encode_shard
from rawkit.stream import (
    Batch,
    BatchStream,
    PlanSettings,
    Shorts,
    ShortSettings,
    pair_sources,
    shorts_to_make,
)
from rawkit.subset import load_subset
from tests.support.fixtures_stream import Shape, assert_same_batch, make_sources

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import RawImage
    from rawkit.stream import PairSource
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
SETTINGS = PlanSettings(crop=14, crops_per_window=3, live_windows=16, window_chunks=2, seed=11)
ASKED = ShortSettings(((20, 200),), ((800, 3200),))


def profile(white: float = 16383.0, black: float = 512.0) -> CameraProfile:
    """Return a camera whose noise grows with the ISO."""
    mosaic = image_of(np.arange(256, dtype=np.uint16).reshape(4, 8, 8), white, black).mosaic
    models = [
        NoiseModel.of_values(iso, iso / 400, iso / 300, -0.1, row=iso / 1600, white=white)
        for iso in (400, 1600, 6400)
    ]
    return CameraProfile.known("rawkit", "test", mosaic, models)


def image_of(planes: NDArray[np.uint16], white: float, black: float) -> RawImage:
    """Return the image of a Bayer camera from its packed planes R, G1, B, G2."""
    cells = planes[[0, 1, 3, 2]].transpose(1, 2, 0)
    return image_of_packed(cells, "RGGB", Levels(int(black), int(white)), where="here")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[PairSource]:
    """Two longs and a real short."""
    shapes = [Shape(30, 45, (8, 12)), Shape(25, 40, (9, 9), codec="none"), Shape(41, 16, (10, 16))]
    found = make_sources(tmp_path_factory.mktemp("longs"), shapes)
    return [replace(found[0], is_long=True), found[1], replace(found[2], is_long=True)]


def batches(
    sources: list[PairSource], count: int, position: int = 0, **options: Any
) -> list[Batch]:
    shorts = Shorts(profile(), ASKED, 11, estimates=True)
    stream = BatchStream(sources, SETTINGS, batch_size=8, shorts=shorts, **options)
    return list(islice(stream.batches(position), count))


def test_shorts_are_the_same_for_any_number_of_threads_and_from_any_position(
    sources: list[PairSource],
) -> None:
    reference = batches(sources, 12, threads=1)
    for one, other in zip(reference, batches(sources, 12, threads=3), strict=True):
        assert_same_batch(one, other)
    for one, other in zip(reference[5:], batches(sources, 7, reference[4].position), strict=True):
        assert_same_batch(one, other)


def test_two_processes_make_the_shorts_of_one(sources: list[PairSource]) -> None:
    whole = batches(sources, 6, threads=1)
    for rank in range(2):
        for one, part in zip(whole, batches(sources, 6, rank=rank, ranks=2), strict=True):
            np.testing.assert_array_equal(one.packed[rank::2], part.packed)
            np.testing.assert_array_equal(one.amplification_base[rank::2], part.amplification_base)


def test_real_pairs_stay_as_they_are_beside_shorts(sources: list[PairSource]) -> None:
    plain = BatchStream(sources, SETTINGS, batch_size=8)
    seen = 0
    for one, other in zip(batches(sources, 8), plain.batches(), strict=False):
        for slot, name in enumerate(one.names):
            made = name != "test/frame-1"
            same = np.array_equal(one.packed[slot], other.packed[slot])
            assert same != made
            np.testing.assert_array_equal(one.target[slot], other.target[slot])
            assert made == (one.gain_ratio[slot] != other.gain_ratio[slot])
            assert not made or 20 <= one.gain_ratio[slot] <= 200
            assert not made or 790 <= one.iso[slot] <= 3250
            seen += made
    assert seen


def test_shorts_are_as_much_darker_as_their_ratio_says(tmp_path: Path) -> None:
    shapes = [Shape(128, 256, (64, 64)), Shape(128, 256, (64, 64))]
    longs = [replace(one, is_long=True) for one in make_sources(tmp_path, shapes)]
    settings = PlanSettings(crop=128, live_windows=8)
    shorts = Shorts(profile(), ASKED, 0, estimates=False)
    made = islice(BatchStream(longs, settings, batch_size=4, shorts=shorts).batches(), 8)
    whole = islice(BatchStream(longs, settings, batch_size=4).batches(), 8)
    for short, long in zip(made, whole, strict=True):
        black = short.black_level[..., None, None]
        light = np.maximum(long.packed.astype(np.float64) - black, 0).mean((1, 2, 3))
        found = (short.packed.astype(np.float64) - black).mean((1, 2, 3))
        np.testing.assert_allclose(found * short.gain_ratio, light, rtol=0.05)
        assert np.isnan(short.amplification_base).all()


def test_the_estimate_is_that_of_the_whole_short(tmp_path: Path) -> None:
    """Against the amplifier on a whole frame that was made with the same noise."""
    (long,) = make_sources(tmp_path, [Shape(192, 256, (64, 64))])
    long = replace(long, is_long=True, black_level=np.full(4, 512, np.float32))
    shorts = Shorts(profile(), ASKED, 3, estimates=True)
    planes = decode_shard(long.packed.path.read_bytes(), long.packed.layout, long.packed.path)
    for number in range(5):
        drawn = shorts.drawn(long, 0, number)
        short = np.array(planes, np.uint16)
        make_short(short, [512.0] * 4, drawn.noise, drawn.ratio, key=1, sample=number)
        image = image_of(short, long.white_level, 512.0)
        assert drawn.base == pytest.approx(amplification_base(image), rel=0.05)


def test_noise_of_another_range_is_brought_to_that_of_the_long(sources: list[PairSource]) -> None:
    fine = Shorts(profile(), ASKED, 0, estimates=False).drawn(sources[0], 0, 5)
    coarse = Shorts(profile(4095, 128), ASKED, 0, estimates=False).drawn(sources[0], 0, 5)
    assert coarse.iso == fine.iso
    np.testing.assert_allclose(coarse.noise.gain, 4 * fine.noise.gain, rtol=0.01)


def test_longs_of_a_split_are_found_with_their_own_targets(sid_workspace: Workspace) -> None:
    subset = load_subset(sid_workspace.subset("f1"))
    store = Store(sid_workspace.store("sid"))
    longs = shorts_to_make(subset, {"sid": store}, "train")
    assert [one.name for one in longs] == [
        f"sid/{row.name}" for row in store.rows if row.split == "train" and row.role == "long"
    ]
    assert all(one.is_long for one in longs)
    pairs = pair_sources(subset, {"sid": store}, "train")
    assert not any(one.is_long for one in pairs)
    assert {one.target for one in longs} >= {one.target for one in pairs}
    with pytest.raises(SelectionError, match="no long exposure in split nowhere"):
        shorts_to_make(subset, {"sid": store}, "nowhere")


def test_ranges_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="the lower one first"):
        ShortSettings(((300, 100),), ((100, 200),))
    with pytest.raises(UsageError, match="ISOs of shorts"):
        ShortSettings(((1, 2),), ((0, 200),))


def test_light_is_added_with_its_noise_and_no_other(tmp_path: Path) -> None:
    """Of a short without noise what is added has the mean and the variance of photons."""
    (one,) = make_sources(tmp_path, [Shape(192, 256, (64, 64))])
    level, black = 4000.0, 512.0
    write_flat(one, int(black + level))
    levels = np.full(5, black, np.float32)
    levels[-1] = 16383
    pair = replace(
        one, target=one.packed, target_levels=levels, gain_ratio=50.0, iso=1600.0,
        black_level=levels[:4], white_level=16383.0,
    )  # fmt: skip
    settings = PlanSettings(crop=128, live_windows=8)
    gain = profile().at(1600).gain.mean()
    seen = set()
    shorts = Shorts(profile(), None, 3, estimates=False, added=1.0)
    for batch in islice(BatchStream([pair], settings, batch_size=4, shorts=shorts).batches(), 4):
        for short, long in zip(batch.packed.astype(float), batch.target.astype(float), strict=True):
            share = (long.mean() - black) / level - 1
            added = short - black - level
            light = share * level / 50
            assert 0 <= share <= 1
            assert added.mean() == pytest.approx(light, abs=5 * np.sqrt(gain * light / added.size))
            assert added.var() == pytest.approx(gain * light + 1 / 12, rel=0.1)
            seen.add(round(share, 4))
    assert len(seen) > 8
    again = BatchStream([pair], settings, batch_size=4, threads=3,
                        shorts=Shorts(profile(), None, 3, estimates=False, added=1.0))  # fmt: skip
    *_, last = islice(again.batches(), 4)
    assert_same_batch(batch, last)
    unknown = replace(pair, iso=np.nan)
    plain = next(BatchStream([unknown], settings, batch_size=4, shorts=shorts).batches())
    assert (plain.packed == black + level).all()


def write_flat(source: PairSource, value: int) -> None:
    """Put one value into all pixels of a stored frame."""
    layout = source.packed.layout
    frame = np.full((layout.planes, layout.height, layout.width), value, np.uint16)
    Path(str(source.packed.path)).write_bytes(encode_shard(frame, layout))
