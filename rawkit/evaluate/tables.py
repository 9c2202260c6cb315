"""The tables of an evaluation: pictures as Parquet and CSV, means as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import types
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from rawkit.errors import MissingError, RawkitError, StoreFormatError
from rawkit.evaluate.bootstrap import CONFIDENCE, Mean
from rawkit.evaluate.measure import METRICS, PictureRow
from rawkit.evaluate.summary import GroupSummary
from rawkit.evaluate.video_figures import VIDEO_METRICS, VIDEOS, CurveRow, VideoRow
from rawkit.files import write_atomically
from rawkit.metrics import BRIGHTNESS_VARIANTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Row = TypeVar("Row", PictureRow, VideoRow, CurveRow)
FORMAT: Final = "rawkit-evaluation"
VERSION: Final = 1
PICTURES_TABLE, PICTURES_CSV = "pictures.parquet", "pictures.csv"
VIDEOS_TABLE, VIDEOS_CSV = "videos.parquet", "videos.csv"
CURVES_TABLE, CURVES_CSV = "curves.parquet", "curves.csv"
MEANS_CSV, SUMMARY_JSON = "means.csv", "summary.json"
_KEY = b"rawkit"
_MEANS_HEADER = (
    "evaluation",
    "axis",
    "value",
    "metric",
    "mean",
    "low",
    "high",
    "pictures",
    "scenes",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What an evaluation is of; two with the same identity have the same tables."""

    method: str
    """Network, or ``plain``."""
    weights: str
    """SHA-256 of network, parameters and amplification, hexadecimal."""
    data: str
    """SHA-256 over the pairs, hexadecimal."""
    protocol: Mapping[str, Any]
    """All fields of the protocol."""
    pairs: int
    """Pairs."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A finished evaluation, read back."""

    folder: Path
    """Where its tables lie."""
    id: str
    """Its identity in 16 hexadecimal digits."""
    identity: Identity
    """What it is of."""
    title: str
    """What was evaluated, for people: the run, or the file of the weights."""
    resamples: int
    """Draws of the bootstrap."""
    seed: int
    """Seed of the bootstrap."""
    groups: tuple[GroupSummary, ...]
    """Means: over all first, then by each axis."""
    videos: GroupSummary | None = None
    """Means over videos, of `VIDEO_METRICS`; None where no two pictures are neighbours."""

    @property
    def overall(self) -> GroupSummary:
        """Means over all pictures."""
        return self.groups[0]

    def rows(self) -> list[PictureRow]:
        """Read its pictures."""
        return read_pictures(self.folder / PICTURES_TABLE)

    def video_rows(self) -> list[VideoRow]:
        """Read its videos; none where there are none."""
        return [] if self.videos is None else _read(self.folder / VIDEOS_TABLE, VideoRow)

    def curves(self) -> list[CurveRow]:
        """Read how bright the frames of its videos are; none where there are none."""
        return [] if self.videos is None else _read(self.folder / CURVES_TABLE, CurveRow)


def _arrow_type(hint: Any) -> pa.DataType:
    if get_origin(hint) is types.UnionType:
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    return {str: pa.string(), int: pa.int64(), float: pa.float64()}[hint]


def _schema(kind: type[Row]) -> pa.Schema:
    hints = get_type_hints(kind)
    return pa.schema(
        [
            pa.field(name, _arrow_type(hints[name]), get_origin(hints[name]) is types.UnionType)
            for name in _columns(kind)
        ]
    )


def _columns(kind: type[Row]) -> list[str]:
    return [field.name for field in fields(kind)]


SCHEMA = _schema(PictureRow)


def encode_rows(rows: Sequence[Row], about: Mapping[str, Any], kind: type[Row]) -> bytes:
    """Encode rows as Parquet, the same bytes for the same rows; `about` goes into metadata."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=_schema(kind))
    table = table.replace_schema_metadata({_KEY: json.dumps(about, sort_keys=True).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def read_pictures(path: Path) -> list[PictureRow]:
    """Read the pictures of an evaluation.

    Raises
    ------
    StoreFormatError
        If the file is missing, damaged, or has other columns.
    """
    return _read(path, PictureRow)


def _read(path: Path, kind: type[Row]) -> list[Row]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise _unusable(path, error) from error
    if table.schema.names != _columns(kind):
        raise _unusable(path, "other columns")
    return [kind(**row) for row in table.to_pylist()]


def encode_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """Encode rows as CSV (RFC 4180, UTF-8); numbers in full, None empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([["" if one is None else one for one in row] for row in rows])
    return text.getvalue().encode()


