"""What a training says of the profiles that dark frames are mended by; a part of its settings."""

from __future__ import annotations

from dataclasses import dataclass

from rawkit.errors import UsageError

STORED = "stored"
"""Stands for the profiles that travel with the stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MendFields:
    """Whether dark shading and hot pixels are taken out of dark frames, and by what."""

    mend: str = ""
    """File of the profile of the camera, or ``stored``: those of the stores; empty: frames stay as
    they are."""
    mend_digest: str = ""
    """SHA-256 over what the profiles that are used say, hexadecimal."""

    @property
    def mends(self) -> bool:
        """Whether dark frames are mended."""
        return bool(self.mend)

    def said_of_mending(self) -> str:
        """Say by what dark frames are mended, for people."""
        by = "the profiles of the stores" if self.mend == STORED else self.mend
        return f"dark shading subtracted and hot pixels mended by {by}"

    def check_mending(self, amplification: str, clip: int, *, made: bool) -> None:
        """Refuse what makes no sense together with mending.

        Raises
        ------
        UsageError
            If frames are mended and would be amplified by the estimates of the store, equalised,
            drawn as clips, or made.
        """
        if not self.mends:
            return
        if amplification == "auto":
            raise UsageError(
                "--mend with --amplify auto, whose estimates are of frames as they are stored",
                expected="ratio, exposure or a number",
                fix="Use --amplify ratio: shading makes dark frames seem brighter, or darker.",
            )
        if amplification == "equalise":
            raise UsageError(
                "--mend with --amplify equalise, which takes histograms of frames as they are "
                "stored", expected="ratio, exposure or a number",
            )  # fmt: skip
        if clip > 1:
            raise UsageError(
                f"--mend with clips of {clip} frames", expected="a training on single frames"
            )
        if made:
            raise UsageError(
                "--mend with --shorts, which have the bias of a profile and none of its shading",
                expected="dark frames of the store", fix="Leave --mend out, or --shorts.",
            )  # fmt: skip
