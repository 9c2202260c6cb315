"""Uploads to disk: the body of a request as it comes, checked as it comes.

A body is either the file itself, its name in the query, or a form with a field ``file``, as
browsers and ``curl -F`` send it. Neither is ever held in memory.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from rawkit.serve.answers import RefusedError
from rawkit.serve.words import HEAD_BYTES, Reason, not_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

    from rawkit.serve.settings import Limits

_BLOCK = 1 << 18
"""Bytes written at a time."""
_DRAINED = 64_000_000
"""Bytes of a refused upload that are read all the same, so that the reason gets through."""
_FORM_BYTES = 1 << 16
"""What a form may add to a file."""
_TAR_HEAD = 512
_MOST_NAME = 150
_ODD = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def clean_name(name: str) -> str:
    """Return what a file is called: its last part, without what confuses terminals and disks."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = _ODD.sub("_", last.encode("utf-8", "replace").decode("utf-8")).strip(" .")
    if len(kept) > _MOST_NAME:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[: _MOST_NAME - len(suffix) - 1]}{dot}{suffix[:20]}"
    return kept or "photo"


class _Sink:
    """Takes the bytes of the file; refuses what is none or too large."""

    def __init__(self, path: Path, name: str, limits: Limits) -> None:
        self.name, self.size = name, 0
        self._limits, self._waiting, self._head_seen = limits, bytearray(), False
        self._file = path.open("wb")

    def take(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limits.file_bytes:
            raise too_large(self._limits)
        self._waiting += data
        if not self._head_seen and len(self._waiting) >= _TAR_HEAD:
            self._look()

    def _look(self) -> None:
        self._head_seen = True
        reason = not_raw(bytes(self._waiting[: max(HEAD_BYTES, _TAR_HEAD)]), self.name)
        if reason is not None:
            error = RefusedError(415, reason)
            error.name, error.size = self.name, self.size
            raise error

    async def write(self, *, end: bool = False) -> None:
        if end and not self._head_seen:
            self._look()
        if self._waiting and (end or len(self._waiting) >= _BLOCK):
            data, self._waiting = bytes(self._waiting), bytearray()
            await asyncio.to_thread(self._file.write, data)
        if end:
            self._file.close()

    def close(self) -> None:
        self._file.close()


def too_large(limits: Limits) -> RefusedError:
    """Return the refusal of a file that is too large."""
    return RefusedError(413, Reason(
        "too-large", "The file is too large",
        f"Files of up to {limits.file_bytes / 1e6:.0f} MB are taken; raw photos are smaller.",
    ))  # fmt: skip


async def receive(request: Request, path: Path, limits: Limits) -> tuple[str, int]:
    """Write an upload to `path`; return the name of the file and its size in bytes.

    Raises
    ------
    RefusedError
        If it is too large, no raw file, or no upload. Nothing is left of it then.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    length = request.headers.get("content-length", "")
    name = clean_name(request.query_params.get("name", "photo"))
    try:
        if length.isdigit() and int(length) > limits.file_bytes + _FORM_BYTES:
            raise too_large(limits)  # noqa: TRY301 - told like what is found as it comes
        if kind == b"multipart/form-data":
            return await _form(request, path, options.get(b"boundary", b""), limits)
        sink = _Sink(path, name, limits)
        try:
            async for data in _chunks(request, limits):
                sink.take(data)
                await sink.write()
            await sink.write(end=True)
        finally:
            sink.close()
    except BaseException as error:
        with suppress(OSError):
            await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))
        if isinstance(error, RefusedError) and error.status != 408:  # noqa: PLR2004 - silence
            error.size = int(length) if length.isdigit() else error.size
            await _drain(request, limits)
        raise
    return sink.name, sink.size


async def _form(request: Request, path: Path, boundary: bytes, limits: Limits) -> tuple[str, int]:
    form = _Form(path, limits)
    if not boundary:
        raise _no_upload()
    parser = MultipartParser(boundary, form.callbacks())
    try:
        async for data in _chunks(request, limits):
            parser.write(data)
            if form.sink is not None:
                await form.sink.write()
        parser.finalize()
        if form.sink is None:
            raise _no_upload()
        await form.sink.write(end=True)
    except MultipartParseError as error:
        raise _no_upload() from error
    finally:
        if form.sink is not None:
            form.sink.close()
    return form.sink.name, form.sink.size


class _Form:
    """Finds the field ``file`` of a form; others are passed over."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.sink: _Sink | None = None
        self._path, self._limits = path, limits
        self._field, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._taking = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin, "on_part_data": self._data, "on_part_end": self._end,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header, "on_headers_finished": self._headers_finished,
        }  # fmt: skip

    def _begin(self) -> None:
        self._headers, self._taking = {}, False

    def _header(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if options.get(b"name") != b"file" or b"filename" not in options:
            return
        if self.sink is not None:
            raise RefusedError(400, Reason("usage", "Several files in one upload",
                                           "Send one file with each request."))  # fmt: skip
        name = clean_name(options[b"filename"].decode("utf-8", "replace"))
        self.sink, self._taking = _Sink(self._path, name, self._limits), True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._taking and self.sink is not None:
            self.sink.take(data[start:end])

    def _end(self) -> None:
        self._taking = False


def _no_upload() -> RefusedError:
    return RefusedError(400, Reason(
        "usage", "No file in the request",
        "Send the file as the body, with ?name=, or as a form with a field `file`.",
    ))  # fmt: skip


async def _chunks(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    stream = request.stream().__aiter__()
    while True:
        try:
            yield await asyncio.wait_for(stream.__anext__(), limits.idle_seconds)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RefusedError(408, Reason(
                "timeout", "The upload stopped", "Check the connection and send it again.",
            )) from None  # fmt: skip


async def _drain(request: Request, limits: Limits) -> None:
    """Read the rest of a refused upload, if it is not long: browsers drop an early answer."""
    left = _DRAINED
    with suppress(Exception):
        async with asyncio.timeout(min(10, limits.idle_seconds)):
            async for data in request.stream():
                left -= len(data)
                if left < 0:
                    return
