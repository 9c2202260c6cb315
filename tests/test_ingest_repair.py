"""Repair reads what a scan has remembered, and of the rest only what it needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.catalog.table import scan_with_table
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.ingest.repair import catalog_of_damage, repair_store
from rawkit.store.verify import verify_store
from rawkit.workspace import Workspace
from tests.factories import files_of, local
from tests.fixtures_cli import run_in

if TYPE_CHECKING:
    from pathlib import Path

MID = load_definition("mid")


@pytest.mark.parametrize("scanned", [True, False])
def test_repair_opens_no_file_that_a_scan_has_read_and_else_only_those_it_needs(
    mid_folder: Path,
    tmp_path: Path,
    scanned: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    workspace = Workspace(tmp_path)
    store, table = workspace.store("mid"), workspace.catalog("mid")
    run_ingest(plan_ingest(MID, mid_folder, store, Selection()), workers=0)
    if scanned:
        scan_with_table(MID, mid_folder, table)
    before = files_of(store)
    for shard in sorted(local(store).glob("*/*/packed/c/[25]/0/0/0")):
        shard.write_bytes(shard.read_bytes()[:-5])
    damage, _ = verify_store(store)
    assert len(damage) == 2
    catalog = catalog_of_damage(damage, MID, mid_folder, table)
    assert (len(catalog.entries), catalog.opened) == (14, 0 if scanned else 2)
    assert table.exists() == scanned
    assert repair_store(store, damage, catalog).left == ()
    assert files_of(store) == before


def test_the_command_repairs_with_the_table_of_the_workspace(
    mid_folder: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path)
    store = workspace.store("mid")
    run_ingest(
        plan_ingest(MID, mid_folder, store, Selection(), table=workspace.catalog("mid")), workers=0
    )
    before = files_of(store)
    next(local(store).glob("*/*/target/c/1/0/0/0")).unlink()
    ended = run_in(tmp_path, "verify", "mid", "--repair", "--source", mid_folder, "--json")
    assert ended.code == 0, ended.err
    ((result,),) = (json.loads(ended.out),)
    assert len(result["mended"]) == 1
    assert files_of(store) == before
