"""What is handed over to be restored: a file, a stored frame, or an array with its levels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import UsageError
from rawkit.notebook.frames import Shot, StoredPair
from rawkit.sensor import Levels, image_of_array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from numpy.typing import NDArray


def restore_input(
    what: str | PathLike[str] | bytes | Shot | StoredPair | NDArray[Any],
    pattern: str | None,
    black: float | Sequence[float] | None,
    white: float | None,
    white_balance: Sequence[float] | None,
) -> tuple[Any, Any]:
    """Return what `decode_single` takes, and levels that override a file's; those of `restore`.

    Raises
    ------
    UsageError
        If something is said of a mosaic that says it itself, or not all of one that does not.
    """
    if isinstance(what, np.ndarray):
        if pattern is None or black is None or white is None:
            raise UsageError(
                "a mosaic without pattern, black and white",
                expected='all three, such as pattern="RGGB", black=512, white=16383',
            )
        image = image_of_array(
            what, pattern=pattern, black=black, white=white, white_balance=white_balance
        )
        return image, None
    if pattern is not None or white_balance is not None:
        raise UsageError(
            "pattern or white_balance with what says its own", expected="them with an array alone"
        )
    if isinstance(what, StoredPair):
        what = what.short
    if isinstance(what, Shot):
        if black is not None or white is not None:
            raise UsageError(
                "levels for a stored frame", expected="them with a raw file or an array"
            )
        return what.stored, None
    levels = None
    if black is not None or white is not None:
        if not isinstance(black, int | None) or not isinstance(white, int | None):
            raise UsageError(
                f"black={black}, white={white} for a raw file", expected="one whole number each"
            )
        levels = Levels(black, white)
    return (what if isinstance(what, bytes) else Path(what)), levels
