"""How many frames may land that no epoch draws from yet, and when they come before all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.stream.holding import most_new

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rawkit.stream.holding import Need
    from rawkit.stream.room import Ask, Room

_EPOCHS_UNUSED = 2
"""Epochs after which a frame that has landed and is not drawn from may go."""


class Landing:
    """The share of a room for what lands. Whoever uses it holds the room.

    Frames that windows of the epoch still read come before those that land, so that none is fetched
    twice for it. Where a whole epoch has passed and nothing has found room, what lands comes first.

    Parameters
    ----------
    room
        Where frames land.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self.whole = 0
        """Bytes for frames that come and go."""
        self.grows = False
        """Whether frames may land that later epochs draw from."""
        self.ends = True
        """Whether no epoch is left that could draw from them."""
        self._most = 0
        """Bytes that frames may take that are not drawn from yet."""
        self._starved = False
        self._some = True
        """Whether one has found room in this epoch."""

    @property
    def comes_first(self) -> bool:
        """Whether what asks for room comes before what windows need that are not planned yet."""
        asks = self._room.asks
        return self._starved and bool(asks) and not self.ends and asks[0].size <= self.whole

    def measure(self, needs: Sequence[Need], sizes: Mapping[str, int], whole: int) -> None:
        """Settle what may be new while an epoch is read: what its windows need, and bytes of it.

        Raises
        ------
        UsageError
            If a window does not have room.
        """
        self.whole = whole
        self._most = most_new(needs, sizes, whole, self._room.budget)

    def settle(self, drawn: Collection[str]) -> list[str]:
        """Return what was new, and is not from an epoch on that draws from `drawn`."""
        new, old = self._room.new, []
        for name, epochs in list(new.items()):
            if name in drawn or epochs + 1 >= _EPOCHS_UNUSED:
                del new[name]
                old.append(name)
            else:
                new[name] = epochs + 1
        return old

    def leaves_room(self, in_use: int) -> bool:
        """Tell whether there is a share for what lands beside so many bytes that are being read."""
        return not self.comes_first and in_use <= self.whole - self._most

    def may(self, one: Ask, new: int) -> bool:
        """Tell whether a frame may land beside `new` bytes that are not drawn from yet."""
        return not self.ends and (self.comes_first or new + one.size <= self._most)

    def let(self, new: int) -> None:
        """Note that one has found room, and `new` bytes are not drawn from yet, its own included.

        One alone is no pair: whoever comes first does until its share is taken.
        """
        self._some = True
        self._starved = self._starved and new < self._most

    def end_epoch(self) -> None:
        """Note that all windows of an epoch are planned."""
        self._starved = self._starved or (bool(self._room.asks) and not self._some)
        self._some = False
