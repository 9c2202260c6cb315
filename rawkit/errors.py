"""The errors rawkit raises.

Every error says what was found, what was expected, in which file, and what to do about it, and
carries a stable ``kind`` for scripts. The second paragraph of a class says what its reader can do;
`docs/reference/errors.md` is made from it::

    RawkitError
    ├── UsageError               usage                a command or function called wrong
    ├── MissingError             missing              a file, store, subset or run is not there
    ├── RawFileError             raw-file             one raw file cannot be used
    │   ├── UnreadableError      unreadable           the operating system will not hand it over
    │   ├── NotRawError          not-raw              LibRaw does not know it as a raw file
    │   ├── HeaderlessError      headerless           it does not say what its pixels are
    │   ├── TruncatedError       truncated            its pixel data lies beyond its end
    │   ├── CorruptError         corrupt              LibRaw fails while it unpacks
    │   ├── TooLargeError        memory               decoding it takes more memory than there is
    │   ├── HungError            timeout              decoding it takes longer than it may
    │   ├── CrashedError         crashed              the process that decodes it dies
    │   ├── BlankError           blank                every pixel has one value
    │   └── MosaicError          unsupported-mosaic   no mosaic, or one rawkit cannot pack
    ├── DefinitionError          definition           a collection's TOML is wrong
    ├── SelectionError           empty-selection      nothing matches the filters
    ├── StoreError               store                a store cannot be used
    │   ├── StoreFormatError     store-format         written in another format version
    │   ├── StoreLockedError     store-locked         another process is writing to it
    │   ├── StoreDamagedError    store-damaged        a shard is missing or fails its checksum
    │   │   └── StoreEvictedError    store-evicted    a shard was deleted to make room
    │   └── StoreUnreachableError  store-unreachable  its server does not answer, or refuses
    ├── ProfileError             profile              a camera's profile cannot be used
    ├── WeightsError             weights              weights do not fit the network
    ├── TrainingError            training             training cannot start or go on
    ├── PipelineError            pipeline             its file is wrong, or a step of it failed
    ├── ClusterError             cluster              a dask cluster is not fit for the work
    └── OutputError              output               a result cannot be written
"""

from typing import ClassVar


