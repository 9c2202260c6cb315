"""Frames of a store that filters have chosen, as a sequence of pairs."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np

from rawkit.notebook.picture import png_of
from rawkit.pictures import encoded_of
from rawkit.store import table_of_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from rawkit.restore import StoredFrame
    from rawkit.store import Group, Store
    from rawkit.subset import Subset

_GREY = 0.18
"""Mean linear light of a dark frame as it is shown."""
_LISTED = 10
"""Rows of a table in a notebook."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One stored exposure: what is known of it, and its pixels when they are asked for."""

    stored: StoredFrame
    """The frame as commands know it; `rawkit.restore` takes it, and takes a `Shot` too."""
    group: Group
    """Camera and geometry it is stored with."""

    @property
    def name(self) -> str:
        """Identity within the collection."""
        return self.stored.row.name

    @property
    def iso(self) -> float | None:
        """ISO speed; None where unknown."""
        return self.stored.row.iso

    @property
    def exposure_time(self) -> float | None:
        """Seconds; None where unknown."""
        return self.stored.row.exposure_time

    @property
    def f_number(self) -> float | None:
        """Aperture as the f-number N; None where unknown."""
        return self.stored.row.f_number

    @property
    def camera(self) -> str:
        """Maker and model as EXIF spells them; empty where unknown."""
        make, model = self.stored.row.make or "", self.stored.row.model or ""
        return model if model.startswith(make) else f"{make} {model}".strip()

    @property
    def black_level(self) -> tuple[float, ...]:
        """Black level of each packed plane, in sensor units."""
        return self.stored.row.black_level

    @property
    def white_level(self) -> float:
        """White level, in sensor units."""
        return self.stored.row.white_level

    @cached_property
    def packed(self) -> NDArray[np.uint16]:
        """Packed planes R, G1, B, G2 (nine of an X-Trans), (4, h, w), sensor units."""
        return np.asarray(self.group.read("packed", self.stored.index), np.uint16)

    @property
    def mosaic(self) -> NDArray[np.uint16]:
        """The planes laid out as a mosaic (2h, 2w) with red at (0, 0)."""
        return self.stored.image().pixels

    def __repr__(self) -> str:
        seconds = f"{self.exposure_time:g} s" if self.exposure_time else "unknown time"
        iso = f"ISO {self.iso:g}" if self.iso else "unknown ISO"
        return f"<Shot {self.name}: {seconds}, {iso}, {self.camera or 'unknown camera'}>"

    def _repr_png_(self) -> bytes:
        return png_of(encoded_of(self._plain()))

    def _plain(self) -> NDArray[np.float32]:
        """Half-size linear light (h, w, 3), white balanced, as bright as a picture."""
        image = self.stored.image()
        light = np.zeros((*self.packed.shape[1:], 3), np.float32)
        counts = np.zeros(3)
        mosaic, white = image.mosaic, image.mosaic.white_level
        for plane, black, colour, balance in zip(
            self.packed, mosaic.black_level, mosaic.cell.colours, image.white_balance.multipliers,
            strict=True,
        ):  # fmt: skip
            light[..., colour] += (plane - np.float32(black)) * np.float32(
                balance / (white - black)
            )
            counts[colour] += 1
        light /= counts.astype(np.float32)
        return np.clip(light * (_GREY / max(float(light.mean()), 1e-6)), 0, 1)


