"""The logs that real proxies wrote beside the captures: every failed line finds its connections."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pcapdiag.model.logs import LogSource
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.model.report import Connection, LogFile, Report
from pcapdiag.model.report_line import Line
from pcapdiag.pipeline import analyze, correlate, follow
from tests.captures import FIXTURES

pytestmark = pytest.mark.once

PCAPS = FIXTURES / "pcaps"
LOGGED = sorted(
    path.parent.name for path in PCAPS.glob("*/truth.json") if '"product": ' in path.read_text()
)
NOT_TIED = {
    ("log-nginx-tls", "nginx-access.log"): 2,
}
"""A request without a route, whose 404 is no failure on the wire, and that no port names; two
requests alike within one second, at two ports that the format does not name."""
NOT_LOGGED = {"http.local_reply-envoy-beside-a-mirror": 1}
"""Failed connections without a line: Envoy logs the client's request, and its copy nowhere."""
assert LOGGED, "no logs beside captures"


@cache
def truth_of(name: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((PCAPS / name / "truth.json").read_text())
    return truth


def sources(name: str, moved: str = "") -> tuple[LogSource, ...]:
    return tuple(
        LogSource(
            product=log["product"],
            path=str(PCAPS / (moved or name) / log["file"]),
            form=log["form"],
        )
        for log in truth_of(moved or name)["logs"]
    )


def capture_of(name: str) -> list[str]:
    return [str(PCAPS / name / file) for file in truth_of(name)["captures"][0]["files"]]


@cache
def report_of(name: str) -> Report:
    return analyze(capture_of(name), AnalyzeOptions(logs=sources(name)))


def files(report: Report) -> list[LogFile]:
    assert report.logs is not None
    return report.logs.files


def lines(connection: Connection) -> list[Any]:
    assert connection.log_lines is not msgspec.UNSET
    return connection.log_lines


@pytest.mark.parametrize("name", LOGGED)
def test_every_failed_line_is_tied(name: str) -> None:
    for log in files(report_of(name)):
        missing = NOT_TIED.get((name, Path(log.path).name), 0)
        assert log.failed == log.tied + missing, log
        assert log.failed


@pytest.mark.parametrize("name", LOGGED)
def test_the_clock_is_what_was_recorded(name: str) -> None:
    for log, told in zip(files(report_of(name)), truth_of(name)["logs"], strict=True):
        if log.clock_offset is not None and log.clock_error is not None:
            # The lab moves times in whole lines; the proxy itself takes some milliseconds.
            assert abs(log.clock_offset - told["offset"]) <= log.clock_error + 0.01


@pytest.mark.parametrize("name", LOGGED)
def test_every_failed_connection_has_its_line_and_agrees(name: str) -> None:
    report = report_of(name)
    assert report.logs is not None
    assert report.logs.disagreeing == 0
    assert report.logs.failures_without_line == 0
    failed = [connection for connection in report.connections if connection.verdict.failed]
    without = [connection.verdict.title for connection in failed if not lines(connection)]
    assert len(without) == NOT_LOGGED.get(name, 0), without


@pytest.mark.parametrize("name", LOGGED)
def test_lines_are_of_the_request_that_the_wire_shows(name: str) -> None:
    """Where both can be read: the same target, and at the client the same status."""
    for connection in report_of(name).connections:
        exchanges = connection.http.exchanges if connection.http else []
        targets = {one.target for one in exchanges if one.target}
        for line in lines(connection):
            if line.target and targets:
                assert line.target in targets
            statuses = {one.status for one in exchanges}
            answered = line.status and line.status != 499 and line.method != "CONNECT"
            if line.leg == "downstream" and answered and exchanges:
                assert line.status in statuses


@pytest.mark.parametrize("name", LOGGED)
def test_verdicts_do_not_rest_on_logs(name: str) -> None:
    plain = analyze(capture_of(name), AnalyzeOptions())
    logged = [one for one in report_of(name).connections if one.verdict.failed]
    assert [_gist(one) for one in logged] == [_gist(one) for one in plain.connections]
    assert report_of(name).summary == plain.summary


def _gist(connection: Connection) -> tuple[object, ...]:
    verdict = connection.verdict
    who = verdict.attribution
    return connection.stream, verdict.code, who.side, who.party, who.confidence, verdict.frames


def test_the_last_try_has_the_words_and_the_others_say_so() -> None:
    calls = [one for one in report_of("log-envoy-retries").connections if one.leg == "upstream"]
    assert [lines(one)[0].agrees for one in calls] == [None, None, True]
    assert "last try" in lines(calls[0])[0].why
    assert "upstream_local" in lines(calls[2])[0].tied_by


def test_what_envoy_logged_stands_beside_what_it_usually_logs() -> None:
    refused = report_of("log-envoy-many").connections[1]
    assert refused.verdict.code == "tcp.connection_refused"
    envoy = refused.verdict.envoy
    assert envoy is not None
    assert envoy.observed is not None
    assert (envoy.observed.flag, envoy.observed.agrees) == ("UF", True)
    assert "delayed_connect_error" in (envoy.observed.details or "")


def test_a_connection_that_worked_is_listed_where_a_failed_line_names_it() -> None:
    """The first try failed, and the client never learned of it."""
    worked = report_of("log-nginx-next-upstream").connections[0]
    assert worked.verdict.code == "ok"
    assert lines(worked)[0].status == 200


@pytest.mark.parametrize("name", ["log-envoy-many", "log-nginx-many", "log-haproxy-many"])
@pytest.mark.parametrize("moved", ["log-envoy-custom", "log-nginx-custom", "log-haproxy-custom"])
def test_another_days_log_is_tied_to_nothing(name: str, moved: str) -> None:
    report = analyze(capture_of(name), AnalyzeOptions(logs=sources(name, moved)))
    for log in files(report):
        assert (log.tied, log.ambiguous) == (0, 0)
        assert log.failed == log.outside + log.without_connection
        assert log.clock_offset is None
    assert all(not lines(one) for one in report.connections)
    assert all(one.verdict.failed for one in report.connections)


def test_a_capture_of_the_other_leg_says_why_no_line_is_tied(tmp_path: Path) -> None:
    (whole,) = files(report_of("log-envoy-connect-timeout"))
    assert whole.tied
    assert not any("other leg" in note for note in whole.notes)
    client = next(iter(report_of("log-envoy-connect-timeout").topology.clients))
    behind = tmp_path / "behind.pcap"
    data = Path(*capture_of("log-envoy-connect-timeout")).read_bytes()
    behind.write_bytes(data[:24] + b"".join(without(data, ip_address(client).packed)))
    options = AnalyzeOptions(logs=sources("log-envoy-connect-timeout"))
    (log,) = files(analyze([str(behind)], options))
    assert (log.failed, log.tied) == (whole.failed, 0)
    assert any("is it of the proxy's other leg?" in note for note in log.notes)
    chosen = msgspec.structs.replace(options, ports=(9,))
    (log,) = files(analyze([str(behind)], chosen))
    assert not any("other leg" in note for note in log.notes)


def without(data: bytes, address: bytes) -> Generator[bytes, None, None]:
    """Yield the packets of a capture that do not name an address."""
    at = 24
    while at < len(data):
        size = int.from_bytes(data[at + 8 : at + 12], "little")
        packet = data[at : at + 16 + size]
        if address not in packet:
            yield packet
        at += 16 + size


def test_a_live_capture_has_its_lines_at_the_end(tmp_path: Path) -> None:
    """Read from a pipe, which ends."""
    name = "log-envoy-many"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = Path(capture_of(name)[0]).read_bytes()
    writer = threading.Thread(target=lambda: pipe.write_bytes(data))
    writer.start()
    report = ended(follow([str(pipe)], AnalyzeOptions(logs=sources(name), follow=True)))
    writer.join()
    assert [log.tied for log in files(report)] == [3]
    assert all(lines(one) for one in report.connections)


def ended(reading: Generator[Line, None, Report]) -> Report:
    while True:
        try:
            next(reading)
        except StopIteration as end:
            report: Report = end.value
            return report


def test_several_points_have_the_lines_once() -> None:
    name = "log-haproxy-clock-behind"
    points = [CapturePoint(label, tuple(capture_of(name))) for label in ("proxy", "again")]
    report = correlate(points, AnalyzeOptions(logs=sources(name)))
    (log,) = files(report)
    assert log.tied == log.failed == 4
    assert log.clock_offset == pytest.approx(7.5, abs=0.01)
    assert all(lines(one) for one in report.connections)
