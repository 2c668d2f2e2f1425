"""What an annotated capture says on which frame, and of the whole."""

from __future__ import annotations

from unittest import mock

import msgspec
import pytest

from pcapdiag.model.report import Cause, FileError, UnreadableFile
from pcapdiag.report.annotate import table
from pcapdiag.report.annotate.frames import comment_frames
from pcapdiag.report.annotate.section import section_text
from tests.report.fabricate import finding, healthy, refused, replied, report, summary_of

pytestmark = pytest.mark.once


def test_the_decisive_frame_has_the_whole_verdict() -> None:
    texts = comment_frames(report([refused(), healthy()])).by_frame
    assert texts[292] == [
        "pcapdiag: FAILED tcp.connection_refused 0.99: 10.0.1.5 could not connect to 10.0.2.7:8443: "
        "refused (stream 17)",
        "pcapdiag: WHO the upstream 10.0.2.7 (the host, its own firewall, or its sidecar) 0.93",
        "pcapdiag: FOR RST has TTL 63 like 60 other packets of 10.0.2.7 (#122)",
        "pcapdiag: AGAINST a REJECT rule on 10.0.2.7 looks the same on the wire",
        "pcapdiag: FIX Is the service on 10.0.2.7 running, and does it listen on port 8443?",
    ]


def test_other_frames_say_what_they_are_for_it() -> None:
    texts = comment_frames(report([refused(), healthy()])).by_frame
    assert texts[291] == [
        "pcapdiag: LEADS TO tcp.connection_refused: 10.0.1.5 could not connect to 10.0.2.7:8443: "
        "refused (see frame 292, stream 17)"
    ]
    assert texts[122] == [
        "pcapdiag: FOR upstream: RST has TTL 63 like 60 other packets of 10.0.2.7 "
        "(see frame 292, stream 17)"
    ]
    assert sorted(texts) == [122, 291, 292]


def test_who_cannot_be_told() -> None:
    connection = refused()
    connection.verdict.attribution.side = "unknown"
    texts = comment_frames(report([connection])).by_frame
    assert "pcapdiag: WHO this capture cannot tell who" in texts[292]
    sign = "pcapdiag: SIGN upstream: RST has TTL 63 like 60 other packets of 10.0.2.7 (#122)"
    assert sign in texts[292]
    assert any(text.startswith("pcapdiag: SIGN not upstream: ") for text in texts[292])
    assert texts[122][0].startswith("pcapdiag: SIGN upstream: RST has TTL 63")


def test_cause_and_effect_name_each_other() -> None:
    effect, cause = replied(3), refused(17)
    effect.causes = [
        Cause(stream=17, frame=292, code="tcp.connection_refused", endpoint="10.0.2.7:8443")
    ]
    effect.other_failures = []
    texts = comment_frames(report([effect, cause])).by_frame
    assert (
        "pcapdiag: CAUSE tcp.connection_refused at 10.0.2.7:8443 on the other leg "
        "(see frame 292, stream 17)"
    ) in texts[152]
    assert texts[292][-1] == (
        "pcapdiag: CAUSES http.local_reply: Envoy answered in the upstream's place: "
        "GET /pay?token=*** -> 503 (see frame 152, stream 3)"
    )
    assert not any("FIX" in text for text in texts[152]), "what helps is said at the cause"
    assert any("FIX" in text for text in texts[292])


def test_further_failures_of_a_connection_have_their_frames() -> None:
    connection = replied(3)
    connection.other_failures[0].frames = [500, 501]
    texts = comment_frames(report([connection])).by_frame
    assert texts[501][0].endswith("-> 503, and 3 more like it (stream 3)")
    assert texts[500][0].endswith("(see frame 501, stream 3)")


def test_findings_are_on_their_frames_and_on_what_they_explain() -> None:
    found = msgspec.structs.replace(finding(), frames=[7, 9])
    connection = msgspec.structs.replace(refused(), findings=[0])
    texts = comment_frames(report([connection], findings=[found])).by_frame
    assert texts[7] == texts[9]
    assert texts[7][0].startswith(
        "pcapdiag: FINDING endpoint.down: 10.0.2.7:8443 stopped serving: all 9 connections"
    )
    assert "pcapdiag: BECAUSE 10.0.2.7:8443 stopped serving (endpoint.down)" in texts[292]


