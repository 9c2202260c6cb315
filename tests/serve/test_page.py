"""The page in a real browser: drop, see, compare, download; by keyboard, on a phone, dark."""

from __future__ import annotations

import base64
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.serve.test_api import JPEG
from tests.support.keyboard import choose_by_keyboard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.support.serving import Client

pytest_plugins = (
    "tests.support.fixtures_browser",
    "tests.support.fixtures_serve",
    "tests.support.fixtures_workspace",
)

COPY = """(one) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [one.naturalWidth, one.naturalHeight];
  canvas.getContext("2d").drawImage(one, 0, 0);
  return canvas.toDataURL();
}"""
DROP = """([files]) => {
  const data = new DataTransfer();
  for (const [name, text] of files) {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    data.items.add(new File([bytes], name));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const about = { dataTransfer: data, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent(kind, about));
  }
}"""


@pytest.fixture
def opened(browser: Browser, client: Client) -> Iterator[Page]:
    """Open the page in a window of its own; nothing may leave the machine, nothing may fail."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    told: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("pageerror", lambda one: errors.append(str(one)))
    page.on("console", lambda one: told.append(one.text))
    page.goto(client.address)
    yield page
    context.close()
    hosts = {urlsplit(one).netloc for one in asked if not one.startswith(("blob:", "data:"))}
    assert hosts == {urlsplit(client.address).netloc}
    assert not errors
    assert not [one for one in told if "Content Security" in one]


def drop(page: Page, files: list[tuple[str, bytes]]) -> None:
    """Drop files on the page."""
    page.evaluate(DROP, [[(name, base64.b64encode(data).decode()) for name, data in files]])


def serious(page: Page) -> list[str]:
    """Return what axe finds serious or critical."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html']}"
        for one in found if one["impact"] in ("serious", "critical")
    ]  # fmt: skip


def test_dropped_files_become_pictures_or_explanations(
    opened: Page, client: Client, darks: list[Path]
) -> None:
    page = opened
    assert serious(page) == []
    names = [f"night-{number}.ARW" for number in range(3)]
    files = [(name, path.read_bytes()) for name, path in zip(names, darks, strict=False)]
    drop(page, [*files, ("phone.jpg", JPEG), ("cut.ARW", files[0][1][:20_000])])
    page.locator(".card .save:visible").nth(2).wait_for()
    page.locator(".card.refused").nth(1).wait_for()
    assert page.locator(".card").count() == 5
    assert "3 restored, 2 not usable" in page.locator("#summary").inner_text()
    told = page.locator(".card.refused").all_inner_texts()
    assert any("This is a JPEG, not a raw file" in one and "How to get raw" in one for one in told)
    assert any("The file is cut off" in one for one in told)
    assert serious(page) == []
    page.get_by_role("link", name="How to get raw files").click()
    assert page.locator("#phone").evaluate("(one) => one.open")

    slide = page.locator(".card .slide").first
    slide.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    stage = page.locator(".card .stage").first
    assert stage.evaluate("(one) => one.style.getPropertyValue('--at')") == "60%"
    assert "60 percent plain" in (slide.get_attribute("aria-valuetext") or "")

    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download all").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert sorted(archive.namelist()) == [
            "left-out.txt", "manifest.jsonl", *(name.replace("ARW", "png") for name in names)
        ]  # fmt: skip

    address = page.url
    page.reload()
    page.locator(".card .save:visible").nth(2).wait_for()
    assert page.url == address
    assert page.locator(".card.refused").count() == 2
    page.get_by_role("button", name="Remove cut.ARW").click()
    page.locator(".card").nth(4).wait_for(state="detached")
    work = address.rpartition("/")[2]
    assert len(client.settled(work)) == 4


