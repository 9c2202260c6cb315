"""The static page in a real browser: pictures as `rawkit restore` makes them, nothing sent."""

from __future__ import annotations

import base64
import hashlib
import importlib
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from rawkit.colour import matrix_of
from rawkit.pictures import quantise
from rawkit.restore import decode_single, restore_single
from tests.serve.test_api import JPEG
from tests.support.factories import write_noise_dng
from tests.support.keyboard import choose_by_keyboard
from tests.support.paths import REPOSITORY
from tests.support.webpages import (
    QUICK,
    REAL,
    differs,
    expected,
    folder_served,
    page_opened,
    restored,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from rawkit.restore import Restorer
    from rawkit.webpage import Webpage

pytest_plugins = ("tests.support.fixtures_browser", "tests.support.fixtures_webpage")

DECODE = """async (text) => {
  const { decodeRaw } = await import("/raw.js");
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const { pixels, ...found } = await decodeRaw(bytes, "file");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", pixels.buffer));
  return { ...found, digest: [...digest].map((one) => one.toString(16).padStart(2, "0")).join("") };
}"""


@pytest.fixture
def opened(browser: Browser, webpage: Webpage) -> Iterator[Page]:
    with folder_served(webpage.folder) as address, page_opened(browser, address) as page:
        yield page


def test_pictures_of_real_cameras_are_those_of_restore(
    opened: Page, real_data: Path, restorer: Restorer
) -> None:
    for name in QUICK:
        path = real_data / name
        assert differs(restored(opened, path), expected(path, restorer)) <= 1, name
    assert "2 of 2 restored" in opened.locator("#summary").inner_text()


def test_mosaics_and_levels_are_those_of_decode(opened: Page, real_data: Path) -> None:
    for name in REAL:
        path = real_data / name
        single = decode_single(path)
        image, capture = single.image, single.capture
        found = opened.evaluate(DECODE, base64.b64encode(path.read_bytes()).decode())
        assert found["digest"] == hashlib.sha256(image.pixels.tobytes()).hexdigest(), name
        assert tuple(found["black"]) == image.mosaic.black_level, name
        assert found["white"] == image.mosaic.white_level, name
        assert found["balance"] == pytest.approx(image.white_balance.multipliers, rel=1e-5), name
        assert found["orientation"] == capture.orientation
        wanted = matrix_of(image.colour_matrix)
        assert (found["matrix"] is None) == (wanted.source == "none")


def test_a_small_photo_on_its_side_is_turned_upright(
    opened: Page, tmp_path: Path, restorer: Restorer
) -> None:
    for orientation, shape in ((6, (70, 98)), (8, (99, 131)), (3, (64, 96))):
        path = tmp_path / f"turned-{orientation}.dng"
        write_noise_dng(path, shape=shape, orientation=orientation)
        assert differs(restored(opened, path), expected(path, restorer)) <= 1


def test_the_networks_own_colours(
    browser: Browser, webpage: Webpage, tmp_path: Path, restorer: Restorer
) -> None:
    """Of weights that do not say which cameras they saw."""
    path = tmp_path / "night.dng"
    write_noise_dng(path, shape=(300, 900))
    about = (webpage.folder / "network.json").read_text()
    assert '"ILCE-7SM2"' in about
    told = about.replace('"ILCE-7SM2"', "")
    with (
        folder_served(webpage.folder) as address,
        page_opened(browser, address, workers=False) as page,
    ):
        page.context.route("**/network.json", lambda route: route.fulfill(body=told))
        wanted = quantise(restore_single(decode_single(path), restorer, None, "network"), 8)
        assert differs(restored(page, path), wanted) <= 1
        assert "the network's colours" in page.locator(".status").inner_text()


def test_without_a_network_once_it_was_opened(
    opened: Page, tmp_path: Path, restorer: Restorer
) -> None:
    path = tmp_path / "night.dng"
    write_noise_dng(path, shape=(64, 96))
    restored(opened, path)
    opened.context.set_offline(offline=True)
    opened.reload()
    assert opened.evaluate("crossOriginIsolated")  # by its service worker
    assert differs(restored(opened, path), expected(path, restorer)) <= 1


def test_what_cannot_be_restored_is_explained(
    opened: Page, real_data: Path, tmp_path: Path
) -> None:
    page = opened
    raw = (real_data / "Blackmagic_BMPCC_lowlight_GBRG.dng").read_bytes()
    files = {
        "phone.jpg": JPEG, "cut.dng": raw[:900_000], "empty.ARW": b"",
        "noise.ARW": bytes(range(256)) * 40, "notes.txt": b"not a photo at all",
    }  # fmt: skip
    for name, contents in files.items():
        (tmp_path / name).write_bytes(contents)
    page.locator("#files").set_input_files([tmp_path / name for name in files])
    page.locator(".card.refused").nth(len(files) - 1).wait_for()
    told = dict(zip(files, page.locator(".status").all_inner_texts(), strict=True))
    assert "This is a JPEG" in told["phone.jpg"]
    assert "cut off" in told["cut.dng"]
    assert "empty" in told["empty.ARW"]
    assert "no raw file that LibRaw knows" in told["noise.ARW"]
    assert "no raw file that LibRaw knows" in told["notes.txt"]
    assert "5 not usable" in page.locator("#summary").inner_text()
    page.get_by_role("button", name="Remove phone.jpg").press("Enter")
    assert page.locator(".card").count() == 4


def test_the_page_is_for_everyone(opened: Page, tmp_path: Path) -> None:
    page = opened
    write_noise_dng(tmp_path / "night.dng", shape=(64, 96))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "choose"
    choose_by_keyboard(page, [tmp_path / "night.dng"])
    page.locator(".card .save:visible").wait_for()
    assert "non-commercial use only" in page.locator("footer").inner_text()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        violations: list[dict[str, Any]] = Axe().run(page).response["violations"]
        assert [one["id"] for one in violations] == []
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_screenshot_of_the_pages_can_be_drawn(
    browser: Browser, webpage: Webpage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(REPOSITORY / "docs" / "figures")
    drawn = importlib.import_module("static_page")
    write_noise_dng(tmp_path / "night.dng")
    with folder_served(webpage.folder) as address:
        drawn.draw(browser, address, [tmp_path / "night.dng"], tmp_path / "page.jpg")
    with Image.open(tmp_path / "page.jpg") as new, Image.open(drawn.OUTPUT) as kept:
        assert new.size == kept.size
