"""Records the healthy connections that the benchmark is made of: NGINX and curl in the lab."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path

from benchmark.templates import RECORDINGS
from failurelab import nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import Scenario

PAGE = 3_000
BULK = 400_000
"""Bytes of a page and of a download; all zeros, so that the stored recording is small."""


def record() -> list[Path]:
    """Record every kind of connection into fixtures/bench; needs root and NGINX."""
    RECORDINGS.mkdir(parents=True, exist_ok=True)
    return [_record(kind) for kind in ("http", "keepalive", "tls", "bulk")]


def _record(kind: str) -> Path:
    name = f"bench-{kind}"
    scenario = Scenario(
        name, kind, lambda _: None, points=(Point("client"),), bump="router-upstream"
    )
    with tempfile.TemporaryDirectory() as folder, Lab(scenario, Path(folder)) as lab:
        lab.bump.delay = 0.0004
        _serve(lab)
        _ask(lab, kind)
        lab.sleep(0.3)
        lab.finish()
        target = RECORDINGS / f"{kind}.pcap.gz"
        target.write_bytes(gzip.compress((Path(folder) / "client.pcap").read_bytes(), mtime=0))
    return target


def _serve(lab: Lab) -> None:
    site = Path(lab.directory) / "site"
    site.mkdir()
    (site / "page").write_bytes(bytes(PAGE))
    (site / "bulk").write_bytes(bytes(BULK))
    lab.directory.chmod(0o755)
    files = lab.authority.issue("shop.example")
    nginx.start(
        lab,
        lab.upstream,
        f"""
        server {{
          listen 80; listen 443 ssl; root {site};
          ssl_certificate {files.cert}; ssl_certificate_key {files.key};
        }}""",
        port=80,
    )


def _ask(lab: Lab, kind: str) -> None:
    plain, secure = f"http://{lab.upstream.ip}", f"https://{lab.upstream.ip}"
    urls = {
        "http": [f"{plain}/page"],
        "keepalive": [f"{plain}/page?{number}" for number in range(15)],
        "tls": [f"{secure}/page?{number}" for number in range(2)],
        "bulk": [f"{plain}/bulk"],
    }[kind]
    program = shutil.which("curl") or "curl"
    lab.client.run([program, "-sSk", *(word for url in urls for word in ("-o", "/dev/null", url))])
