"""Why a file cannot be used, in words of a photographer, and what can be done."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.sensor import kind_of

if TYPE_CHECKING:
    from rawkit.errors import RawkitError

HEAD_BYTES = 64
"""What `not_raw` must see of a file."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a file was not taken, or could not be restored."""

    kind: str
    """For scripts: a kind of `rawkit.errors`, or ``not-raw``."""
    title: str
    """What is the case, a short sentence without its full stop."""
    text: str
    """Why, and what can be done."""
    phone: bool = False
    """Whether to say how a raw file is had from a phone."""


_DEVELOPED = (
    "{name} is a picture that the camera or phone has already developed: of the thousands of "
    "shades that the sensor saw, 256 are left, and in the dark parts only a handful. What is lost "
    "there cannot be brought back. A raw file holds all of them."
)
_PICTURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "a JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG"),
    (0, b"GIF8", "a GIF"),
    (8, b"WEBP", "a WebP picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL ", "a JPEG XL picture"),
    (0, b"BM", "a bitmap"),
    *((4, b"ftyp" + brand, "a HEIC picture")
      for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")),
)  # fmt: skip
_OTHERS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"PK\x03\x04", "a zip archive", "Unpack it, and drop the raw files in it."),
    (0, b"PK\x05\x06", "an empty zip archive", "Drop raw files."),
    (257, b"ustar", "a tar archive", "Unpack it, and drop the raw files in it."),
    (0, b"\x1f\x8b", "a compressed file", "Unpack it, and drop the raw files in it."),
    (0, b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it, and drop the raw files in it."),
    (0, b"Rar!", "a RAR archive", "Unpack it, and drop the raw files in it."),
    (0, b"%PDF", "a PDF", "Drop raw files from a camera or phone."),
    (4, b"ftypqt  ", "a video", "Videos cannot be restored here; drop raw photos."),
    (4, b"ftypisom", "a video", "Videos cannot be restored here; drop raw photos."),
    (4, b"ftypmp4", "a video", "Videos cannot be restored here; drop raw photos."),
    (0, b"<?xml", "a text file", "It may be a sidecar: drop the raw file beside it."),
    (0, b"<x:xmpmeta", "a text file", "It may be a sidecar: drop the raw file beside it."),
    (0, b"<!DOCTYPE", "a web page", "The download may have failed; fetch the raw file again."),
)


def not_raw(head: bytes, name: str) -> Reason | None:
    """Say why a file that begins with `head` is none to restore; None where it may be one."""
    if not head:
        return Reason("empty", "The file is empty", "Copy it again from the camera or phone.")
    for at, mark, what in _PICTURES:
        if head[at:].startswith(mark) and (what != "a WebP picture" or head.startswith(b"RIFF")):
            return Reason(
                "not-raw",
                f"This is {what}, not a raw file",
                _DEVELOPED.format(name=name),
                phone=True,
            )
    for at, mark, what, remedy in _OTHERS:
        if head[at:].startswith(mark):
            return Reason("not-raw", f"This is {what}, not a raw file", remedy)
    if kind_of(io.BytesIO(head)) == "text":
        return Reason("not-raw", "This is a text file, not a raw file",
                      "Drop raw files from a camera or phone.")  # fmt: skip
    return None


_SAID = {
    "not-raw": (
        "This is no raw file we can read",
        (
            "If it comes from a camera newer than this program, convert it to DNG first (Adobe's "
            "DNG Converter is free). Else the copy may have failed."
        ),
    ),
    "truncated": (
        "The file is cut off",
        (
            "Part of the photo is missing, as after a copy that was interrupted or a full card. "
            "Copy it again from the camera or phone."
        ),
    ),
    "blank": (
        "There is no photo in the file",
        "Every pixel is the same: the file was probably cut off and filled up. Copy it again.",
    ),
    "corrupt": (
        "The file is damaged",
        "Its pixels cannot be unpacked. Copy it again from the camera or phone.",
    ),
    "headerless": (
        "The file does not say what it holds",
        (
            "It has pixels, but neither their number nor their order. `rawkit restore "
            "--headerless` takes such files where you know it."
        ),
    ),
    "memory": (
        "The photo is too large for this server",
        (
            "It takes more memory than the server may use. Whoever started it can allow more with "
            "--max-ram."
        ),
    ),
    "timeout": (
        "Reading the file took too long",
        "Most likely it is damaged. Copy it again from the camera or phone.",
    ),
    "crashed": (
        "The file could not be read",
        (
            "The program that reads raw files gave up on it, so it is probably damaged. Your other "
            "photos are not affected."
        ),
    ),
    "unsupported-mosaic": (
        "The photo comes from a sensor we cannot restore",
        (
            "Only sensors with the usual mosaic of red, green and blue can be restored: not "
            "monochrome, Foveon or scanner files."
        ),
    ),
    "output": (
        "The picture could not be saved",
        "The server's disk is full, or cannot be written to.",
    ),
}


def reason_of(error: RawkitError) -> Reason:
    """Return what to tell a photographer of an error."""
    title, text = _SAID.get(
        error.kind, ("This did not work", f"{error.reason}.{f' {error.fix}' if error.fix else ''}")
    )
    return Reason(error.kind, title, text)


def level_words(warning: str | None) -> str | None:
    """Say in words what a black level that does not fit means for the picture."""
    if warning is None:
        return None
    return (
        "The black level in the file does not fit its pixels, so shadows may come out tinted or "
        f"washed out ({warning})."
    )


def brightness_words(warning: str | None) -> str | None:
    """Say in words what is beyond the weights."""
    if warning is None:
        return None
    if "beyond" in warning:
        return (
            "This is so dark that it had to be brightened more than the weights were trained for: "
            f"expect blotches ({warning})."
        )
    return (
        "The picture stays darker than those that the weights were trained on; if it looks dull, "
        f"make it brighter by hand ({warning})."
    )


INTERNAL = Reason(
    "internal",
    "Something went wrong here",
    "It is not your file's fault as far as we can tell. Try again; if it happens again, tell "
    "whoever runs this server.",
)