def test_a_strangers_text_is_harmless() -> None:
    connection = refused()
    connection.verdict.title = "a\nb\x1b[31m\u202e Authorization: Bearer abcdef123456 " + "x" * 5000
    (first, *_) = comment_frames(report([connection])).by_frame[292]
    assert "a\\x0ab\\x1b[31m\\u202e" in first
    assert "abcdef123456" not in first
    assert len(first) < 1_100


def test_decisive_frames_get_room_first() -> None:
    connections = [refused(stream) for stream in range(40)]
    with mock.patch.object(table, "MAX_FRAMES", 40):
        texts = comment_frames(report(connections))
        assert texts.full
        summary = section_text(report(connections), texts, filtered=False)
    assert sorted(texts.by_frame) == [122 + 10 * stream for stream in range(40)]
    assert "No room for comments on all frames that matter" in summary


def test_findings_have_room_however_much_failed() -> None:
    found = msgspec.structs.replace(finding(), frames=[7, 9])
    with mock.patch.object(table, "MAX_FRAMES", 12):
        texts = comment_frames(report([refused(n) for n in range(40)], findings=[found]))
    assert {7, 9} <= set(texts.by_frame)
    assert len(texts.by_frame) == 12


def test_texts_are_bounded() -> None:
    with mock.patch.object(table, "MAX_CHARACTERS", 1000):
        texts = comment_frames(report([refused(stream) for stream in range(40)]))
    assert 1 <= len(texts.by_frame) <= 5


def test_one_frame_takes_only_so_many() -> None:
    same = [refused(stream) for stream in range(100)]
    for connection in same:
        connection.verdict.frames = [9]
    texts = comment_frames(report(same))
    assert len(texts.by_frame[9]) == table.MAX_PER_FRAME
    assert texts.left_out > 100
    assert "comments left out: too many on one frame" in section_text(
        report(same), texts, filtered=False
    )


def test_the_summary_tells_numbers_kinds_and_findings() -> None:
    told = report([refused(), refused(18)], ok=40, findings=[finding()])
    assert section_text(told, comment_frames(told), filtered=False).split("\n") == [
        "pcapdiag: 42 connections: 2 failed, 40 worked (version 0.1.0).",
        "What: tcp.connection_refused 2.",
        "Who: upstream 2.",
        "FAILED 2 connections to 10.0.2.7:8443, at 22:13:21.204Z: 10.0.1.5 could not connect to "
        "10.0.2.7:8443: refused (tcp.connection_refused), who: upstream; tcp.stream in {17, 18}",
        "FAILURE 10.0.2.7:8443 stopped serving (endpoint.down)",
        'Comments on 5 frames; display filter: frame.comment contains "pcapdiag".',
    ]


def test_the_summary_tells_what_is_not_in_the_copy() -> None:
    capture = summary_of("/somewhere/cut.pcap")
    capture.files[0].error = FileError(byte=4321, message="the file ends within a packet")
    capture.unreadable = [UnreadableFile(path="other.pcap", message="no such file")]
    told = report([], ok=1, capture=capture)
    lines = section_text(told, comment_frames(told), filtered=True).split("\n")
    assert lines[1:] == [
        "Not read: other.pcap: no such file.",
        "Copied up to there: cut.pcap is damaged at byte 4,321: the file ends within a packet.",
    ]


def test_the_summary_is_short_however_much_failed() -> None:
    kinds = [refused(stream, port=1 + stream) for stream in range(3000)]
    findings = [finding()] * 300
    told = report(kinds, findings=findings)
    lines = section_text(told, comment_frames(told), filtered=False).split("\n")
    assert len(lines) < 50
    assert "And 280 more lines: pcapdiag analyze tells all." in lines


def test_the_first_frames_of_what_has_many_get_a_comment() -> None:
    many = finding()
    many.frames = list(range(1, 200))
    failed = refused()
    failed.verdict.attribution.evidence[0].frames = list(range(1000, 1100))
    texts = comment_frames(report([failed], findings=[many]))
    assert sum(frame < 200 for frame in texts.by_frame) == 32
    assert sum(frame >= 1000 for frame in texts.by_frame) == 8
