"""The API: uploads become the pictures of `rawkit restore`, and what cannot be used is told why."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from rawkit.pictures import PictureFormat
from rawkit.restore import (
    Brightness,
    Compute,
    Output,
    load_restorer,
    parse_exposure,
    restore_files,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.serve import ServeSettings
    from tests.support.serving import Client

pytest_plugins = ("tests.support.fixtures_serve", "tests.support.fixtures_workspace")

JPEG = b"\xff\xd8\xff\xe0" + bytes(300_000)


def restored(path: Path, weights: Path, folder: Path, **changes: Any) -> bytes:
    """Return the picture that `rawkit restore` makes of a file."""
    output = Output(folder, **changes)
    report = restore_files(
        [path], output, load_restorer(weights, Compute(weights, max_ram=2 * 10**9))
    )
    assert not report.failed
    (found,) = report.restored
    return (folder / found.picture.name).read_bytes()


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({}, {}),
        ({"m": 2.5}, {"brightness": Brightness("auto", (2.5,))}),
        ({"exposure": "10s", "format": "jpeg"},
         {"brightness": Brightness("ratio", (), parse_exposure("10s")),
          "format": PictureFormat("jpeg")}),
        ({"colour": "sensor", "format": "tiff", "bits": 16},
         {"colour": "sensor", "format": PictureFormat("tiff", 16)}),
    ],
    ids=["default", "m", "exposure", "sensor"],
)  # fmt: skip
def test_pictures_are_those_of_rawkit_restore_byte_for_byte(
    client: Client, darks: list[Path], serve_weights: Path, tmp_path: Path,
    settings: dict[str, Any], changes: dict[str, Any],
) -> None:  # fmt: skip
    work = client.new_work()
    for path in darks[:2]:
        assert client.upload(work, path.name, path.read_bytes(), **settings).status == 201
    photos = client.settled(work)
    for path in darks[:2]:
        (picture,) = photos[path.name]["pictures"]
        found = client.ask(picture["file"])
        assert found.data == restored(path, serve_weights, tmp_path / path.stem, **changes)
        assert path.stem in found.headers["content-disposition"]


def test_a_form_as_curl_sends_it_is_the_same(client: Client, darks: list[Path]) -> None:
    work, data = client.new_work(), darks[0].read_bytes()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nnothing\r\n--x\r\n'
        b'Content-Disposition: form-data; name="file"; filename="../../night.ARW"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--x--\r\n"
    )
    found = client.ask(f"api/works/{work}/photos?restore=0", "POST", body,
                       content_type="multipart/form-data; boundary=x")  # fmt: skip
    assert found.status == 201
    assert found.json["name"] == "night.ARW"
    photo = client.settled(work)["night.ARW"]
    assert photo["bytes"] == len(data)
    assert photo["pictures"] == []
    assert photo["facts"]["iso"] > 0


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("IMG_1.cr2", JPEG, "a JPEG"),
        ("shot.dng", b"\x89PNG\r\n\x1a\n" + bytes(900), "a PNG"),
        ("IMG_2.HEIC", b"\0\0\0\x24ftypheic" + bytes(900), "a HEIC"),
        ("all.zip", b"PK\x03\x04" + bytes(900), "a zip archive"),
        ("notes.txt", b"Nothing to see here.\n", "a text file"),
        ("nothing.dng", b"", "empty"),
    ],
)
def test_what_is_no_raw_file_is_refused_with_the_reason_and_listed(
    client: Client, name: str, data: bytes, says: str
) -> None:
    work = client.new_work()
    found = client.upload(work, name, data)
    assert found.status == 415
    assert says in found.json["error"]["title"]
    photo = client.settled(work)[name]
    assert photo["stage"] == "refused"
    assert photo["problem"]["text"] == found.json["error"]["text"]
    assert photo["problem"]["phone"] == ("JPEG" in says or "PNG" in says or "HEIC" in says)


def test_damaged_files_are_explained_and_the_others_go_on(
    client: Client, darks: list[Path]
) -> None:
    work, data = client.new_work(), darks[0].read_bytes()
    client.upload(work, "cut.ARW", data[: len(data) // 2])
    client.upload(work, "blank.dng", b"II*\0" + bytes(5000))
    client.upload(work, "whole.ARW", data)
    photos = client.settled(work)
    assert photos["cut.ARW"]["problem"]["title"] == "The file is cut off"
    assert "Copy it again" in photos["cut.ARW"]["problem"]["text"]
    assert photos["blank.dng"]["stage"] == "refused"
    assert photos["blank.dng"]["pictures"][0]["stage"] == "failed"
    assert photos["whole.ARW"]["pictures"][0]["stage"] == "done"


def test_a_file_that_is_too_large_is_refused_by_its_length_and_as_it_comes(
    client: Client, serve_settings: ServeSettings
) -> None:
    work = client.new_work()
    most = serve_settings.limits.file_bytes
    assert client.upload(work, "huge.dng", bytes(most + 100_000)).status == 413
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + b"II*\0" + bytes(most + 10) + b"\r\n--x--\r\n"  # within what forms may add
    found = client.ask(f"api/works/{work}/photos", "POST", body,
                       content_type="multipart/form-data; boundary=x")  # fmt: skip
    assert found.status == 413
    assert "MB" in found.json["error"]["text"]
    assert client.settled(work) == {}
    assert not [*serve_settings.workspace.root.rglob("*.part")]


def test_views_show_a_part_in_the_size_of_a_screen(client: Client, darks: list[Path]) -> None:
    work = client.new_work()
    client.upload(work, "dark.ARW", darks[0].read_bytes())
    photo = client.settled(work)["dark.ARW"]
    at = f"api/works/{work}/photos/{photo['id']}"
    width, height = photo["facts"]["width"], photo["facts"]["height"]
    whole = picture_of(client.ask(f"{at}/view").data)
    assert whole.shape == (height, width, 3)
    part = picture_of(client.ask(f"{at}/view?left=0.25&right=0.75&top=0.5&bottom=1").data)
    assert part.shape == (height // 2, width // 2, 3)
    small = picture_of(client.ask(f"{at}/view?pixels=2000").data)
    assert small.shape[0] * small.shape[1] < 4000
    made = photo["pictures"][0]["id"]
    finished = picture_of(client.ask(f"{at}/view?side=picture&picture={made}").data)
    assert np.abs(finished.astype(float) - whole).mean() < 2
    plain = picture_of(client.ask(f"{at}/view?side=plain").data)
    light = [(one / 255.0) ** 2.2 for one in (plain, whole)]
    assert light[0].mean() == pytest.approx(light[1].mean(), rel=0.15)
    darker = picture_of(client.ask(f"{at}/view?stops=-2").data)
    assert darker.mean() < whole.mean()
    assert client.ask(f"{at}/view?side=truth").status == 404
    assert client.ask(f"{at}/view?side=picture&picture=none").status == 404
    thumbnail = picture_of(client.ask(photo["thumbnail"]).data)
    assert max(thumbnail.shape) <= 480


def picture_of(data: bytes) -> Any:
    """Decode a JPEG, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    "query",
    ["left=0.5&right=0.5", "left=-1", "top=nan", "right=2", "bottom=x", "pixels=1", "pixels=1e3",
     "m=0", "m=inf", "m=1&stops=1", "stops=99", "exposure=soon", "colour=purple", "side=both",
     "weights=others", "bits=16&format=jpeg", "bits=many", "nonsense=1"],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(
    client: Client, darks: list[Path], query: str
) -> None:
    work = client.new_work()
    client.upload(work, "dark.ARW", darks[0].read_bytes(), restore=0)
    photo = client.settled(work)["dark.ARW"]
    found = client.ask(f"api/works/{work}/photos/{photo['id']}/view?{query}")
    assert found.status == 422, found.data
    assert found.json["error"]["text"]


