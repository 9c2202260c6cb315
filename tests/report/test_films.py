"""Videos in a report: they play in a real browser, and their figures are those of the tables."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.errors import StoreFormatError
from rawkit.evaluate import (
    plan_evaluation,
    protocol,
    run_evaluation,
    save_films,
    subject,
)
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.report.films import films_of
from rawkit.report.study import load_study
from rawkit.report.write import write_report
from rawkit.synth import make_videos
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytest_plugins = ("tests.support.fixtures_browser",)
LIMIT = 60_000
"""Bytes that a film may take."""


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Evaluate three short videos, and save one of them."""
    workspace = Workspace(tmp_path_factory.mktemp("filmed"))
    data, store = workspace.data("moving-objects"), workspace.store("moving-objects")
    make_videos(data, scenes=3, frames=8, size=(66, 96))
    definition = load_definition("moving-objects")
    run_ingest(plan_ingest(definition, data, store, Selection()), workers=0)
    about = protocol("all", splits=("train", "val", "test"))
    plan = plan_evaluation(workspace, subject(workspace, weights="plain"), about, resamples=50)
    save_films(plan, run_evaluation(plan).evaluation, 1)
    return workspace


@pytest.fixture(scope="module")
def page(filmed: Workspace) -> Path:
    """Write the report."""
    figures = filmed.root / "figures"
    study = load_study(filmed)
    return write_report(
        study, filmed.root / "report.html", figure_folder=figures, film_bytes=LIMIT
    ).page


def test_a_film_is_in_the_page_within_its_limit(page: Path, filmed: Workspace) -> None:
    text = page.read_text()
    (encoded,) = re.findall(r'src="data:video/mp4;base64,([^"]+)"', text)
    assert 1000 < len(base64.b64decode(encoded)) <= LIMIT
    assert "media-src data:" in text
    (told,) = load_study(filmed).evaluations
    videos = told.evaluation.videos
    assert videos is not None
    for name in ("psnr", "mabd_bt601", "mabd_columns"):
        assert f'data-mean="{videos.means[name].mean}"' in text
    assert len(list((filmed.root / "figures").glob("brightness-*.svg"))) == 1


def test_a_film_plays(page: Path, browser: Browser) -> None:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(page.as_uri())
    film = opened.locator("video")
    film.scroll_into_view_if_needed()
    width, height = film.evaluate(
        "async v => { v.loop = false; await v.play();"
        " await new Promise(done => v.onended = done); return [v.videoWidth, v.videoHeight]; }"
    )
    assert film.evaluate("v => v.currentTime") == pytest.approx(8 / 25, abs=0.05)
    assert (width, height) == (2 * 96 + 4, 64)
    # What stands below names what is shown above it.
    box, parts = film.bounding_box(), opened.locator(".parts span")
    assert parts.all_inner_texts() == ["restored", "truth"]
    last = parts.last.bounding_box()
    assert box is not None
    assert last is not None
    assert box["x"] + box["width"] / 2 - 3 <= last["x"]
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not said
    opened.set_viewport_size({"width": 360, "height": 700})
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.close()


def test_films_of_another_evaluation_are_refused(filmed: Workspace) -> None:
    (told,) = load_study(filmed).evaluations
    index = told.evaluation.folder / "videos" / "videos.json"
    whole = index.read_text()
    try:
        index.write_text(json.dumps({**json.loads(whole), "evaluation": "0" * 16}))
        with pytest.raises(StoreFormatError, match="of evaluation 0000"):
            films_of(told)
        index.write_text(whole.replace("1.mp4", "2.mp4"))
        with pytest.raises(StoreFormatError, match=r"no 2\.mp4"):
            films_of(told)
    finally:
        index.write_text(whole)
