"""What a page needs of others: fetched by npm, checked, kept; errors in words."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rawkit.errors import MissingError
from rawkit.webpage import kept_packages
from rawkit.webpage.packages import LIBRAW, files_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder for archives that are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return kept_packages()


def test_a_package_is_fetched_once_and_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = files_of(LIBRAW)
    assert set(found) == {"libraw/index.js", "libraw/worker.js", "libraw/libraw.wasm"}
    assert found["libraw/libraw.wasm"].startswith(b"\0asm")
    assert [one.name for one in cache.iterdir()] == ["libraw-wasm-1.6.0.tgz"]
    monkeypatch.setenv("PATH", os.devnull)
    assert files_of(LIBRAW) == found


def test_other_bytes_than_were_published_are_not_kept(cache: Path) -> None:
    with pytest.raises(MissingError, match=r"SHA-512 55fbd6ab.*expected 0000.*not kept") as caught:
        files_of(replace(LIBRAW, sha512="0" * 128))
    assert "mirror" in str(caught.value)
    assert not cache.exists()


def test_without_npm_it_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    cache.mkdir(parents=True)
    (cache / LIBRAW.archive).write_bytes(b"cut off")  # is no archive, and not taken for one
    with pytest.raises(MissingError, match=r"npm, which fetches libraw-wasm@1.6.0") as caught:
        files_of(LIBRAW)
    assert f"npm pack libraw-wasm@1.6.0` where there is a network, and put the file at {cache}" in (
        str(caught.value)
    )


def test_without_a_network_it_says_what_npm_says(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")  # where nothing listens
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    with pytest.raises(MissingError, match=r"npm cannot fetch libraw-wasm@1.6.0 \(.*") as caught:
        files_of(LIBRAW)
    assert "ECONNREFUSED" in str(caught.value)
    assert not cache.exists()
