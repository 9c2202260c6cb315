"""The notebook of the tutorials runs from its first cell to its last, and shows what it says."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.paths import REPOSITORY

NOTEBOOK = REPOSITORY / "docs" / "tutorials" / "notebook.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """Run the notebook in a folder of its own; its training is made shorter, nothing else."""
    notebook: nbformat.NotebookNode = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("minutes=0.5", "minutes=0.1")
    folder = tmp_path_factory.mktemp("notebook")
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return notebook


def test_it_shows_pictures_tables_and_plots(executed: nbformat.NotebookNode) -> None:
    kinds = [
        kind
        for cell in executed.cells
        for output in cell.get("outputs", ())
        for kind in output.get("data", {})
    ]
    assert kinds.count("image/png") >= 5
    assert kinds.count("text/html") >= 2
    errors = [
        output.text
        for cell in executed.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert errors == []


def test_it_is_kept_without_what_a_run_of_it_showed() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    assert Path(NOTEBOOK).stat().st_size < 20_000
