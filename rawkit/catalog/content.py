"""Files whose ending does not say whether they are raw files: their content does.

Endings of raw files are believed, and so are those of what lies beside raw files everywhere:
pictures, sidecars, texts. Of the others the first bytes are read.
"""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rawkit.catalog.types import LeftOut
from rawkit.errors import MissingError, NotRawError, UnreadableError
from rawkit.sensor import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.sensor import Kind
    from rawkit.source import Source, SourceFile

RAW_SUFFIXES = frozenset(
    (  # noqa: SIM905 - a list literal would be formatted to one line for each
        ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nef .nrw "
        ".orf .pef .qtk .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
    ).split()
)
OTHER_SUFFIXES = frozenset(
    (  # noqa: SIM905 - likewise
        ".avi .avif .bmp .cos .cosessiondb .csv .db .doc .docx .dop .gif .gz .heic .heif .hif "
        ".htm .html .ini .jpeg .jpg .json .jsonl .log .lrv .m4a .m4v .md .mkv .mov .mp3 .mp4 .mpg "
        ".mts .npy .npz .on1 .parquet .pdf .png .pp3 .psd .rst .svg .tar .tgz .thm .toml .tsv .txt "
        ".wav .webp .xml .xmp .yaml .yml .zip"
    ).split()
)
"""What is known not to be raw files; not a word is said of these."""
_LISTED = 3
"""Files of one ending that are listed one by one; more get one line together."""


def has_raw_suffix(path: str) -> bool:
    """Tell whether a path ends as raw files do."""
    return _suffix(path) in RAW_SUFFIXES


def by_content(
    source: Source, files: Iterable[SourceFile]
) -> tuple[list[SourceFile], list[LeftOut]]:
    """Find the raw files among files whose ending says nothing, and say of the others why not.

    Files of `OTHER_SUFFIXES` are passed over.
    """
    raw: list[SourceFile] = []
    others: dict[str, list[LeftOut]] = defaultdict(list)
    for file in files:
        suffix = _suffix(file.path)
        if suffix in OTHER_SUFFIXES:
            continue
        found = _looked_at(source, file)
        if isinstance(found, LeftOut):
            others[suffix].append(found)
        elif found == "raw":
            raw.append(file)
    return raw, [line for suffix in sorted(others) for line in _lines(suffix, others[suffix])]


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _looked_at(source: Source, file: SourceFile) -> Kind | LeftOut:
    """Return what the first bytes of a file are, or why it is not used."""
    if source.sequential(file):
        return LeftOut(
            file.path, "not-looked-at",
            "its ending is none of raw files, and its archive can only be read from end to end",
        )  # fmt: skip
    try:
        path = source.local_path(file)
        if path is None:
            found = kind_of(io.BytesIO(source.head(file)))
        else:
            with path.open("rb") as opened:
                found = kind_of(opened)
    except (UnreadableError, MissingError) as error:
        return LeftOut(file.path, error.kind, error.reason)
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
        return LeftOut(file.path, UnreadableError.kind, reason)
    if found == "raw" or (found == "text" and not _suffix(file.path)):
        return found  # LICENSE and README are texts whatever they lie beside
    return LeftOut(
        file.path, NotRawError.kind, "neither its ending nor its first bytes are those of raw files"
    )


def _lines(suffix: str, left_out: list[LeftOut]) -> list[LeftOut]:
    """One line for each file, or one for all where they are many."""
    if len(left_out) <= _LISTED:
        return left_out
    first = left_out[0]
    name = f"{first.name} and {len(left_out) - 1} more {suffix or 'without ending'}"
    return [LeftOut(name, first.kind, first.reason)]
