"""What logs say, in every output; what strangers wrote into them does no harm."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli.main import cli
from tests.captures import FIXTURES

pytestmark = pytest.mark.once

HERE = FIXTURES / "pcaps" / "log-envoy-many"
CAPTURE = str(HERE / "proxy.pcap")
TLS = FIXTURES / "pcaps" / "healthy-tls-envoy-both-legs"
FORMAT = (
    '[%START_TIME%] %DOWNSTREAM_REMOTE_ADDRESS% "%REQ(:METHOD)% %REQ(:PATH)%" %RESPONSE_CODE% '
    "%RESPONSE_FLAGS% %DURATION% %RESPONSE_CODE_DETAILS%"
)


def analyze(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["analyze", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.stdout


def real() -> list[str]:
    return ["--log", f"envoy={HERE / 'envoy.log'}"]


def test_text_tells_each_log_and_each_line() -> None:
    text = analyze(CAPTURE, *real())
    told = " ".join(text.split())
    assert re.search(r"LOGS envoy \S+: 8 lines, 3 failed: 3 tied; its clock agrees", told)
    assert "LOG envoy envoy.log:6 503 UC connection_termination agrees" in told
    assert "the wire shows: reset instead of an answer, by the upstream itself" in told
    assert "Envoy log:" not in text


def test_a_local_time_is_told_as_a_time_zone() -> None:
    here = FIXTURES / "pcaps" / "log-nginx-local-time"
    text = analyze(str(here / "proxy.pcap"), "--log", f"nginx={here / 'nginx-error.log'}")
    told = " ".join(text.split())
    assert "its clock is 5:30 h ahead of the capture's, a time zone, \u00b1" in told


def test_markdown_and_json_lines_tell_it() -> None:
    text = analyze(CAPTURE, *real(), "--format", "markdown")
    assert "- Log: envoy" in text
    assert "log      envoy envoy.log:6  503 UC connection_termination  agrees" in text
    *rows, last = map(json.loads, analyze(CAPTURE, *real(), "--format", "jsonl").splitlines())
    assert last["logs"]["files"][0]["tied"] == 3
    assert any(row["connection"]["log_lines"] for row in rows if row["type"] == "connection")


def test_without_a_log_nothing_is_said_of_logs() -> None:
    report = json.loads(analyze(CAPTURE, "--format", "json"))
    assert report["logs"] is None
    assert all("log_lines" not in one for one in report["connections"])


def tls_client() -> tuple[str, str]:
    """The client's end of a connection that worked, and a moment of it."""
    report = json.loads(analyze(str(TLS / "proxy.pcap"), "--all", "--format", "json"))
    one = next(c for c in report["connections"] if c["leg"] == "downstream" and c["tls"])
    return f"{one['initiator']['ip']}:{one['initiator']['port']}", one["start"]


def tls_log(folder: Path, target: str = "/pay?card=4111", details: str = "x") -> list[str]:
    from datetime import UTC, datetime

    client, start = tls_client()
    when = datetime.fromtimestamp(float(start), UTC).isoformat(timespec="milliseconds")
    log = folder / "access.log"
    line = f'[{when.replace("+00:00", "Z")}] {client} "GET {target}" 503 UF 2 {details}\n'
    log.write_text(line, encoding="utf-8")
    return ["--log", f"envoy:{FORMAT}={log}"]


def test_what_failed_inside_of_tls_is_told_by_the_log_alone(tmp_path: Path) -> None:
    text = " ".join(analyze(str(TLS / "proxy.pcap"), *tls_log(tmp_path)).split())
    assert re.search(r"LOGGED \S+ -> .{1,60}: nothing failed on the wire LOG envoy", text)
    assert "only the log tells this" in text
    assert "nothing failed: " in text


def test_the_connections_of_no_line_stay_unlisted(tmp_path: Path) -> None:
    capture = str(TLS / "proxy.pcap")
    plain = json.loads(analyze(capture, "--format", "json"))
    logged = json.loads(analyze(capture, *tls_log(tmp_path), "--format", "json"))
    assert len(logged["connections"]) == len(plain["connections"]) + 1
    assert logged["summary"] == plain["summary"]


HOSTILE = "/a?token=s3cr3t&x=<script>alert(1)</script>\x1b[31m"


@pytest.mark.parametrize("form", ["text", "markdown", "json", "jsonl"])
def test_what_a_log_holds_does_no_harm(form: str, tmp_path: Path) -> None:
    log = tls_log(tmp_path, HOSTILE, "boom|`rm`\x1b]0;x\x07=cmd")
    text = analyze(str(TLS / "proxy.pcap"), *log, "--format", form)
    assert "\x1b" not in text
    assert "s3cr3t" not in text


def test_the_page_shows_it_as_text(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    log = tls_log(tmp_path, HOSTILE, "<img/src=x/onerror=alert(1)>")
    analyze(str(TLS / "proxy.pcap"), *log, "--html", str(page))
    html = page.read_text(encoding="utf-8")
    assert "Logged as failed, nothing failed on the wire" in html
    assert "<img" not in html
    assert "s3cr3t" not in html
    assert "\x1b" not in html
