"""The page on one's own training loop, executed from top to bottom on smaller crops."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import MissingError, UsageError
from rawkit.stream import open_stream
from rawkit.stream.tensors import TensorBatch
from tests.support.fixtures_stream import copy_workspace

if TYPE_CHECKING:
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "train-with-your-own-loop.md"


def test_the_page_runs(
    sid_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy_workspace(sid_workspace, tmp_path / "w").root)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 9
    names: dict[str, object] = {}
    for block in blocks:
        small = block.replace("crop=512", "crop=64")  # the frames of these tests are small
        exec(compile(small, PAGE.name, "exec"), names)  # noqa: S102 - our own page
    planes, target = names["planes"], names["target"]
    assert isinstance(planes, np.ndarray)
    assert isinstance(target, np.ndarray)
    assert planes.shape == (4, 4, 32, 32)
    assert planes.min() >= 0
    assert 0 <= target.min() <= target.max() <= 1
    assert (tmp_path / "w" / "chunks").is_dir()
    batch = names["batch"]
    assert isinstance(batch, TensorBatch)
    assert (batch.mosaic.shape, batch.planes.shape) == ((4, 1, 64, 64), (4, 4, 32, 32))
    assert names["position"] == batch.position == 8
    # Lightning itself is no dependency: its block uses only names that the ones above have made.
    (lightning,) = re.findall(
        r"^```py\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    code = compile(lightning.replace("import lightning\n", ""), str(PAGE), "exec")
    assert {"open_stream", "TorchStream", "l1_loss", "DataLoader", "build"} <= set(names)
    assert "Restoring" in code.co_names


def test_a_workspace_without_subsets_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no subset") as caught:
        open_stream(tmp_path)
    assert "rawkit subset" in (caught.value.fix or "")


def test_an_odd_crop_is_refused(sid_workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="131 mosaic pixels"):
        open_stream(sid_workspace.root, crop=131)
