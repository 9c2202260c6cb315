"""What archives share whose members can be read in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rawkit.source.ranges import Ranges
    from rawkit.source.types import SourceFile


class SeekableArchive:
    """The part of a `Source` that follows from `ranges` and `read`."""

    __slots__ = ()

    ranges: Ranges
    """The bytes of the archive."""

    def read(self, file: SourceFile) -> bytes:
        """Read a member."""
        raise NotImplementedError("each kind of archive reads its members in its own way")

    def ranges_of(self, file: SourceFile) -> Ranges | None:  # noqa: ARG002 - the protocol's
        """Nothing, unless a kind of archive can."""
        return None

    def local_path(self, file: SourceFile) -> None:  # noqa: ARG002 - the protocol's
        """Nowhere."""
        return

    def sequential(self, file: SourceFile) -> bool:  # noqa: ARG002 - the protocol's
        """No: it is known where each member lies."""
        return False

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Read members in archive order."""
        for file in sorted(files, key=lambda one: one.place):
            yield file, self.read(file)

    def describe(self) -> str:
        """Path or URL."""
        return self.ranges.where