def write_tables(
    evaluation: Evaluation,
    rows: Sequence[PictureRow],
    videos: Sequence[VideoRow] = (),
    curves: Sequence[CurveRow] = (),
) -> None:
    """Write all tables; the summary, whose presence says that the others are whole, comes last.

    Raises
    ------
    OutputError
        If one cannot be written.
    """
    about = summary_values(evaluation)
    folder = evaluation.folder
    identity = {key: about[key] for key in ("format", "version", "evaluation", "identity")}
    _write_rows(folder, (PICTURES_TABLE, PICTURES_CSV), rows, identity, PictureRow)
    if evaluation.videos is not None:
        _write_rows(folder, (VIDEOS_TABLE, VIDEOS_CSV), videos, identity, VideoRow)
        _write_rows(folder, (CURVES_TABLE, CURVES_CSV), curves, identity, CurveRow)
    write_atomically(folder / MEANS_CSV, encode_csv(_MEANS_HEADER, means_rows(evaluation)))
    text = json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(folder / SUMMARY_JSON, text.encode())


def _write_rows(
    folder: Path,
    names: tuple[str, str],
    rows: Sequence[Row],
    about: Mapping[str, Any],
    kind: type[Row],
) -> None:
    write_atomically(folder / names[0], encode_rows(rows, about, kind))
    values = [list(asdict(row).values()) for row in rows]
    write_atomically(folder / names[1], encode_csv(_columns(kind), values))


def means_rows(evaluation: Evaluation) -> list[tuple[object, ...]]:
    """Rows of the table of means: one for each group and metric."""
    return [
        (evaluation.id, group.axis, group.value, metric, mean.mean, mean.low, mean.high,
         mean.pictures, group.scenes)
        for group in (*evaluation.groups, *([evaluation.videos] if evaluation.videos else []))
        for metric, mean in group.means.items()
    ]  # fmt: skip


def summary_values(evaluation: Evaluation) -> dict[str, Any]:
    """Everything that ``summary.json`` says; means that are infinite become null."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "evaluation": evaluation.id,
        "title": evaluation.title,
        "identity": _plain(asdict(evaluation.identity)),
        "complete": _complete(evaluation.identity),
        "bootstrap": {
            "unit": "scene",
            "method": "percentile",
            "confidence": CONFIDENCE,
            "resamples": evaluation.resamples,
            "seed": evaluation.seed,
        },
        "groups": [_group_values(group) for group in evaluation.groups],
        **({} if evaluation.videos is None else {"videos": _video_values(evaluation.videos)}),
    }


def _group_values(group: GroupSummary) -> dict[str, Any]:
    return {
        "axis": group.axis,
        "value": group.value,
        "pictures": group.pictures,
        "scenes": group.scenes,
        "means": {name: _plain(asdict(mean)) for name, mean in group.means.items()},
    }


def _video_values(group: GroupSummary) -> dict[str, Any]:
    return {
        "videos": group.pictures,
        "scenes": group.scenes,
        "unit": "video",
        "brightness": {f"mabd_{one.name}": one.title for one in BRIGHTNESS_VARIANTS.values()},
        "means": {name: _plain(asdict(mean)) for name, mean in group.means.items()},
    }


def _videos_of(about: Mapping[str, Any] | None) -> GroupSummary | None:
    if about is None:
        return None
    means = {name: Mean(**about["means"][name]) for name in VIDEO_METRICS}
    return GroupSummary(VIDEOS, None, about["videos"], about["scenes"], means)


def _complete(identity: Identity) -> bool | None:
    """Tell whether all pairs of the protocol were there; None where their number is open."""
    pairs = identity.protocol.get("pairs")
    return None if pairs is None else identity.pairs == pairs


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def load_evaluation(folder: Path) -> Evaluation:
    """Read a finished evaluation back.

    Raises
    ------
    MissingError
        If there is none, or it is not finished.
    StoreFormatError
        If its summary is damaged or of another version.
    """
    path = folder / SUMMARY_JSON
    if not path.is_file():
        raise MissingError(
            "no finished evaluation", where=folder, fix="`rawkit evaluate` makes one."
        )
    try:
        about = json.loads(path.read_bytes())
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise _unusable(path, f"{about['format']} version {about['version']}")
        groups = tuple(
            GroupSummary(
                one["axis"], one["value"], one["pictures"], one["scenes"],
                {name: Mean(**one["means"][name]) for name in METRICS},
            )
            for one in about["groups"]
        )  # fmt: skip
        return Evaluation(
            folder=folder,
            id=about["evaluation"],
            identity=Identity(**about["identity"]),
            title=about["title"],
            resamples=about["bootstrap"]["resamples"],
            seed=about["bootstrap"]["seed"],
            groups=groups,
            videos=_videos_of(about.get("videos")),
        )
    except RawkitError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, why: object) -> StoreFormatError:
    return StoreFormatError(
        f"not a table of an evaluation ({why})",
        expected=f"{FORMAT} version {VERSION}",
        where=path,
        fix="Delete its folder and evaluate again.",
    )
