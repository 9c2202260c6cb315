"""The mp4 in a real browser: it plays, and shows the colours of the pictures."""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from rawkit.pictures import PictureFormat, write_picture
from rawkit.video.codecs import CODECS, Encoder, require_codec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytest_plugins = ("tests.support.fixtures_browser",)
SIZE = 144, 256
_SHOWN = """async ([video, picture]) => {
  const pixels = (what) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [256, 144];
    const context = canvas.getContext('2d');
    context.drawImage(what, 0, 0);
    return Array.from(context.getImageData(0, 0, 256, 144).data);
  };
  const image = new Image();
  image.src = picture;
  await image.decode();
  const film = document.createElement('video');
  film.muted = true;
  film.src = video;
  document.body.append(film);
  await film.play();
  await new Promise((done) => film.addEventListener('timeupdate', () => {
    if (film.currentTime > 0.2) done();
  }));
  return [film.currentTime, film.videoWidth, film.videoHeight, pixels(film), pixels(image)];
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("name", sorted(CODECS))
def test_it_plays_and_shows_the_colours_of_the_picture(
    name: str, tmp_path: Path, browser: Browser
) -> None:
    codec = require_codec(name)
    small = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    frame = cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    wide = frame if codec.given_bits == 8 else frame.astype(np.uint16) * 257
    encoder = Encoder(tmp_path / "a.mp4", SIZE, 25, codec, 8)
    for _ in range(40):
        encoder.write(wide)
    encoder.close()
    write_picture(tmp_path / "a.png", frame, PictureFormat(), srgb=True)
    (tmp_path / "index.html").write_text("<!doctype html><body></body>")
    with served(tmp_path) as address:
        page = browser.new_page()
        page.goto(f"{address}/index.html")
        at, width, height, film, image = page.evaluate(_SHOWN, ["a.mp4", "a.png"])
        page.close()
    assert at > 0.2
    assert (height, width) == SIZE
    shown, picture = (np.array(one, dtype=int).reshape(*SIZE, 4)[..., :3] for one in (film, image))
    # The profile of the picture is that of the screen's curve: its values are shown as they are.
    assert np.abs(picture - frame).max() <= 1
    assert np.abs(shown - picture).mean() < 2.5
    assert np.abs(shown.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 1
