"""The page as a folder of files, for any web server."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.files import write_together
from rawkit.models import export_stages, load_network
from rawkit.progress import SILENT
from rawkit.restore import load_restorer
from rawkit.webpage.packages import PACKAGES, files_of
from rawkit.webpage.parameters import parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.progress import Progress

ENTRY = "index.html"
"""The file that a browser opens; written last, so that where it is, all is."""
_ABOUT = "network.json"
"""What the page knows of the network."""
_KEEPER = "isolate.js"
"""The service worker, which keeps a version of the page."""
_WHOSE, _VERSION = b"WEIGHTS", b"VERSION"
"""What stands in the page's own files for what is known only when a page is made."""


@dataclass(frozen=True, slots=True)
class Webpage:
    """A page that was written."""

    folder: Path
    """Where it lies."""
    paths: tuple[Path, ...]
    """Its files."""
    network: str
    """Name of the network in the registry."""
    licence: str | None
    """Terms of its weights; None where there are none."""
    size: int
    """Bytes of all files: what a browser loads once, uncompressed."""

    @property
    def command(self) -> str:
        """A command that serves it on this machine."""
        return f"python -m http.server --bind 127.0.0.1 --directory {self.folder} 8000"


def write_webpage(
    folder: Path, weights: Path, *, accept_licence: bool = False, progress: Progress = SILENT
) -> Webpage:
    """Write a page that restores raw files in the browser; made again, it replaces its files.

    Parameters
    ----------
    folder
        Where it is to lie; made if it is not there. Files that are none of the page's stay.
    weights
        Weights of a network for photos of Bayer sensors.
    accept_licence
        Whether the terms of weights that come with some are accepted: whoever opens the page is
        handed the weights.
    progress
        Is told how far it is.

    Raises
    ------
    UsageError
        If the weights have terms that were not accepted, or the network is not one for photos of
        Bayer sensors.
    MissingError
        If there are no such weights, the extra ``onnx`` is not installed, or what the page needs
        of others cannot be fetched.
    WeightsError
        If they are no weights, or ONNX Runtime gives another picture than torch.
    OutputError
        If the folder cannot be written to.
    """
    net, loaded = load_network(weights)
    if loaded.licence and not accept_licence:
        raise UsageError(
            f"weights under terms of their own: {loaded.licence}",
            expected="their terms accepted, as a page hands the weights on to whoever opens it",
            where=weights,
            fix="Read the terms, and if they allow what you want to do add --accept-licence.",
        )
    if (folder / ENTRY).exists() and not (folder / _ABOUT).exists():
        raise UsageError(
            f"{ENTRY}, which is none of rawkit's pages",
            expected="an empty folder, a new one, or a page to make anew",
            where=folder,
        )
    restorer = load_restorer(weights)
    parameters_of(restorer, ())  # refuses before anything long is done
    contents: dict[str, bytes] = {}
    for package in PACKAGES:
        contents |= files_of(package, progress=progress)
    with progress.stage("making the network", None, "stages"):
        stages = export_stages(net, loaded)
        about = parameters_of(restorer, stages)
    contents |= {f"{name}.onnx": stage for name, stage in stages.items()}
    contents[_ABOUT] = json.dumps(about, indent=1).encode()
    contents |= _own_files(about["title"], about["reference"], loaded.licence)
    contents[_KEEPER] = contents[_KEEPER].replace(_VERSION, _digest(contents))
    paths = [folder / name for name in sorted(contents, key=lambda name: (name == ENTRY, name))]
    write_together((path, contents[path.relative_to(folder).as_posix()]) for path in paths)
    size = sum(map(len, contents.values()))
    return Webpage(folder, tuple(paths), loaded.network, loaded.licence, size)


def _digest(contents: Mapping[str, bytes]) -> bytes:
    """Name a version of the page: another one is loaded anew by browsers that have kept it."""
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(hashlib.sha256(name.encode()).digest())
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16].encode()


def _own_files(title: str, reference: str, licence: str | None) -> dict[str, bytes]:
    """Return the page's own files, with what they say of the weights filled in."""
    own = {
        one.name: one.read_bytes()
        for one in (files("rawkit.webpage") / "static").iterdir()
        if one.is_file()
    }
    terms = f"Terms of the weights: {licence}" if licence else "Trained with rawkit"
    whose = html.escape(f"Network: {title} ({reference}). {terms}.")
    own[ENTRY] = own[ENTRY].replace(_WHOSE, whose.encode())
    return own
