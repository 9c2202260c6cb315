"""Members of archives that can only be streamed, put down one by one for others to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.errors import OutputError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rawkit.source.types import Source, SourceFile


class Spill:
    """Streams archives once, in their order, for a reader that has an order of its own.

    A member that comes before its turn waits in the folder; so the folder holds at most what the
    two orders differ by. Files elsewhere than in such archives are not touched.

    Parameters
    ----------
    source
        Where the files come from.
    wanted
        All files that will be asked for.
    folder
        Where members wait; its owner removes it.
    """

    def __init__(self, source: Source, wanted: Iterable[SourceFile], folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[SourceFile, Path] = {}
        by_origin: dict[str, list[SourceFile]] = {}
        for file in wanted:
            if source.sequential(file):
                by_origin.setdefault(file.origin, []).append(file)
        self._streams: dict[str, Iterator[tuple[SourceFile, bytes]]] = {
            origin: source.stream(files) for origin, files in by_origin.items()
        }
        self._count = 0

    def path(self, file: SourceFile) -> Path | None:
        """Return where the contents of a file lie now, None if its source can hand it out itself.

        The caller removes it.

        Raises
        ------
        UnreadableError, MissingError
            If the archive ends before the file comes, is damaged, or does not answer.
        """
        stream = self._streams.get(file.origin)
        if stream is None:
            return None
        while file not in self._waiting:
            found = next(stream, None)
            if found is None:
                raise UnreadableError(
                    "the member is not there any more", where=file.where, fix="Scan it again."
                )
            self._waiting[found[0]] = self._put(found[1])
        return self._waiting.pop(file)

    def _put(self, data: bytes) -> Path:
        path = self._folder / f"{self._count:08d}.raw"
        self._count += 1
        try:
            path.write_bytes(data)
        except OSError as error:
            raise OutputError(
                f"cannot be written ({error.strerror or error})",
                where=path,
                fix="Free some space, or unpack the archive and name the folder.",
            ) from error
        return path
