"""The page: complete in itself, true to the tables, and usable in a real browser."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from rawkit.errors import MissingError, StoreFormatError
from rawkit.evaluate.pictures import PICTURE_FOLDER, PICTURE_INDEX, PICTURE_KINDS
from rawkit.noise import write_profile
from rawkit.report.draw import heat_map_of
from rawkit.report.runs import Point, read_points
from rawkit.report.study import load_study
from rawkit.report.write import write_report
from rawkit.workspace import Workspace
from tests.support.factories_evaluation import write_evaluation
from tests.support.profiles import small_profile

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from rawkit.evaluate import Evaluation

pytest_plugins = ("tests.support.fixtures_browser",)
LEAVES = re.compile(r"""(?:src|href)\s*=\s*["'](?!data:|#)|url\((?!["']?(?:data:|#))|@import""")


def add_pictures(evaluation: Evaluation) -> None:
    """Save pictures beside an evaluation, in the form that `rawkit evaluate --pictures` has."""
    folder = evaluation.folder / PICTURE_FOLDER
    folder.mkdir()
    entries = []
    for rank, row in zip(("best", "median", "worst"), evaluation.rows(), strict=False):
        files = {}
        for number, kind in enumerate(PICTURE_KINDS):
            files[kind] = f"{rank}-1-{kind}-full.jpg"
            picture = np.full((60, 90, 3), 60 + 60 * number, np.uint8)
            cv2.imwrite(str(folder / files[kind]), picture)
        values = {name: getattr(row, name) for name in row.__dataclass_fields__}
        entries.append({"rank": rank, "place": 1, "files": {"full": files}, "row": values})
    index = {"evaluation": evaluation.id, "kinds": list(PICTURE_KINDS), "pictures": entries}
    (folder / PICTURE_INDEX).write_text(json.dumps(index))


def add_run(workspace: Workspace, name: str) -> Path:
    """Write what a training leaves of its course."""
    folder = workspace.root / "runs" / name
    folder.mkdir(parents=True)
    (folder / "last.pt").write_bytes(b"")
    (folder / "settings.json").write_text(
        json.dumps({"network": "lamba2021", "subset": "gone", "steps": 30, "note": "<b>&\"'"})
    )
    lines = [
        {"step": step, "psnr": 20 + step / 10, "ssim": 0.5, "loss": 1} for step in (10, 20, 30)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text + '{"step": 40, "ps')
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace with a run, and two evaluations of it, one with pictures."""
    found = Workspace(tmp_path)
    run = add_run(found, "r-001")
    add_pictures(write_evaluation(run / "evaluations" / "all-1", title="runs/r-001"))
    write_evaluation(run / "evaluations" / "all-2", title="runs/r-001", seed=1, black_level=512.0)
    return found


@pytest.fixture
def page(workspace: Workspace) -> Path:
    """Return the report of that workspace."""
    return write_report(load_study(workspace), workspace.root / "report.html").page


LONG_NAMES = {"exposure": "exposure_time", "ratio": "exposure_ratio"}


class Cells(HTMLParser):
    """Collects means and intervals with what they belong to."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[dict[str, str], list[tuple[float, float, float]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the values of a cell, and of the row it lies in."""
        values = {name: value or "" for name, value in attrs}
        if tag == "tr":
            self.rows.append((values, []))
        if tag == "td" and "data-mean" in values:
            low, high = (
                float(values[name]) if values[name] != "None" else np.nan
                for name in ("data-low", "data-high")
            )
            self.rows[-1][1].append((float(values["data-mean"]), low, high))


def recomputed(
    columns: dict[str, list[object]], rows: list[int], metric: str, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Mean and 95 % interval of a bootstrap over scenes, written out draw by draw."""
    scenes = sorted({str(columns["scene"][row]) for row in rows})
    by_scene = {
        scene: [float(columns[metric][row]) for row in rows  # type: ignore[arg-type]
                if columns["scene"][row] == scene and columns[metric][row] is not None]
        for scene in scenes
    }  # fmt: skip
    values = [value for found in by_scene.values() for value in found]
    means = []
    for draw in rng.integers(0, len(scenes), size=(500, len(scenes))):
        drawn = [value for number in draw for value in by_scene[scenes[number]]]
        if drawn:
            means.append(sum(drawn) / len(drawn))
    if len(scenes) < 2:
        return sum(values) / len(values), np.nan, np.nan
    return (sum(values) / len(values), *np.percentile(means, [2.5, 97.5]))


def test_every_mean_and_interval_is_that_of_the_pictures(page: Path, workspace: Workspace) -> None:
    parser = Cells()
    parser.feed(page.read_text("utf-8"))
    metrics = ("psnr", "ssim", "ms_ssim", "delta_e", "hue_shift")
    checked = 0
    for told in load_study(workspace).evaluations:
        columns = pq.read_table(told.evaluation.folder / "pictures.parquet").to_pydict()
        # One generator for all groups in their order, drawn from once for each: as documented.
        rng = np.random.default_rng(told.evaluation.seed)
        for group in told.evaluation.groups:
            wanted = {"data-evaluation": told.evaluation.id, "data-axis": group.axis,
                      "data-group": "" if group.value is None else str(group.value)}  # fmt: skip
            cells = next(
                cells for values, cells in parser.rows
                if {name: values.get(name) for name in wanted} == wanted and len(cells) == 5
            )  # fmt: skip
            key = {"exposure": "exposure_time", "ratio": "exposure_ratio"}.get(
                group.axis, group.axis
            )
            rows = [
                row for row in range(24)
                if group.axis == "all" or columns[key][row] == group.value
                or (isinstance(group.value, float)
                    and float(f"{columns[key][row]:.2g}") == group.value)
            ]  # fmt: skip
            state = rng.bit_generator.state
            for metric, found in zip(metrics, cells, strict=True):
                rng.bit_generator.state = state
                np.testing.assert_allclose(found, recomputed(columns, rows, metric, rng), rtol=1e-9)
                checked += 1
    assert checked == 2 * 5 * (1 + 1 + 1 + 4 + 3 + 3)


def test_the_page_loads_nothing(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not LEAVES.search(text)
    assert "<b>&\"'" not in text  # what people write is escaped


def test_figures_are_saved_as_png_and_svg(workspace: Workspace) -> None:
    written = write_report(
        load_study(workspace), workspace.root / "r.html", figure_folder=workspace.root / "figures"
    )
    names = {path.name for path in written.figures}
    assert {
        "curves-psnr.png",
        "curves-ssim.svg",
        "evaluations.svg",
        "iso-by-shutter-1.png",
    } <= names
    for path in written.figures:
        if path.suffix == ".png":
            assert cv2.imread(str(path)) is not None
        else:
            assert ET.fromstring(path.read_bytes()).tag.endswith("svg")  # noqa: S314 - made here


def test_the_same_study_gives_the_same_bytes(workspace: Workspace) -> None:
    pages = [
        write_report(load_study(workspace), workspace.root / name).page.read_bytes()
        for name in ("a.html", "b.html")
    ]
    assert pages[0] == pages[1]


def test_a_map_has_the_mean_of_each_exposure_and_iso(workspace: Workspace) -> None:
    rows = load_study(workspace).evaluations[0].evaluation.rows()
    found = heat_map_of(rows)
    assert found is not None
    assert (found.exposures, found.isos) == ((0.033, 0.04, 0.1), (100.0, 200.0, 400.0, 800.0))
    for row, seconds in enumerate(found.exposures):
        for column, iso in enumerate(found.isos):
            here = [one.psnr for one in rows if (one.exposure_time, one.iso) == (seconds, iso)]
            assert found.values[row, column] == pytest.approx(np.mean(here))


def test_evaluations_of_several_collections_are_told_apart(workspace: Workspace) -> None:
    before = [one.title for one in load_study(workspace).evaluations]
    (first,) = set(before)
    write_evaluation(
        workspace.root / "runs" / "r-001" / "evaluations" / "all-3",
        title="runs/r-001", seed=2, collection="elsewhere",
    )  # fmt: skip
    after = [one.title for one in load_study(workspace).evaluations]
    assert sorted(after) == sorted([f"{first} on elsewhere", *[f"{first} on sid"] * len(before)])


def test_lines_without_a_validation_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [
        '{"step": 2, "psnr": 20, "ssim": 0.5}', '{"step": 1, "psnr": null, "ssim": null}',
        '{"step": 3, "psnr": NaN, "ssim": 0.5}', "[]", '{"step": 2, "psnr": 21, "ssim": 0.6}', "{",
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    assert read_points(path.read_bytes()) == [Point(2, 21.0, 0.6)]


def test_an_empty_workspace_has_nothing_to_tell(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="neither runs nor evaluations"):
        load_study(Workspace(tmp_path))


@pytest.mark.parametrize("damage", ["{", '{"evaluation": "other"}', "gone"])
def test_damaged_pictures_are_an_error_that_names_them(workspace: Workspace, damage: str) -> None:
    folder = workspace.root / "runs" / "r-001" / "evaluations" / "all-1" / PICTURE_FOLDER
    if damage == "gone":
        (folder / "best-1-plain-full.jpg").unlink()
    else:
        (folder / PICTURE_INDEX).write_text(damage)
    with pytest.raises(StoreFormatError, match="pictures that cannot be used"):
        write_report(load_study(workspace), workspace.root / "report.html")
    assert not (workspace.root / "report.html").exists()


def opened(browser: Browser, path: Path, **about: object) -> tuple[Page, list[str]]:
    """Open a page; returns it, and a list that collects requests and errors."""
    tab = browser.new_page(**about)  # type: ignore[arg-type] # options of a page
    seen: list[str] = []
    tab.on("request", lambda request: seen.append(request.url))
    tab.on("pageerror", lambda error: seen.append(str(error)))
    tab.on("console", lambda message: seen.append(message.text))
    tab.goto(path.as_uri())
    seen.remove(path.as_uri())
    return tab, seen


def edge(tab: Page) -> float:
    """Where the line of the first comparison is, from 0 at the left to 1."""
    place: float = tab.evaluate(
        """() => { const stage = document.querySelector(".stage").getBoundingClientRect();
        const edge = document.querySelector(".edge").getBoundingClientRect();
        return (edge.left + edge.width / 2 - stage.left) / stage.width; }"""
    )
    return place


def test_in_a_browser_it_renders_and_nothing_leaves_it(browser: Browser, page: Path) -> None:
    tab, seen = opened(browser, page)
    assert tab.locator("h1").is_visible()
    assert tab.locator("figure svg").count() == 5
    widths = tab.evaluate("[...document.querySelectorAll('.stage img')].map(i => i.naturalWidth)")
    assert widths == [90] * 9
    assert not [one for one in seen if not one.startswith("data:")]
    tab.close()


def test_in_a_browser_the_slider_moves(browser: Browser, page: Path) -> None:
    tab, _ = opened(browser, page)
    slider = tab.locator(".compare input[type=range]").first
    assert edge(tab) == pytest.approx(0.5, abs=0.01)
    slider.focus()
    for _ in range(10):
        tab.keyboard.press("ArrowRight")
    assert edge(tab) == pytest.approx(0.6, abs=0.01)
    stage = tab.locator(".stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 0.6 * box["width"], y)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.2 * box["width"], y)
    tab.mouse.up()
    assert edge(tab) == pytest.approx(0.2, abs=0.01)
    # Left of the line the picture is plain (grey 60), right of it restored (120), then the truth.
    assert shown(tab) == pytest.approx((60, 120), abs=3)
    tab.get_by_label("restored and truth").first.check()
    assert shown(tab) == pytest.approx((120, 180), abs=3)
    tab.close()


def shown(tab: Page) -> tuple[float, float]:
    """Grey of the first comparison, left and right of a line at a fifth."""
    data = np.frombuffer(tab.locator(".stage").first.screenshot(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    height, width = picture.shape
    middle = picture[height // 2]
    return float(middle[width // 10]), float(middle[width // 2])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_it_fits_and_can_be_read(browser: Browser, page: Path, scheme: str) -> None:
    viewport = {"width": 360, "height": 740}
    tab, _ = opened(browser, page, viewport=viewport, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    colours = tab.evaluate(
        """() => ["h1", ".faint", "figure svg text", "td small"].map(
        s => { const e = document.querySelector(s), c = getComputedStyle(e);
        return e.ownerSVGElement ? c.fill : c.color; })
        .concat(getComputedStyle(document.body).backgroundColor)"""
    )
    *inks, paper = [luminance(colour) for colour in colours]
    for ink in inks:
        contrast = (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)
        assert contrast >= 4.5, colours
    tab.close()


def luminance(colour: str) -> float:
    """Relative luminance of a CSS colour: WCAG 2.2."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_control_is_reached_by_keyboard(browser: Browser, page: Path) -> None:
    tab, _ = opened(browser, page)
    reached = set()
    for _ in range(200):
        tab.keyboard.press("Tab")
        name = tab.evaluate("document.activeElement.tagName + (document.activeElement.type || '')")
        if name == "BODY":
            break
        reached.add(name)
    assert {"A", "SUMMARY", "INPUTrange", "INPUTradio", "DIV"} <= reached
    tab.close()


def test_the_noise_that_runs_were_trained_with_is_drawn(workspace: Workspace) -> None:
    settings = workspace.root / "runs" / "r-001" / "settings.json"
    values = json.loads(settings.read_bytes())
    gone = load_study(workspace)
    assert gone.cameras == ()
    write_profile(small_profile(), workspace.root / "dark.toml")
    settings.write_text(json.dumps(values | {"profile": str(workspace.root / "dark.toml")}))
    study = load_study(workspace)
    assert [one.camera for one in study.cameras] == ["Acme Dark 1"]
    written = write_report(
        study, workspace.root / "report.html", figure_folder=workspace.root / "figures"
    )
    text = written.page.read_text("utf-8")
    assert "Noise of cameras" in text
    assert text.index("<h3>Acme Dark 1</h3>") < text.index("camera-0-shading-6400")
    assert any(path.name == "camera-0-shading-6400.svg" for path in written.figures)