class RawkitError(Exception):
    """Base of all errors that rawkit raises on purpose.

    Parameters
    ----------
    found
        What is the case.
    expected
        What should have been the case.
    where
        The file, store or setting it is about.
    fix
        What the reader can do.
    """

    kind: ClassVar[str] = "error"

    def __init__(
        self,
        found: str,
        *,
        expected: str | None = None,
        where: object | None = None,
        fix: str | None = None,
    ) -> None:
        self.found = found
        self.expected = expected
        self.where = None if where is None else str(where)
        self.fix = fix
        super().__init__(found, expected, self.where, fix)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by parts, so that an error crosses process borders whole."""
        return (_rebuild, (type(self), self.found, self.expected, self.where, self.fix))

    @property
    def reason(self) -> str:
        """What was found and expected, without the file and the remedy."""
        return self.found if self.expected is None else f"{self.found}; expected {self.expected}"

    def __str__(self) -> str:
        text = self.reason if self.where is None else f"{self.where}: {self.reason}"
        return text if self.fix is None else f"{text}. {self.fix}"


def _rebuild(
    cls: type[RawkitError],
    found: str,
    expected: str | None,
    where: str | None,
    fix: str | None,
) -> RawkitError:
    return cls(found, expected=expected, where=where, fix=fix)


class UsageError(RawkitError):
    """A command or function was called wrong.

    Correct what the message names; `rawkit COMMAND --help` lists what there is.
    """

    kind = "usage"


class MissingError(RawkitError):
    """A file, folder, store, subset or run that was named is not there.

    Look at the path or name: the message says where it was looked for, and mostly what is there.
    """

    kind = "missing"


class RawFileError(RawkitError):
    """One raw file cannot be used; the rest of the run can go on.

    See the kind below it; this one is seldom raised by itself.
    """

    kind = "raw-file"


class UnreadableError(RawFileError):
    """The operating system will not hand the file over.

    Look at permissions, mounts and links, or fetch the archive again; every run tries it again.
    """

    kind = "unreadable"


class NotRawError(RawFileError):
    """LibRaw does not know the file as a raw file.

    Leave it where it is: it is listed and the rest goes on. If LibRaw should know it, look at the
    first bytes of the file: it may be a page that a server sent in its place.
    """

    kind = "not-raw"


class HeaderlessError(RawFileError):
    """The file has pixels but no header: LibRaw would guess from its size what they are.

    Say what it holds with ``--headerless``, such as ``--headerless 768x512,12,RGGB,64``: size,
    bits, pattern, and where they are not 0 and full scale the black and the white level.
    """

    kind = "headerless"


class TruncatedError(RawFileError):
    """The file declares pixel data beyond its own end.

    Fetch or copy the file again. A file that has changed is tried again.
    """

    kind = "truncated"


class CorruptError(RawFileError):
    """LibRaw fails while it unpacks the file.

    Fetch or copy the file again. If another converter opens it, install a newer rawpy and use
    `--retry`.
    """

    kind = "corrupt"


class TooLargeError(RawFileError):
    """Decoding the file takes more memory than there is, or than it may take.

    Raise `--max-ram`, or ask for fewer `--workers`; every run tries it again.
    """

    kind = "memory"


class HungError(RawFileError):
    """Decoding the file takes longer than it may.

    Raise `--frame-timeout` if the machine is slow, and use `--retry`; else the file is damaged.
    """

    kind = "timeout"


class CrashedError(RawFileError):
    """The process that worked on the file died.

    Nothing else is harmed. Fetch the file again; `--retry` tries it once more.
    """

    kind = "crashed"


class BlankError(RawFileError):
    """Every pixel of the mosaic has the same value.

    Fetch the file again: it was probably cut off and filled up with zeros.
    """

    kind = "blank"


class MosaicError(RawFileError):
    """The file holds no mosaic, or one that rawkit cannot pack.

    Use a file from a camera with a Bayer or X-Trans mosaic, not converted to a linear DNG: such
    files can be restored, but not stored.
    """

    kind = "unsupported-mosaic"


class DefinitionError(RawkitError):
    """The TOML file of a collection is wrong.

    Correct the entry of the TOML file that the message names.
    """

    kind = "definition"


class SelectionError(RawkitError):
    """Nothing matches the filters.

    Widen a filter; `rawkit scan COLLECTION` counts what there is of each value.
    """

    kind = "empty-selection"


class StoreError(RawkitError):
    """A store cannot be used.

    Do what the message says: make the subset anew, or take other frames.
    """

    kind = "store"


class StoreFormatError(StoreError):
    """The store was written in another format version.

    Read it with the version of rawkit that the message names, or make it anew.
    """

    kind = "store-format"


class StoreLockedError(StoreError):
    """Another process is writing to the store.

    Wait for the other process, which the message names by host and number. The lock of a process
    that has died is taken over by itself.
    """

    kind = "store-locked"


class StoreDamagedError(StoreError):
    """A shard is missing or fails its checksum.

    Run `rawkit verify --repair`: it makes shards anew from the raw files.
    """

    kind = "store-damaged"


class StoreEvictedError(StoreDamagedError):
    """A shard has been deleted to make room: nothing is damaged, and it can be made anew.

    Run `rawkit verify --refill`: it makes such shards anew from the raw files.
    """

    kind = "store-evicted"


class StoreUnreachableError(StoreError):
    """The server of a store elsewhere does not answer, or refuses.

    Look at the address, the network and the credentials, and run the same command again: it goes
    on after the last commit.
    """

    kind = "store-unreachable"


class ProfileError(RawkitError):
    """A camera's profile, or what it should be made from, cannot be used.

    Do what the message says: take the frames that are missing, or name the profile of the camera
    that the files are from.
    """

    kind = "profile"


class WeightsError(RawkitError):
    """Weights do not fit the network, or are not weights at all.

    Name a checkpoint of `rawkit train`, or weights of a network that `rawkit models` lists.
    """

    kind = "weights"


class TrainingError(RawkitError):
    """Training cannot start or cannot go on.

    Do what the message says: go on with `--resume`, or begin a run of another name.
    """

    kind = "training"


class PipelineError(RawkitError):
    """The file of a pipeline is wrong, or one of its steps failed.

    Correct the entry that the message names, or see to the step that failed and run the study
    again: it goes on there.
    """

    kind = "pipeline"


class ClusterError(RawkitError):
    """A dask cluster is not fit for the work: other versions, other paths, or it is gone.

    No file is at fault. Give its machines what the message names, such as the same version of
    rawkit, and run the same command again.
    """

    kind = "cluster"


class OutputError(RawkitError):
    """A result cannot be written.

    Make room, choose another `--format` or place, and run the same command again.
    """

    kind = "output"
