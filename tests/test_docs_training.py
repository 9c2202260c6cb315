"""The page on training loops of one's own is run as it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.conftest import REPOSITORY

if TYPE_CHECKING:
    import pytest

    from rawkit.workspace import Workspace

pytest_plugins = ("tests.fixtures_workspace",)

PAGE = REPOSITORY / "docs" / "how-to" / "your-own-training-loop.md"


def blocks(language: str) -> list[str]:
    text = PAGE.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_page_run_one_after_the_other(
    sid_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sid_workspace.root)
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - the page's own code
    assert names["position"] == 8
    batch = names["batch"]
    assert (batch.mosaic.shape, batch.planes.shape) == ((4, 1, 64, 64), (4, 4, 32, 32))
    assert batch.position == 8
    # Lightning itself is no dependency: its block uses only names that the ones above have made.
    (lightning,) = blocks("py")
    code = compile(lightning.replace("import lightning\n", ""), str(PAGE), "exec")
    assert {"BatchStream", "TorchStream", "l1_loss", "DataLoader", "build"} <= set(names)
    assert "Restoring" in code.co_names
