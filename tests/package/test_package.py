"""The wheel, built through the sdist, installed away from the checkout, and used there."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.installed import install_alone, run
from tests.support.paths import REPOSITORY

SHIPPED = {"catalogs": ("*.toml",), "pipelines": ("*.toml",)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the sdist, and from it the wheel; return both."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), REPOSITORY],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own; return its `rawkit` command."""
    return install_alone(built[1], tmp_path_factory.mktemp("elsewhere") / "env") / "rawkit"


def test_the_wheel_holds_catalogs_pipelines_types_and_licence(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
    for folder, patterns in SHIPPED.items():
        expected = {path.name for glob in patterns for path in (REPOSITORY / folder).glob(glob)}
        assert expected
        assert {f"rawkit/{folder}/{name}" for name in expected} <= names
    assert "rawkit/py.typed" in names
    assert "rawkit/_native.abi3.so" in names
    assert built[1].name.startswith("rawkit_lowlight-0.1.0-cp311-abi3-")
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "catalogs/", "docs/")) for name in names)


def test_the_sdist_holds_what_the_wheel_is_built_from(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        names = sdist.getnames()
    tops = {name.split("/")[1] for name in names if "/" in name}
    assert not any(name.endswith(".so") for name in names)
    assert {"rawkit", "native", "hatch_build.py", "catalogs", "pipelines", "tests"} <= tops
    assert {"docs", "README.md", "LICENSE"} <= tops
    assert not tops & {".venv", "demo", ".git"}


def test_a_wheel_is_built_without_a_compiler_too(built: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(built[0]) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    # pip asks for metadata first, which must not fail either.
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index",
         "--disable-pip-version-check", "--verbose", "--wheel-dir", str(tmp_path), str(source)],
        env={**os.environ, "CC": "false"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "built without its native module" in ended.stdout + ended.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == "rawkit_lowlight-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    assert "rawkit/native.py" in names
    assert not any(name.endswith(".so") for name in names)


def test_an_installed_wheel_ingests_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = run(
        installed.with_name("python"), "-c",
        "import rawkit, rawkit.shipped as r; print(rawkit.__file__);"
        "print(r.shipped_folder('catalogs')); print(r.shipped_folder('pipelines'))",
        cwd=tmp_path,
    ).split()  # fmt: skip
    home = installed.parents[1]
    assert all(Path(path).is_relative_to(home) for path in where), where
    assert all((Path(where[0]).parent / name).is_dir() for name in SHIPPED)
    run(
        installed, "synth", "mid", "data/mid", "--scenes", 1, "--size", "96x64",
        "--iso", "100,200", "--shutter", "0.01", cwd=tmp_path,
    )  # fmt: skip
    planned = run(installed, "ingest", "mid", "--dry-run", cwd=tmp_path)
    assert "Matching in the Dark (MID)" in planned
    assert "6 frames" in planned
    assert not (tmp_path / "stores").exists()
