"""What is done to a crop, as bits of one number: see `rawkit.stream.plan.Sample`."""

from __future__ import annotations

REVERSE, TRANSPOSE, FLIP_DOWN, FLIP_ACROSS = 8, 4, 2, 1


def flips(augmentation: int) -> tuple[bool, bool, bool]:
    """Split the bits: left and right, top and bottom, transpose."""
    return (
        bool(augmentation & FLIP_ACROSS),
        bool(augmentation & FLIP_DOWN),
        bool(augmentation & TRANSPOSE),
    )


def in_space(augmentation: int) -> int:
    """Return the bits of what is done to each frame."""
    return augmentation & ~REVERSE


def is_reversed(augmentation: int) -> bool:
    """Tell whether the frames of a clip are in the opposite order."""
    return bool(augmentation & REVERSE)


def is_transposed(augmentation: int) -> bool:
    """Tell whether rows have become columns."""
    return bool(augmentation & TRANSPOSE)
