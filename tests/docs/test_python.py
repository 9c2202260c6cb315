"""The Python code of the pages runs: blocks of one page in order, in one namespace."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import MissingError, UsageError
from rawkit.stream import open_stream
from rawkit.stream.tensors import TensorBatch
from tests.docs.pages import DOCS, PAGES, blocks_in, blocks_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import CodeType

    from rawkit.workspace import Workspace
    from tests.support.fixtures_s3 import ObjectServer
    from tests.support.fixtures_web import Web

    Runner = Callable[[Path], dict[str, object]]

pytest_plugins = ("tests.support.fixtures_s3", "tests.support.fixtures_docs")
LANGUAGES = {"bash", "console", "python", "text", "toml"}
OWN_LOOP = DOCS / "how-to" / "train-with-your-own-loop.md"
WITH_CODE = sorted({block.page for block in blocks_in("python")})


@pytest.fixture
def run_page(own_workspace: Workspace, archive_server: Web, full_bucket: ObjectServer) -> Runner:
    """Run a page in a workspace of its own, and return the names that it leaves behind.

    The servers that pages name are on this machine.
    """
    assert own_workspace.root.is_dir()
    servers = {
        "https://example.org/": archive_server.url("/"),
        "https://minio.example.org": full_bucket.settings["AWS_ENDPOINT_URL"],
    }

    def run(page: Path) -> dict[str, object]:
        names: dict[str, object] = {"__name__": "__main__"}
        for block in blocks_of(page):
            if block.language == "python" and block.reason is None:
                text = block.text
                for address, here in servers.items():
                    text = text.replace(address, here)
                # Empty lines before it: a traceback then names the line of the page.
                source = "\n" * (block.line - 1) + text
                exec(compile(source, str(page), "exec"), names)  # noqa: S102 - our own page
        return names

    return run


def test_every_block_is_in_a_language_that_a_test_knows() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            assert block.language in LANGUAGES, str(block)


def test_fences_are_all_found() -> None:
    for page in PAGES:
        lines = page.read_text("utf-8").splitlines()
        fences = sum(line.lstrip().startswith("```") for line in lines)
        assert fences == 2 * len(blocks_of(page)), name_of(page)


def test_hardly_a_block_is_not_run() -> None:
    left_out = [block for page in PAGES for block in blocks_of(page) if block.reason is not None]
    assert len(left_out) <= 3, [str(block) for block in left_out]
    for block in left_out:
        compile(block.text, str(block), "exec")


@pytest.mark.parametrize("page", [page for page in WITH_CODE if page != OWN_LOOP], ids=name_of)
def test_the_code_of_a_page_runs(page: Path, run_page: Runner) -> None:
    run_page(page)


def test_the_page_on_reading_chooses_what_it_says(run_page: Runner) -> None:
    names = run_page(DOCS / "how-to" / "read-a-store.md")
    dark, planes = names["dark"], names["planes"]
    assert dark.sizes["frame"] > 0  # type: ignore[attr-defined] # an array of xarray
    assert set(dark.iso.values.tolist()) == {100.0}  # type: ignore[attr-defined]
    assert dark.sizes["frame"] < planes.shape[0]  # type: ignore[attr-defined] # one of dask


# On a machine with SLURM Fabric wonders why srun did not start this.
@pytest.mark.filterwarnings("ignore:The `srun` command is available")
def test_the_page_on_loops_of_ones_own_runs(run_page: Runner) -> None:
    names = run_page(OWN_LOOP)
    planes, target, batch = names["planes"], names["target"], names["batch"]
    assert isinstance(planes, np.ndarray)
    assert isinstance(target, np.ndarray)
    assert planes.shape == (4, 4, 128, 128)
    assert planes.min() >= 0
    assert 0 <= target.min() <= target.max() <= 1
    assert isinstance(batch, TensorBatch)
    assert (batch.mosaic.shape, batch.planes.shape) == ((4, 1, 64, 64), (4, 4, 32, 32))
    assert names["position"] == batch.position == 8
    # What is not run uses only names that the blocks before it have made.
    (left_out,) = (block for block in blocks_of(OWN_LOOP) if block.reason is not None)
    used = _globals_of(compile(left_out.text, str(OWN_LOOP), "exec"))
    unknown = used - set(names) - set(dir(builtins)) - {"Restoring", "lightning", "trainer"}
    assert not unknown


def _globals_of(code: CodeType) -> set[str]:
    """Return the names that some code and the functions in it look for outside of themselves."""
    import dis

    own = (
        {
            instruction.argval
            for instruction in dis.get_instructions(code)
            if instruction.opname in {"LOAD_NAME", "LOAD_GLOBAL"}
        }
        - set(dir(builtins))
        - {"__name__"}
    )
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            own |= _globals_of(constant)
    made = {"super", "__init__"} | {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname == "STORE_NAME"
    }
    return own - made


def test_a_workspace_without_subsets_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no subset") as caught:
        open_stream(tmp_path)
    assert "rawkit subset" in (caught.value.fix or "")


def test_an_odd_crop_is_refused(documented: Workspace) -> None:
    with pytest.raises(UsageError, match="131 mosaic pixels"):
        open_stream(documented.root, crop=131)
