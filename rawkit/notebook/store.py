"""A store, opened for looking, choosing and streaming."""

from __future__ import annotations

import html
import math
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.catalog import selection_of
from rawkit.errors import SelectionError
from rawkit.notebook.frames import Frames, Shot
from rawkit.restore import StoredFrame
from rawkit.subset import Limits, Subset, choose_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from rawkit.locations import Location
    from rawkit.notebook.frames import StoredPair
    from rawkit.store import FrameRow, Group, Store


class OpenStore:
    """A store: what is in it, and frames of it by the filters of the command line.

    Parameters
    ----------
    store
        The store, opened for reading.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        """The store, as the layers below know it."""

    @property
    def path(self) -> Location:
        """Path or URL."""
        return self.store.path

    @property
    def collection(self) -> str:
        """Name of the collection it was made from."""
        return self.store.collection

    @property
    def frames(self) -> pa.Table:
        """All that is known of its frames, longs included, one row each, as pyarrow."""
        return self.store.table

    def select(self, **filters: Any) -> Frames:
        """Choose dark frames by the filters of the command line; their longs come along.

        Parameters
        ----------
        **filters
            `iso`, `shutter`, `ratio`, `scene`, `view`, `camera`, `split`, `per_long`, `where`,
            `without_excluded` and `limit`, as `rawkit.catalog.selection_of` takes them: one value,
            a list, or a range such as ``"400-1600"``.

        Raises
        ------
        SelectionError
            If no dark frame passes; the message says what there is.
        UsageError
            If a filter makes no sense.
        """
        selection = selection_of(**filters)
        found = choose_frames(
            [self.store], fraction=1.0, seed=0, limits=Limits(), selection=selection
        )
        if not any(one.role == "short" for one in found):
            raise SelectionError("no dark frame", where=self.path)
        located = {self.collection: str(self.path)}
        subset = Subset("selected", 1.0, 0, "", located, found, Limits(), selection)
        return Frames(self.store, subset, self._shots)

    @cached_property
    def _all(self) -> Frames:
        return self.select()

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: int) -> StoredPair:
        return self._all[index]

    def __iter__(self) -> Iterator[StoredPair]:
        return iter(self._all)

    @cached_property
    def _shots(self) -> dict[str, Shot]:
        return {
            row.name: Shot(_stored(self.store, group, row), group)
            for group in self.store.groups.values()
            for row in group.rows
        }

    def __repr__(self) -> str:
        groups = "; ".join(_described(group) for group in self.store.groups.values())
        return f"<OpenStore {self.path}: {groups or 'no frame'}>"

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li>{html.escape(_described(group))}</li>" for group in self.store.groups.values()
        )
        title = html.escape(str(self.store.attributes.get("title", self.collection)))
        return f"<p><b>{title}</b> ({html.escape(str(self.path))})</p><ul>{items}</ul>"


def _stored(store: Store, group: Group, row: FrameRow) -> StoredFrame:
    ratio = float(group.coordinates["gain_ratio"][row.index])
    known = math.isfinite(ratio) and ratio > 0
    return StoredFrame(store.path, store.collection, row, row.index, ratio if known else None)


def _described(group: Group) -> str:
    """Say in one line what a group holds."""
    rows = group.rows
    roles = Counter(row.role for row in rows)
    isos = sorted({row.iso for row in rows if row.role == "short" and row.iso is not None})
    spread = f"ISO {isos[0]:g}" + (f" to {isos[-1]:g}" if len(isos) > 1 else "") if isos else ""
    bits = (
        ""
        if group.target is None
        else f"targets of {8 * np.dtype(group.target.dtype).itemsize} bit"
    )
    splits = Counter(row.split for row in rows if row.role == "short")
    return ", ".join(
        filter(None, (
            f"{roles['short']} dark frames and {roles['long']} longs of {group.name}",
            f"{len({row.scene for row in rows})} scenes",
            spread,
            " + ".join(f"{count} {split}" for split, count in splits.items()),
            bits,
        ))
    )  # fmt: skip
