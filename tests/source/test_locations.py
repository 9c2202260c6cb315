"""File systems of URLs: the place that the environment means now."""

from __future__ import annotations

import pytest

from rawkit.locations import file_system


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_a_changed_environment_means_another_server(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for other in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    before, _ = file_system("s3://bucket/store.zarr")
    monkeypatch.setenv(name, "http://127.0.0.1:2")
    after, _ = file_system("s3://bucket/store.zarr")
    assert (before.endpoint_url, after.endpoint_url) == (
        "http://127.0.0.1:1", "http://127.0.0.1:2",
    )  # fmt: skip
    again, _ = file_system("s3://bucket/store.zarr")
    assert again is after  # connections are shared


def test_what_a_caller_says_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    fs, _ = file_system("s3://bucket/store.zarr", endpoint_url="http://127.0.0.1:3")
    assert fs.endpoint_url == "http://127.0.0.1:3"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    fs, _ = file_system("s3://bucket/store.zarr")
    assert fs.endpoint_url is None
