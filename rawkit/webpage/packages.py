"""What others have compiled for browsers, as packages of npm: fetched once, checked, and kept.

Nothing of them is part of rawkit. They are fetched when a page is made, by npm itself, so that its
settings for proxies and mirrors hold, and compared with the checksums here; the page carries its
own copy and asks no other server.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, OutputError
from rawkit.files import write_atomically
from rawkit.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawkit.progress import Progress

_SECONDS = 600
"""What npm may take; it tries again by itself."""


@dataclass(frozen=True, slots=True)
class BrowserPackage:
    """A package of npm, of one version, with those of its files that a page needs."""

    name: str
    """As npm knows it."""
    version: str
    """The one version whose checksum is known."""
    sha512: str
    """Of the archive that npm serves, hexadecimal."""
    licence: str
    """Terms of what is in it."""
    folder: str
    """Where in the page its files go."""
    files: tuple[str, ...]
    """Paths in the archive, below ``package/``."""

    @property
    def archive(self) -> str:
        """Name of the archive as ``npm pack`` writes it."""
        return f"{self.name}-{self.version}.tgz"

    @property
    def named(self) -> str:
        """Name and version, as npm takes them."""
        return f"{self.name}@{self.version}"


LIBRAW = BrowserPackage(
    name="libraw-wasm",
    version="1.6.0",
    sha512="55fbd6ab65c61a4734ef07b1ca644b9f51fcda3eac9a60b52c06d5978d6f9d6d"
    "99e51ac43cb37e6078b51e681ad936f1c6b638ace8e64f01f04b24d99b2a44d6",
    licence="ISC; LibRaw itself LGPL 2.1 or CDDL 1.0",
    folder="libraw",
    files=("dist/index.js", "dist/worker.js", "dist/libraw.wasm"),
)
ONNXRUNTIME = BrowserPackage(
    name="onnxruntime-web",
    version="1.30.0",
    sha512="ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61",
    licence="MIT",
    folder="onnxruntime",
    files=(
        "dist/ort.wasm.min.mjs",
        "dist/ort-wasm-simd-threaded.mjs",
        "dist/ort-wasm-simd-threaded.wasm",
    ),
)
PACKAGES: tuple[BrowserPackage, ...] = (LIBRAW, ONNXRUNTIME)
"""All that a page needs."""


def kept_packages() -> Path:
    """Return the folder in which fetched archives are kept: of the user, not of a workspace."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "rawkit" / "npm"


def files_of(package: BrowserPackage, *, progress: Progress = SILENT) -> Mapping[str, bytes]:
    """Return the files of a package that a page needs: path within the page -> contents.

    Raises
    ------
    MissingError
        If it is not kept, and npm is not there or cannot fetch it; or if what came is not what was
        published.
    OutputError
        If it cannot be kept.
    """
    path = kept_packages() / package.archive
    contents = _kept(path, package)
    if contents is None:
        with progress.stage(f"fetching {package.named}", None, "files"):
            contents = _fetched(package, path)
        write_atomically(path, contents)
    found = {}
    with tarfile.open(fileobj=BytesIO(contents), mode="r:gz") as archive:
        for name in package.files:
            file = archive.extractfile(f"package/{name}")
            assert file is not None  # noqa: S101 - the checksum has told which files there are
            found[f"{package.folder}/{Path(name).name}"] = file.read()
    return found


def _kept(path: Path, package: BrowserPackage) -> bytes | None:
    """Return an archive that was fetched before; None where there is none, or a damaged one."""
    try:
        contents = path.read_bytes()
    except OSError:
        return None
    return contents if hashlib.sha512(contents).hexdigest() == package.sha512 else None


def _fetched(package: BrowserPackage, keep: Path) -> bytes:
    npm = shutil.which("npm")
    by_hand = (
        f"or run `npm pack {package.named}` where there is a network, and put the file at {keep}"
    )
    if npm is None:
        raise MissingError(
            f"npm, which fetches {package.named}, is not installed",
            expected="it, for a page that decodes raw files in the browser",
            fix=f"Install Node.js with npm, {by_hand}.",
        )
    with tempfile.TemporaryDirectory(prefix="rawkit-npm-") as folder:
        said = _pack([npm, "pack", package.named, "--pack-destination", folder], folder)
        try:
            contents = (Path(folder) / package.archive).read_bytes()
        except OSError as error:
            raise MissingError(
                f"npm cannot fetch {package.named} ({said or 'it says nothing'})",
                expected="a network that reaches npm's packages",
                fix=f"Try again where there is one, {by_hand}.",
            ) from error
    found = hashlib.sha512(contents).hexdigest()
    if found != package.sha512:
        raise MissingError(
            f"{package.archive} from npm has the SHA-512 {found[:16]}...",
            expected=f"{package.sha512[:16]}..., as it was published; it was not kept",
            fix="Ask whoever runs the mirror that npm is set to, and try again without it.",
        )
    return contents


def _pack(command: Sequence[str], folder: str) -> str:
    """Run npm; return the code of its error, or else the end of what it says."""
    try:
        run = subprocess.run(  # noqa: S603 - npm, with names that stand above
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no answer after {_SECONDS} seconds"
    except OSError as error:
        raise OutputError(f"npm cannot be started ({error.strerror})") from error
    code = re.search(r"^npm (?:error|ERR!) code (\S+)", run.stderr, re.MULTILINE)
    return code[1] if code else run.stderr.strip()[-200:]
