"""Parts of the table of frames that a writer has appended, and how few of them there are.

A commit appends its rows as a part. Every 16th takes the 15 before it in, so that a million frames
committed by 64 leave some dozens of parts, and each row is written four times rather than
15 000 times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Part = tuple[int, int]
"""Number of the first row, from 0, and rows."""
FEW = 16
"""Parts of about one size that become one."""


def with_part(parts: Sequence[Part], first: int, end: int) -> tuple[list[Part], list[int]]:
    """Append a part of the rows from `first` up to `end`, excluded; it may take others in.

    Returns
    -------
    parts
        All parts; the last one is to be written.
    replaced
        First rows of the parts that it took in and whose files are not its own.
    """
    kept = list(parts)
    while True:
        taken = len(kept)
        while taken and kept[taken - 1][1] <= end - first:
            taken -= 1
        if len(kept) - taken < FEW - 1:
            break
        first = kept[taken][0]
        kept = kept[:taken]
    replaced = [begin for begin, _ in parts[len(kept) :] if begin != first]
    return [*kept, (first, end - first)], replaced
