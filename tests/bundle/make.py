"""Bundles of stored captures, made once and looked at by several tests."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

from pcapdiag.bundle.build import Made, make_bundle
from pcapdiag.bundle.request import Request
from pcapdiag.model.options import AnalyzeOptions
from tests.captures import FIXTURES

PCAPS = FIXTURES / "pcaps"
KEY = bytes(range(32))
REFUSED = "http.local_reply-points-envoy-refused/proxy.pcap"


def request(*names: str, sanitise: bool = True, key: bytes | None = KEY) -> Request:
    """A request for stored captures, named below the fixtures' folder, or by a path."""
    paths = tuple(str(PCAPS / name) for name in names)
    return Request(paths, AnalyzeOptions(), sanitise=sanitise, key=key)


@cache
def bundle(*names: str) -> Made:
    """A sanitised bundle of stored captures, with everything in it."""
    return make_bundle(request(*names))


def members(made: Made) -> dict[str, bytes]:
    """What is in the zip file."""
    with zipfile.ZipFile(io.BytesIO(made.content)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def capture_of(made: Made, folder: Path) -> Path:
    """The bundle's capture as a file."""
    path = folder / "capture.pcapng"
    path.write_bytes(members(made)["capture.pcapng"])
    return path