def test_controls_draw_a_preview_and_make_a_picture(opened: Page, darks: list[Path]) -> None:
    page = opened
    drop(page, [(f"{number}.ARW", darks[number].read_bytes()) for number in range(2)])
    page.locator(".card .save:visible").nth(1).wait_for()
    page.get_by_role("button", name="Open 0.ARW").click()
    look = page.locator("#look")
    restored = drawn(page, "Restored")
    assert serious(page) == []
    page.locator("#stops").fill("1.5")
    brighter = drawn(page, "Preview")
    assert brighter != restored
    assert float(look.get_attribute("data-seconds") or 9) < 5
    page.get_by_label("The network's").check()
    page.set_viewport_size({"width": 360, "height": 740})  # so that not all of it is seen
    page.locator("[data-zoom='2']").click()
    page.locator("#look.zoomed").wait_for()
    part = drawn(page, "Preview")
    assert part != brighter
    look.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("0")
    page.locator("#file-format").select_option("tiff/16")
    page.get_by_role("button", name="Make this picture").click()
    page.locator("#save:visible").wait_for()
    with page.expect_download() as waiting:
        page.locator("#save").click()
    assert waiting.value.suggested_filename == "0.tif"
    page.locator("#against").select_option(label="1.ARW")
    page.locator("#look .tag.l", has_text="1.ARW").wait_for()
    page.get_by_label("Like an exposure of").check()
    page.locator("#exposure").fill("soon")
    page.get_by_text("That is no exposure").first.wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("button", name="Open 0.ARW").evaluate(
        "(one) => one === document.activeElement"
    )


def drawn(page: Page, tag: str) -> bytes:
    """Wait until something is drawn on the right side, and return it as PNG."""
    page.locator("#look .tag.r", has_text=tag).wait_for()
    page.locator("#look:not(.drawing)").wait_for()
    page.wait_for_timeout(150)  # until what was changed last has begun
    page.locator("#look:not(.drawing)").wait_for()
    text: str = page.locator("#look .under").evaluate(COPY)
    return base64.b64decode(text.partition(",")[2])


def test_everything_can_be_done_by_keyboard(opened: Page, darks: list[Path]) -> None:
    page = opened
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the contents"
    while focused(page) != "Choose files":
        page.keyboard.press("Tab")
    choose_by_keyboard(page, [darks[0]])
    page.locator(".card .save:visible").wait_for()
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused(page).startswith("Open "):
            break
    page.keyboard.press("Enter")
    page.locator("#viewer[open]").wait_for()
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert {"look", "slide", "against", "bright", "stops", "colour", "file-format", "save"} <= seen
    page.keyboard.press("Escape")
    page.locator("#viewer[open]").wait_for(state="detached")
    assert focused(page).startswith("Open ")


def focused(page: Page) -> str:
    """Name of what has the focus."""
    text: str = page.evaluate(
        "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
    )
    return text.strip()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone_and_axe_finds_nothing_serious_there(
    browser: Browser, client: Client, darks: list[Path], scheme: Any
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True
    )
    page = context.new_page()
    page.goto(client.address)
    assert fits(page)
    drop(page, [("a-rather-long-name-of-a-photo-of-the-night-sky.ARW", darks[0].read_bytes()),
                ("phone.jpg", JPEG)])  # fmt: skip
    page.locator(".card .save:visible").wait_for()
    page.locator(".card.refused").wait_for()
    assert fits(page)
    assert serious(page) == []
    page.locator(".card .open:visible").click()
    drawn(page, "Restored")
    assert fits(page)
    assert page.locator(".viewer").evaluate("(one) => one.scrollWidth <= one.clientWidth")
    assert serious(page) == []
    for path in ("workspace", "workspace/stores/sid", "api"):
        page.goto(client.address + path)
        assert fits(page), path
        assert serious(page) == [], path
    context.close()


def fits(page: Page) -> bool:
    """Whether nothing sticks out to the right."""
    found: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return found


def test_a_stored_frame_is_restored_beside_its_truth(opened: Page, client: Client) -> None:
    page = opened
    page.get_by_role("link", name="Workspace").click()
    page.get_by_role("link", name="sid").click()
    page.locator(".scenes a").first.click()
    assert page.locator("img.sheet").evaluate(
        "async (one) => (await one.decode(), one.naturalWidth)"
    )
    page.locator("[data-frame]").first.click()
    page.locator(".card .open:visible").wait_for()
    page.locator(".card .save:visible").wait_for()
    page.locator(".card .open:visible").click()
    drawn(page, "Restored")
    page.locator("#against").select_option("truth")
    page.locator("#look .tag.l", has_text="The true picture").wait_for()
    assert page.url.startswith(f"{client.address}work/")
