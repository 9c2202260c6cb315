"""Repair reads what a scan has remembered, and of the rest only what it needs."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition, remember_definition, remembered_definition
from rawkit.catalog.table import scan_with_table
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.ingest.repair import catalog_of_damage, repair_store
from rawkit.store.verify import verify_store
from rawkit.workspace import Workspace
from tests.support.factories import files_of, local
from tests.support.fixtures_cli import run_in

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


OWN = """
name = "own"
title = "Own"
[[files]]
role = "short"
pattern = '(?P<scene>pair\\d+)/\\d+/.*\\.cr2'
scene = "{scene}"
[split]
by = "hash"
[[levels]]
iso = [200]
black = 1900
reason = "measured on dark frames"
"""


def test_a_collection_of_ones_own_is_repaired_by_its_name(mid_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    own = (tmp_path / "own.toml", "--source", mid_folder, "--workers", 0)
    assert run_in(tmp_path, "ingest", *own, "--dry-run").code == 0
    assert not Workspace(tmp_path).definition("own").exists()
    assert run_in(tmp_path, "ingest", *own).code == 0
    (tmp_path / "own.toml").unlink()
    store = local(Workspace(tmp_path).store("own"))
    before = files_of(store)
    next(store.glob("*/*/packed/c/1/0/0/0")).write_bytes(b"cut")
    ended = run_in(tmp_path, "verify", "own", "--repair", "--source", mid_folder)
    assert (ended.code, files_of(store)) == (0, before), ended.err
    told = run_in(tmp_path, "info", store).out
    assert "definition: measured on dark frames (4), file (8)" in told


def test_a_shipped_definition_replaces_one_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mid.toml").write_text(OWN.replace('"own"', '"mid"'))
    kept = Workspace(tmp_path).definition("mid")
    remember_definition(str(tmp_path / "mid.toml"), kept)
    assert remembered_definition("mid", kept).title == "Own"
    remember_definition("mid", kept)
    assert remembered_definition("mid", kept) == MID


def test_a_store_that_cannot_be_opened_does_not_hide_the_others(
    mid_folder: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path)
    plan = plan_ingest(MID, mid_folder, workspace.store("mid"), Selection())
    run_ingest(plan, workers=0)
    shutil.copytree(local(workspace.store("mid")), tmp_path / "stores" / "a.zarr")
    (tmp_path / "stores" / "a.zarr" / "frames.parquet").write_bytes(b"no table")
    ended = run_in(tmp_path, "verify", "--json")
    assert ended.code == 1
    first, second = json.loads(ended.out)
    assert "table of frames cannot be read" in first["damaged"][0]["reason"]
    assert (second["damaged"], second["files"] > 0) == ([], True)
    assert run_in(tmp_path, "verify", "a").code == 1


def test_nothing_to_verify_is_no_success(tmp_path: Path) -> None:
    ended = run_in(tmp_path, "verify")
    assert ended.code == 1
    assert "no store" in ended.err
