"""One connection drawn by itself: all of its packets, at every point, and the same verdict."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pcapdiag import pipeline
from pcapdiag.errors import UsageError
from pcapdiag.flow import sieve
from pcapdiag.model.options import AnalyzeOptions, CapturePoint, EndPattern
from pcapdiag.model.report import Connection, Report, SegmentSeries
from tests.captures import FIXTURES
from tests.flow.wire import Wire
from tests.incident.test_series import drawn

PCAPS = FIXTURES / "pcaps"
LONG = PCAPS / "tcp.idle_reset-points-clock-drift"
REFUSED = PCAPS / "http.local_reply-points-envoy-refused"
MIXED = PCAPS / "healthy-refused-once-among-many" / "client.pcap"


def points(folder: Path, *labels: str) -> list[CapturePoint]:
    return [CapturePoint(label, (str(folder / f"{label}.pcap"),)) for label in labels]


def without_series(connection: Connection) -> object:
    plain = msgspec.to_builtins(connection)
    plain.pop("series", None)
    for seen in plain["seen_at"]:
        seen.pop("series", None)
    return plain


def the_one(report: Report) -> Connection:
    (connection,) = report.connections
    return connection


def test_every_packet_of_a_failed_connection_and_its_own_verdict() -> None:
    capture = LONG / "upstream.pcap"
    report = pipeline.analyze([capture], AnalyzeOptions())
    picture = pipeline.picture([capture], 0, AnalyzeOptions())
    assert without_series(the_one(picture)) == without_series(report.connections[0])
    packets = the_one(picture).packets
    assert len(drawn(the_one(picture)).segments) == packets.initiator + packets.responder == 185
    assert drawn(the_one(picture)).left_out == drawn(the_one(picture)).thinned == 0


def test_a_healthy_one_too_in_full_and_the_rest_of_the_report_is_of_the_whole_capture() -> None:
    report = pipeline.analyze([MIXED], AnalyzeOptions(all_connections=True))
    for listed in report.connections:
        filtered = AnalyzeOptions(hosts=(EndPattern.parse("192.0.2.1"),))
        picture = pipeline.picture([MIXED], listed.stream, filtered)
        assert picture.summary == report.summary
        assert picture.findings == report.findings
        assert the_one(picture).verdict.code == listed.verdict.code
        assert the_one(picture).timeline
        assert drawn(the_one(picture)).segments


def test_beyond_the_limit_an_even_choice_with_the_first_and_last_packets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sieve, "MAX_DRAWN", 40)
    series = drawn(the_one(pipeline.picture([LONG / "upstream.pcap"], 0, AnalyzeOptions())))
    whole = drawn(
        the_one(pipeline.analyze([LONG / "upstream.pcap"], AnalyzeOptions(pictures=True)))
    )
    assert series.thinned == 185 - len(series.segments) > 0
    kept = {one.frame: one for one in series.segments}
    for segment in whole.segments:
        assert kept[segment.frame] == segment
    assert set(kept) - {one.frame for one in whole.segments}


@pytest.mark.parametrize("stream", [999, -1])
def test_a_stream_that_is_not_there(stream: int) -> None:
    with pytest.raises(UsageError, match=f"there is no stream {stream}: streams count from 0"):
        pipeline.picture([MIXED], stream, AnalyzeOptions())


def test_a_capture_without_tcp_says_so(tmp_path: Path) -> None:
    capture = Wire().save(tmp_path / "empty.pcap")
    with pytest.raises(UsageError, match="no stream 0: the capture has no TCP connection"):
        pipeline.picture([capture], 0, AnalyzeOptions())


def test_at_several_points_each_one_s_packets() -> None:
    picture = pipeline.picture_points(points(LONG, "client", "upstream"), 0, AnalyzeOptions())
    connection = the_one(picture)
    other = connection.seen_at[1].series
    assert isinstance(other, SegmentSeries)
    assert len(drawn(connection).segments) == len(other.segments) == 185


def test_a_stream_of_a_later_point_is_named_with_its_label() -> None:
    places = points(REFUSED, "client", "proxy", "upstream")
    report = pipeline.correlate(places, AnalyzeOptions())
    connection = the_one(pipeline.picture_points(places, 3, AnalyzeOptions(), "proxy"))
    assert connection.point == "proxy"
    assert without_series(connection) == without_series(list(report.connections)[-1])


def test_points_and_streams_that_are_not_there() -> None:
    places = points(REFUSED, "client", "proxy")
    with pytest.raises(UsageError, match="there is no stream 99 at client: streams count from 0"):
        pipeline.picture_points(places, 99, AnalyzeOptions())
    with pytest.raises(UsageError, match=r"there is no point '.*x1b': one of client, proxy"):
        pipeline.picture_points(places, 0, AnalyzeOptions(), "x\x1b")
