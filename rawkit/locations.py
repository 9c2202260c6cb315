"""Where things are: a path of this machine, or a URL of a file system that fsspec knows."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from rawkit.errors import StoreUnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")

S3_SCHEMES = ("s3", "s3a")
WEB_SCHEMES = ("http", "https")
TIMEOUT = 30.0
"""Seconds of silence after which a request counts as failed."""
_CONNECT_SECONDS = 10.0
_PAUSES = (0.5, 1.0)
"""Seconds before a listing is asked for again."""
_WRITTEN = ("LastModified", "mtime", "modified", "updated", "created")
"""How file systems call the time of the last change."""
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
"""Names of botocore's errors, which is there only where s3fs is."""


@dataclass(frozen=True, slots=True, order=True)
class Url:
    """A folder or an object elsewhere, such as ``s3://bucket/stores/mid.zarr``.

    It has the parts of a path that the names of stores need, and never touches a network.
    """

    text: str
    """The URL, without a slash at its end."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.text.rstrip("/"))
        if not self._parts[1].strip("/"):
            raise UsageError(f"{self.text!r}", expected="a URL such as s3://bucket/folder")

    @property
    def _parts(self) -> tuple[str, str]:
        scheme, _, rest = self.text.partition("://")
        return scheme, rest

    @property
    def scheme(self) -> str:
        """Such as ``s3``."""
        return self._parts[0].lower()

    @property
    def on_web(self) -> bool:
        """Whether it lies on a web server: such can be read, but neither listed nor written."""
        return self.scheme in WEB_SCHEMES

    @property
    def name(self) -> str:
        """Last part; the bucket's name for a bucket."""
        return self._parts[1].rpartition("/")[2]

    @property
    def stem(self) -> str:
        """Last part without its suffix."""
        return Path(self.name).stem

    @property
    def suffix(self) -> str:
        """Suffix of the last part, with its dot."""
        return Path(self.name).suffix

    @property
    def parent(self) -> Url:
        """What it lies in.

        Raises
        ------
        UsageError
            If it is a whole bucket.
        """
        scheme, rest = self._parts
        above = rest.rpartition("/")[0]
        if not above:
            raise UsageError(
                "a whole bucket", expected=f"something in it, such as {self / 'mid.zarr'}",
                where=self,
            )  # fmt: skip
        return Url(f"{scheme}://{above}")

    def with_name(self, name: str) -> Url:
        """Return what lies beside it under another name."""
        return self.parent / name

    def __truediv__(self, below: str) -> Url:
        return Url(f"{self.text}/{below.strip('/')}")

    def __str__(self) -> str:
        return self.text


Location = Path | Url
"""A path of this machine, or a URL."""


def is_url(text: str) -> bool:
    """Tell whether a text is meant as a URL."""
    return "://" in text


def is_on_web(text: str) -> bool:
    """Tell whether a text is the address of something on a web server."""
    return text.partition("://")[0].lower() in WEB_SCHEMES


def location_of(text: str) -> Location:
    """Read what a user names; ``file://`` is a path.

    Raises
    ------
    UsageError
        If it is a URL without anything after its scheme.
    """
    if not is_url(text):
        return Path(text).expanduser()
    if text.lower().startswith("file://"):
        return Path(urlsplit(text).path)
    return Url(text)


