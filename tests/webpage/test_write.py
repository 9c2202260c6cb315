"""Making a page: whose weights it carries, what it refuses, what it says of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from rawkit.errors import UsageError
from rawkit.models import build, save_safetensors
from rawkit.webpage import write_webpage
from tests.support.fixtures_cli import run

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.webpage import Webpage

pytest_plugins = ("tests.support.fixtures_webpage",)


def saved(path: Path, name: str, licence: str | None = None, **settings: str) -> Path:
    """Write random weights of a network."""
    torch.manual_seed(0)
    save_safetensors(path, name, build(name).state_dict(), settings, licence=licence)
    return path


def test_weights_under_terms_need_a_yes(tmp_path: Path) -> None:
    weights = saved(tmp_path / "night.safetensors", "lamba2021", licence="for research alone")
    ended = run("export", tmp_path / "site", "--format", "web", "--weights", weights)
    assert ended.code == 2
    assert "weights under terms of their own: for research alone" in ended.err
    assert "--accept-licence" in ended.err
    assert not (tmp_path / "site").exists()


def test_a_page_is_whole_and_says_how_to_serve_it(webpage: Webpage) -> None:
    files = {one.relative_to(webpage.folder).as_posix() for one in webpage.paths}
    assert files == {
        one.relative_to(webpage.folder).as_posix()
        for one in webpage.folder.rglob("*") if one.is_file()
    }  # fmt: skip
    assert {"index.html", "_headers", "render.onnx", "libraw/libraw.wasm"} <= files
    assert webpage.paths[-1].name == "index.html"
    assert webpage.size < 25_000_000
    assert "http.server" in webpage.command
    page = (webpage.folder / "index.html").read_text()
    assert "Restoring Extremely Dark Images in Real Time" in page
    assert "non-commercial use only" in page
    assert "WEIGHTS" not in page
    assert "VERSION" not in (webpage.folder / "isolate.js").read_text()
    about = json.loads((webpage.folder / "network.json").read_text())
    assert about["stages"] == ["look_far", "render", "squeeze"]
    for one in webpage.folder.glob("*.js"):
        assert "http://" not in one.read_text()
        assert "https://" not in one.read_text()


@pytest.mark.parametrize(
    ("name", "settings", "found"),
    [
        ("sid-xtrans", {}, "X-Trans"),
        ("unet3d", {}, "clips"),
        ("lamba2021", {"amplification": "equalise"}, "equalised planes"),
    ],
)
def test_a_network_that_a_page_cannot_run_is_refused(
    tmp_path: Path, name: str, settings: dict[str, str], found: str
) -> None:
    weights = saved(tmp_path / "night.safetensors", name, **settings)
    with pytest.raises(UsageError, match=found):
        write_webpage(tmp_path / "site", weights)
    assert not (tmp_path / "site").exists()


def test_somebody_elses_page_is_not_overwritten(tmp_path: Path) -> None:
    weights = saved(tmp_path / "night.safetensors", "lamba2021")
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(UsageError, match="none of rawkit's pages"):
        write_webpage(tmp_path, weights)
    assert (tmp_path / "index.html").read_text() == "mine"
