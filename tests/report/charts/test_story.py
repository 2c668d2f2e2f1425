"""A timeline as the rows of a ladder: pauses, what decides, how far each packet came."""

from __future__ import annotations

import pytest

from pcapdiag.model.report import Candidate, TimelineEntry
from pcapdiag.report.charts.story import Packet, Quiet, rows
from tests.report.charts.made import cut_off, entry
from tests.report.fabricate import refused

pytestmark = pytest.mark.once


def by_frame(timeline: list[TimelineEntry], side: str, decisive: list[int]) -> dict[int, Packet]:
    made = refused()
    made.timeline, made.resets = timeline, []
    made.verdict.frames = decisive
    made.verdict.attribution.side = side  # type: ignore[assignment]
    made.verdict.code = "tcp.data_timeout"
    return {row.frame: row for row in rows(made, "initiator") if isinstance(row, Packet)}


def test_a_forged_reset_is_the_path_s_after_a_pause() -> None:
    found = rows(cut_off(), "initiator")
    *_, pause, reset = found
    assert pause == Quiet("1 min 40 s of quiet")
    assert isinstance(reset, Packet)
    assert reset.forged
    assert reset.verdict
    assert reset.is_reset
    assert reset.detail == "seq 5001, window 0, TTL 63"
    assert [row.frame for row in found if isinstance(row, Packet) and row.decisive] == [14, 30]


def test_left_out_packets_are_words() -> None:
    made = refused()
    made.timeline = [
        entry(0, 1, "initiator", "SYN"),
        entry(0.1, 9, "responder", "1,200 packets between not kept"),
        entry(0.2, 9, "responder", "5 bytes"),
        entry(0.3, 10, "responder", "12 more lines left out"),
    ]
    found = [row.text for row in rows(made, "initiator") if isinstance(row, Quiet)]
    assert found == ["1,200 packets between are not listed", "12 lines between are not listed"]


REPEATED = [
    entry(0, 1, "initiator", "SYN", "seq 0"),
    entry(0.01, 2, "responder", "SYN,ACK", "seq 0, ack 1"),
    entry(0.02, 3, "initiator", "GET /a", "40 bytes, seq 1, ack 1"),
    entry(0.2, 4, "initiator", "40 bytes", "seq 1, ack 1, sent again"),
    entry(0.9, 5, "initiator", "RST,ACK", "seq 41, ack 1, window 0, TTL 64"),
]


@pytest.mark.parametrize(("side", "fate"), [("path", "lost"), ("unknown", "unknown")])
def test_data_that_is_never_acknowledged_ends_on_the_way(side: str, fate: str) -> None:
    found = by_frame(REPEATED, side, [3, 5])
    assert {frame: row.fate for frame, row in found.items()} == {
        1: "arrived", 2: "arrived", 3: fate, 4: fate, 5: "arrived",
    }  # fmt: skip
    assert found[4].again


def test_what_the_other_end_did_came_through() -> None:
    assert all(row.fate == "arrived" for row in by_frame(REPEATED, "responder", [3]).values())
    assert all(row.fate == "arrived" for row in by_frame(REPEATED, "path", [2, 3]).values())


def test_a_device_s_icmp_error_answers_the_packet_before_it() -> None:
    timeline = [*REPEATED[:3], entry(0.021, 9, "path", "ICMP host unreachable", "from 10.9.9.9")]
    found = by_frame(timeline, "path", [1, 9])
    assert [row.fate for row in found.values()] == ["arrived", "arrived", "stopped", "arrived"]


def test_the_verdict_stands_at_an_alert_and_not_at_the_close_after_it() -> None:
    from pcapdiag.model.report_tls import Tls, TlsAlert

    made = refused()
    made.timeline = [entry(0.1 * n, n, "responder", "x") for n in (1, 2, 3)]
    made.verdict.frames = [1, 2, 3]
    made.tls = Tls(
        alerts=[TlsAlert(frame=2, time="1", from_="responder", level="fatal", code=40, name="x")]
    )
    assert [row.frame for row in rows(made, "") if isinstance(row, Packet) and row.verdict] == [2]


def test_nothing_is_decisive_where_nothing_failed() -> None:
    made = refused()
    made.verdict.failed = False
    made.verdict.attribution.candidates = [
        Candidate(side="path", party="middlebox", confidence=0.4)
    ]
    assert not any(row.decisive for row in rows(made, "initiator") if isinstance(row, Packet))
