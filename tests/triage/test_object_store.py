"""Captures in an object store, which is moto's server here, and behind a web server."""

from __future__ import annotations

import functools
import gzip
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import fsspec
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result
from moto.server import ThreadedMotoServer

from pcapdiag.cli.main import cli
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.local import LocalEngine
from pcapdiag.triage.sources import Sources
from pcapdiag.triage.task import always
from tests.triage.several import DOZEN, REFUSED, run, task, tree
from tests.triage.test_dask import said

pytestmark = pytest.mark.once

SECRET = "s3cr3tK3yOfNobody"
KEY = "AKIAOFNOBODY"
LARGE = 64 * 1024 * 1024
COPY = """
import resource, sys
from pcapdiag.triage.object_stores import fetched
for url in sys.argv[1:]:
    with fetched(url):
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
"""Fetches objects; prints the most memory that this took so far."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a store on loopback, given as users give it."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield f"http://{host}:{port}"
    moto.stop()


class Bucket:
    """A bucket, filled by a client that is not the one under test."""

    def __init__(self, server: str) -> None:
        self._client = boto3.client("s3", endpoint_url=server)
        self._client.create_bucket(Bucket="captures")

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        self._client.put_object(Bucket="captures", Key=key, Body=body)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._client.delete_object(Bucket="captures", Key=key)


@pytest.fixture(scope="module")
def store(server: str) -> Bucket:
    """A dozen fixtures, one of them compressed, and something else."""
    bucket = Bucket(server)
    for number, path in enumerate(DOZEN):
        data = path.read_bytes()
        if number == 1:
            bucket.put(f"day/{number}.pcap.gz", gzip.compress(data, mtime=0))
        else:
            bucket.put(f"day/{number}.pcap", data)
    bucket.put("day/notes.txt", b"no capture")
    return bucket


def triage(*arguments: object) -> Result:
    fsspec.filesystem("s3").invalidate_cache()
    return CliRunner().invoke(cli, ["triage", *map(str, arguments)])


def rows(out: Path, table: str) -> list[dict[str, object]]:
    """A table's rows without what says where a capture was, or how it was stored."""
    where = {"capture", "names", "sha256", "size", "compression", "day"}
    found = [
        {name: value for name, value in row.items() if name not in where}
        for path in sorted((out / table).rglob("*.parquet"))
        for row in pyarrow.parquet.read_table(path).to_pylist()
    ]
    return sorted(found, key=str)


@pytest.mark.usefixtures("store")
def test_objects_give_the_rows_that_files_give(tmp_path: Path) -> None:
    done = triage("s3://captures/day", "-o", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert "TRIAGE  12 captures: 12 examined" in done.stdout
    run(tmp_path / "local", DOZEN)
    for table in ("captures", "connections", "findings"):
        assert rows(tmp_path / "out", table) == rows(tmp_path / "local", table) != []
    kept = done.output.encode() + b"".join(
        path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert SECRET.encode() not in kept
    assert KEY.encode() not in kept
    # Objects whose version is known are not fetched again.
    before = tree(tmp_path / "out")
    assert triage("s3://captures/day", "-o", tmp_path / "out").exit_code == 1
    assert tree(tmp_path / "out") == before


def test_a_key_that_vanished_is_a_row(store: Bucket, tmp_path: Path) -> None:
    store.put("gone/a.pcap", REFUSED.read_bytes())
    (capture,) = Sources(str(tmp_path)).find(["s3://captures/gone"])
    store.delete("gone/a.pcap")
    status, reason = fetched_as(capture.files[0].place)
    assert status == "error"
    assert reason.startswith("cannot be fetched: FileNotFoundError")


def fetched_as(url: str) -> tuple[str, str]:
    """What becomes of an object that was listed before."""
    with LocalEngine(1, Limits()) as engine:
        (reply,) = engine([task(url)], always)
    return said(reply)


def test_no_access_is_said_and_no_key_is_told(store: Bucket, server: str, tmp_path: Path) -> None:
    store.put("mine/a.pcap", REFUSED.read_bytes())
    _authenticate(server, after=0)
    try:
        status, reason = fetched_as("s3://captures/mine/a.pcap")
        done = triage("s3://captures/mine", "-o", tmp_path / "out")
    finally:
        _authenticate(server, after=1_000_000)
    assert status == "error"
    assert reason.startswith("cannot be fetched: PermissionError")
    assert done.exit_code == 2
    assert "cannot list s3://captures/mine: PermissionError" in done.stderr
    assert SECRET not in done.output + reason
    assert not (tmp_path / "out").exists()


def _authenticate(server: str, after: int) -> None:
    """Have the store look at keys, and it knows nobody, after so many requests."""
    request = urllib.request.Request(
        f"{server}/moto-api/reset-auth",
        data=str(after).encode(),
        headers={"Content-Type": "text/plain"},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["status"] == "ok"


def test_a_large_object_is_streamed(store: Bucket) -> None:
    store.put("large.pcap", bytes(LARGE))
    urls = ["s3://captures/day/0.pcap", "s3://captures/large.pcap"]
    done = subprocess.run(
        [sys.executable, "-c", COPY, *urls], capture_output=True, check=True, text=True
    )
    small, large = map(int, done.stdout.split())
    assert large - small < LARGE / 3


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "a.pcap").write_bytes(REFUSED.read_bytes())

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_web_address_is_a_capture_and_its_token_is_written_nowhere(
    web: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = triage(f"{web}/a.pcap?token={SECRET}", "-o", out)
    assert done.exit_code == 1, done.output
    assert "TRIAGE  1 capture: 1 examined" in done.stdout
    run(tmp_path / "local", [REFUSED])
    assert rows(out, "connections") == rows(tmp_path / "local", "connections") != []
    kept = done.output.encode() + b"".join(
        path.read_bytes() for path in out.rglob("*") if path.is_file()
    )
    assert SECRET.encode() not in kept