def file_system(url: str, **options: Any) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path in it.

    Credentials and endpoints come from where fsspec and the file system look for them themselves,
    such as ``AWS_ENDPOINT_URL``; `options` are for the file system.

    Raises
    ------
    UsageError
        If fsspec does not know it, or a package is missing.
    """
    from fsspec.core import url_to_fs  # noqa: PLC0415 - only where a URL is used

    scheme = url.partition("://")[0]
    if scheme in S3_SCHEMES and (endpoint := _endpoint()):
        options = {"endpoint_url": endpoint, **options}
    try:
        fs, path = url_to_fs(url, **options)
    except ImportError as error:
        raise UsageError(
            f"{scheme}:// needs a package that is not installed ({error})",
            where=url,
            fix="pip install 'rawkit-lowlight[s3]'"
            if scheme in S3_SCHEMES
            else "Install it with pip.",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{scheme}:// is unknown ({error})",
            expected="a folder, an archive, or a URL such as https:// or s3://",
            where=url,
        ) from error
    return fs, str(path)


def _endpoint() -> str | None:
    """Return where the environment says that S3 is now.

    botocore would look there itself, but fsspec hands the same client to all who ask for it with
    the same options: one that a changed environment no longer means.
    """
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def refusal(error: Exception, where: object) -> StoreUnreachableError | None:
    """Return what an error of a file system means that trying again will not mend, else None."""
    if isinstance(error, PermissionError):
        return StoreUnreachableError(
            f"access is refused ({error})", where=where,
            fix="Check the credentials, and what they may do there.",
        )  # fmt: skip
    if type(error).__name__ in _NO_CREDENTIALS:
        return StoreUnreachableError(
            f"no credentials ({error})", where=where,
            fix="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
        )  # fmt: skip
    if isinstance(error, NotImplementedError):
        return StoreUnreachableError(
            f"this kind of place cannot do that ({error})", where=where,
            expected="an object store such as s3://",
        )  # fmt: skip
    return None


def shared_file_system(url: Url, timeout: float = TIMEOUT) -> tuple[Any, str]:
    """Return the file system of a place that others write to, too, and the path in it.

    Listings are never cached. Requests to S3 end after `timeout` seconds of silence, and are not
    made again by its client: botocore and s3fs would both do so, and a server that is silent would
    hold a command for an hour.

    Raises
    ------
    UsageError
        If fsspec does not know it, or a package is missing.
    """
    if url.scheme not in S3_SCHEMES:
        return file_system(str(url), use_listings_cache=False)
    limits = {
        "connect_timeout": min(timeout, _CONNECT_SECONDS),
        "read_timeout": timeout,
        "retries": {"max_attempts": 0},
    }
    fs, path = file_system(str(url), use_listings_cache=False, config_kwargs=limits)
    fs.retries = 1
    return fs, path


def folders_in(url: Url) -> list[Url]:
    """Folders right below a URL, by name; none where nothing is there.

    Raises
    ------
    UsageError
        If it is on a web server, which does not say what it has.
    StoreUnreachableError
        If its server does not answer, or refuses.
    """
    expected = f"the URL of a store, such as {url / 'mid'}.zarr"
    found = _listed(url, lambda fs, root: fs.ls(root, detail=True), expected)
    names = {
        str(one["name"]).rstrip("/").rpartition("/")[2]
        for one in found or ()
        if one["type"] == "directory"
    }
    return [url / name for name in sorted(names)]


def times_of(url: Url, name: str) -> dict[Url, float]:
    """When the objects of a name were last written that folders below a URL have.

    Returns
    -------
    dict
        Folder right below the URL -> seconds since 1970, by its server's clock.

    Raises
    ------
    UsageError
        If it is on a web server, which does not say what it has.
    StoreUnreachableError
        If its server does not answer, or refuses.
    """

    def find(fs: Any, root: str) -> dict[str, Any]:
        found: dict[str, Any] = fs.find(root, detail=True)
        return {key.removeprefix(root).strip("/"): one for key, one in found.items()}

    times = {}
    objects = _listed(url, find, "a folder, or a URL such as s3://bucket/runs") or {}
    for key, one in objects.items():
        folder, _, rest = key.partition("/")
        if rest == name:
            times[url / folder] = _seconds(one)
    return times


def _seconds(found: Mapping[str, Any]) -> float:
    """When a file system says that something was written; 0 where it does not."""
    for key in _WRITTEN:
        written = found.get(key)
        if isinstance(written, datetime):
            return written.timestamp()
        if isinstance(written, int | float):
            return float(written)
    return 0.0


def _listed(url: Url, ask: Callable[[Any, str], _T], expected: str) -> _T | None:
    """Ask a file system what is below a URL, several times; None where nothing is there."""
    if url.on_web:
        raise UsageError(
            "a web server, which does not list what it has",
            expected=expected, where=url,
        )  # fmt: skip
    fs, root = shared_file_system(url)
    for pause in (*_PAUSES, None):
        try:
            return ask(fs, root)
        except FileNotFoundError:
            return None
        except Exception as error:
            refused = refusal(error, url)
            if pause is None or refused is not None:
                raise refused or StoreUnreachableError(
                    f"does not answer ({str(error) or type(error).__name__})", where=url,
                    fix="Check the connection and the address (AWS_ENDPOINT_URL).",
                ) from error  # fmt: skip
            time.sleep(pause)
    raise AssertionError(url)