@dataclass(frozen=True, eq=False)
class StoredPair:
    """A dark frame and its ground truth, as far as there is one."""

    short: Shot
    """The dark frame."""
    long: Shot | None
    """The long exposure; None where the store has none of it."""
    scene: str
    """What one split never divides."""
    split: str
    """``train``, ``val`` or ``test``."""

    @property
    def name(self) -> str:
        """Name of the dark frame."""
        return self.short.name

    @property
    def gain_ratio(self) -> float | None:
        """What the dark frame must be multiplied by to be as bright as its long."""
        return self.short.stored.gain_ratio

    @cached_property
    def target(self) -> NDArray[np.unsignedinteger] | None:
        """The rendered truth, (H, W, 3), 8 or 16 bits, BT.709 curve; None where there is none."""
        short = self.short
        index = int(short.group.coordinates["target_index"][short.stored.index])
        if index < 0 or short.group.target is None:
            return None
        found = short.group.read("target", index)
        return np.ascontiguousarray(found.transpose(1, 2, 0))

    def __repr__(self) -> str:
        truth = "no long" if self.long is None else f"long {self.long.name}"
        return f"<StoredPair {self.short.name} of {self.scene or 'no scene'} ({truth})>"

    def _repr_png_(self) -> bytes:
        dark = encoded_of(np.asarray(self.short._plain()))  # noqa: SLF001 - of this module
        target = self.target
        if target is None:
            return png_of(dark)
        # Every second pixel of the truth: the dark frame is shown in half size.
        truth = target[::2, ::2].astype(np.float32) / np.float32(np.iinfo(target.dtype).max)
        return png_of(np.concatenate([dark, truth[: len(dark), : dark.shape[1]]], axis=1))


class Frames(Sequence[StoredPair]):
    """Dark frames of a store, each with its long: a sequence, and what streams draw from.

    Parameters
    ----------
    store
        The store, opened.
    subset
        The frames chosen.
    shots
        Stored frames by name.
    """

    def __init__(self, store: Store, subset: Subset, shots: dict[str, Shot]) -> None:
        self.store = store
        """The store, as the layers below know it."""
        self.subset = subset
        """The choice, as commands know it."""
        self._shots = shots
        self._shorts = [one for one in subset.frames if one.role == "short"]

    @property
    def frames(self) -> pa.Table:
        """All that the store says of the frames, longs included, one row each, as pyarrow."""
        names = {one.name for one in self.subset.frames}
        rows = [row for row in self.store.rows if row.name in names and row.duplicate_of is None]
        return table_of_rows(rows)

    def __len__(self) -> int:
        return len(self._shorts)

    @overload
    def __getitem__(self, index: int) -> StoredPair: ...
    @overload
    def __getitem__(self, index: slice) -> list[StoredPair]: ...
    def __getitem__(self, index: int | slice) -> StoredPair | list[StoredPair]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        frame = self._shorts[index]
        short = self._shots[frame.name]
        longs = [
            row for row in self.store.rows
            if row.role == "long" and row.pair == short.stored.row.pair and row.name in self._shots
        ]  # fmt: skip
        long = max(longs, key=lambda row: row.exposure_time or 0.0, default=None)
        return StoredPair(
            short, None if long is None else self._shots[long.name], frame.scene, frame.split
        )

    def __repr__(self) -> str:
        return f"<{len(self)} dark frames of {self.store.collection}: {self._text()}>"

    def _text(self) -> str:
        scenes = {one.scene for one in self._shorts}
        isos = sorted({one.iso for one in self._shorts if one.iso is not None})
        splits = Counter(one.split for one in self._shorts)
        parts = [f"{len(scenes)} scene{'s' * (len(scenes) != 1)}"]
        if isos:
            parts.append("ISO " + ", ".join(f"{iso:g}" for iso in isos))
        parts.append(", ".join(f"{count} {split}" for split, count in splits.items()))
        return "; ".join(filter(None, parts))

    def _repr_html_(self) -> str:
        def cells(kind: str, values: Sequence[object]) -> str:
            texts = (f"{one:.4g}" if isinstance(one, float) else str(one) for one in values)
            inner = "".join(f"<{kind}>{html.escape(text)}</{kind}>" for text in texts)
            return f"<tr>{inner}</tr>"

        head = cells("th", ("frame", "scene", "split", "ISO", "seconds", "ratio"))
        rows = [
            cells("td", (one.name, one.scene, one.split, one.iso,
                         self._shots[one.name].exposure_time, one.rounded_ratio))
            for one in self._shorts[:_LISTED]
        ]  # fmt: skip
        more = len(self) - len(rows)
        tail = f"<p>and {more} more</p>" if more > 0 else ""
        return f"<p>{html.escape(repr(self)[1:-1])}</p><table>{head}{''.join(rows)}</table>{tail}"