def test_a_zip_holds_all_pictures_their_manifest_and_what_was_left_out(
    client: Client, darks: list[Path]
) -> None:
    work = client.new_work()
    assert client.ask(f"api/works/{work}/pictures.zip").status == 409
    for name in ("night.ARW", "night.ARW", "../night.dng"):
        client.upload(work, name, darks[0].read_bytes())
    client.upload(work, "phone.dng", JPEG)
    client.settled(work)
    found = client.ask(f"api/works/{work}/pictures.zip")
    assert int(found.headers["content-length"]) == len(found.data)
    with zipfile.ZipFile(io.BytesIO(found.data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        lines = [json.loads(one) for one in archive.read("manifest.jsonl").splitlines()]
        assert b"phone.dng: This is a JPEG" in archive.read("left-out.txt")
    assert names[:3] == ["night.png", "night (2).png", "night (3).png"]
    assert [one["picture"] for one in lines] == names[:3]
    assert {one["source"] for one in lines} == {"night.ARW", "night.dng"}
    assert all(one["amplification"] > 0 for one in lines)


def test_what_is_deleted_is_gone(
    client: Client, darks: list[Path], serve_settings: ServeSettings
) -> None:
    work = client.new_work()
    photo = client.upload(work, "dark.ARW", darks[0].read_bytes()).json
    at = f"api/works/{work}/photos/{photo['id']}"
    assert client.ask(at, "DELETE").status == 204
    assert client.ask(at).status == 404
    assert client.settled(work) == {}
    assert client.ask(f"api/works/{work}", "DELETE").status == 204
    assert client.ask(f"api/works/{work}").status == 404
    assert not [*serve_settings.workspace.root.rglob(photo["id"])]


def test_a_stored_frame_is_restored_beside_its_truth(client: Client) -> None:
    held = client.ask("api/workspace").json
    assert [one["name"] for one in held["stores"]] == ["sid"]
    store = client.ask("api/stores/sid").json
    assert sum(sum(one["counts"]) for one in store["exposures"]) == store["frames"]
    scene = store["scenes"][0]["name"]
    frames = client.ask(f"api/stores/sid/frames?scene={scene}").json["frames"]
    short = next(one for one in frames if one["role"] == "short")
    assert client.ask(f"api/stores/sid/sheet?scene={scene}").headers["content-type"] == "image/jpeg"
    work = client.new_work()
    body = json.dumps({"store": "sid", "frame": short["name"]}).encode()
    assert client.ask(f"api/works/{work}/frames", "POST", body).status == 201
    (photo,) = client.settled(work).values()
    assert photo["truth"]
    assert photo["pictures"][0]["stage"] == "done"
    at = f"api/works/{work}/photos/{photo['id']}"
    truth = picture_of(client.ask(f"{at}/view?side=truth").data)
    assert truth.shape == (photo["facts"]["height"], photo["facts"]["width"], 3)
    data = client.ask(photo["pictures"][0]["file"]).data
    assert picture_of(data).shape == truth.shape
    for name in ("../sid", "none", "%2e%2e"):
        assert client.ask(f"api/stores/{name}").status == 404
    body = json.dumps({"store": "sid", "frame": "none"}).encode()
    assert client.ask(f"api/works/{work}/frames", "POST", body).status == 404


def test_several_pictures_of_one_photo_are_kept_apart(client: Client, darks: list[Path]) -> None:
    work = client.new_work()
    photo = client.upload(work, "dark.ARW", darks[0].read_bytes(), restore=0).json
    at = f"api/works/{work}/photos/{photo['id']}/pictures"
    for settings in ({"stops": 1}, {"stops": -1}, {"format": "jpeg"}):
        assert client.ask(at, "POST", json.dumps(settings).encode()).status == 202
    pictures = client.settled(work)["dark.ARW"]["pictures"]
    factors = [one["made"]["amplification"] for one in pictures]
    assert factors[0] == pytest.approx(4 * factors[1], rel=1e-3)
    assert factors[2] == pytest.approx(2 * factors[1], rel=1e-3)
    assert [one["name"] for one in pictures] == ["dark.png", "dark.png", "dark.jpg"]
