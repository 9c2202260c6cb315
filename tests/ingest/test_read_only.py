"""A bucket that takes nothing: said before any work is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.support.fixtures_s3 import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNTS = 4
"""Requests that the server takes from anybody: those that make the bucket and the account."""
MAKE = """
import json, boto3
boto3.client("s3").create_bucket(Bucket="night")
iam = boto3.client("iam")
iam.create_user(UserName="reader")
may = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=document)
print(json.dumps(iam.create_access_key(UserName="reader")["AccessKey"], default=str))
"""


@pytest.fixture(scope="module")
def reader() -> Iterator[dict[str, str]]:
    """Return the environment of an account that may read a bucket, and no more."""
    pytest.importorskip("boto3")
    port = free_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(ACCOUNTS)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        begun = time.monotonic()
        while True:
            try:
                urlopen(f"{settings['AWS_ENDPOINT_URL']}/moto-api/", timeout=5).close()  # noqa: S310 - http alone
                break
            except OSError:
                assert time.monotonic() - begun < 60
                time.sleep(0.1)
        made = subprocess.run(
            [sys.executable, "-c", MAKE], env={**os.environ, **settings},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        key = json.loads(made.stdout)
        yield {
            **settings,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("command", ["ingest", "restore"])
def test_a_bucket_that_is_read_only_is_named_before_work_starts(
    reader: dict[str, str], mid_folder: Path, tmp_path: Path, command: str
) -> None:
    weights = tmp_path / "weights.pt"
    if command == "restore":
        import torch

        from rawkit.models import build

        torch.save(build("lamba2021").state_dict(), weights)
    arguments = {
        "ingest": ["--stores", "s3://night/stores", "ingest", "mid", "--source", str(mid_folder)],
        "restore": ["restore", str(mid_folder), "-o", "s3://night/out", "--weights", str(weights)],
    }[command]
    found = subprocess.run(
        [sys.executable, "-m", "rawkit", *arguments], cwd=tmp_path, check=False,
        env={**os.environ, **reader, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert found.returncode == 1, found.stderr
    assert "access is refused" in found.stderr
    assert "s3://night/" in found.stderr
    assert "Check the credentials, and what they may do there." in found.stderr
    assert "Ingesting" not in found.stderr
    assert "Restoring" not in found.stderr
    assert not (tmp_path / "cache").exists()
