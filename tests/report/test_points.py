"""Several points in the terminal: clocks in words, the ladder, whose frames are meant."""

from __future__ import annotations

import json

import jsonschema
import msgspec
import pytest

from pcapdiag.incident.groups import summarize
from pcapdiag.model.ends import End
from pcapdiag.model.report import Connection, Point, PointPassage, Report, Sighting
from pcapdiag.model.report_points import ClockChange, Fate
from pcapdiag.report.json import render_json
from pcapdiag.report.ladder import ladder
from pcapdiag.report.layout import Page
from pcapdiag.report.points import Places
from pcapdiag.report.text import render_text
from tests.report.fabricate import refused, report, seconds
from tests.report.test_json import SCHEMA

LABELS = ("proxy", "upstream")


def passage(
    event: str,
    frames: tuple[int | None, ...],
    *,
    covers: tuple[bool, ...] = (True, True, True),
    from_: End = "initiator",
    fate: Fate = "both",
    at: float = 0.0,
    decisive: bool = False,
) -> PointPassage:
    return PointPassage(
        from_=from_,
        event=event,
        frames=list(frames),
        times=[None if frame is None else seconds(at) for frame in frames],
        covers=list(covers[: len(frames)]),
        fate=fate,
        decisive=decisive,
    )


def seen() -> Connection:
    connection = refused()
    connection.seen_at = [
        Sighting(point=label, stream=stream, first_frame=1, initiator="a:1", responder="b:2")
        for label, stream in zip(LABELS, (17, 3), strict=True)
    ]
    connection.path_order = list(LABELS)
    connection.passages = [
        passage("SYN", (291, 8)),
        passage("RST,ACK", (292, None), from_="responder", fate="appeared", at=0.001),
    ]
    return connection


def several(connection: Connection | None = None, /, **clock: object) -> Report:
    made = report([connection or seen()])
    made.points = [
        Point(label="proxy", files=["captures/p.pcap"], clock_offset=0.0, clock_error=0.0),
        Point(label="upstream", files=["u1.pcap", "u2.pcap"], **clock),  # type: ignore[arg-type]
    ]
    return made


def text(made: Report, width: int = 100) -> str:
    return "\n".join(render_text(made, Page(width)))


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        ({"clock_offset": -37.251, "clock_error": 0.0002},
         "its clock is 37.251 s ahead of proxy's, \u00b1 200 us"),
        ({"clock_offset": 1.25, "clock_error": 0.0031},
         "its clock is 1.250 s behind proxy's, \u00b1 3.1 ms"),
        ({"clock_offset": 0.0001, "clock_error": 0.0031}, "its clock agrees with proxy's, \u00b1"),
        ({"clock_offset": 1.0, "clock_error": 1e-5, "drift": -2e-5}, "it gains 72 ms an hour"),
        ({"clock_offset": 1.0, "clock_error": 1e-5, "drift": 2e-5}, "it loses 72 ms an hour"),
        ({}, "its clock cannot be compared with proxy's"),
    ],
)  # fmt: skip
def test_clocks_in_words(clock: dict[str, float], said: str) -> None:
    assert said in " ".join(text(several(**clock)).split())


def test_a_drift_below_the_bound_is_not_told() -> None:
    assert "gains" not in text(several(clock_offset=1.0, clock_error=0.1, drift=-2e-5))


def test_a_clock_that_was_set() -> None:
    steps = [ClockChange(since=seconds(5), clock_offset=2.0)]
    told = text(several(clock_offset=1.0, clock_error=1e-5, clock_steps=steps))
    assert "it was set 1 time while capturing" in " ".join(told.split())


@pytest.mark.parametrize(
    ("connections", "shared", "said"),
    [
        (0, 0, "0 connections: another interface or filter, or nothing came there"),
        (1, 1, "1 connection, seen elsewhere too"),
        (3, 3, "3 connections, all seen elsewhere too"),
        (3, 2, "3 connections, 2 seen elsewhere too"),
        (3, 0, "3 connections, none seen elsewhere"),
    ],
)
def test_what_a_point_has_in_common(connections: int, shared: int, said: str) -> None:
    made = several()
    made.points[1].connections, made.points[1].shared = connections, shared
    assert said in text(made, 140)


def test_points_take_the_place_of_the_capture() -> None:
    told = text(several())
    assert told.startswith("POINTS  proxy     p.pcap: 0 packets")
    assert "u1.pcap and 1 file more" in told
    assert "CAPTURE" not in told


def test_frames_and_streams_name_their_point() -> None:
    connection = seen()
    connection.verdict.attribution.evidence[0].point = "upstream"
    connection.verdict.explanation += " Look at frame 291."
    told = text(several(connection))
    assert "[proxy #291]" in told
    assert "60 other packets of 10.0.2.7 [upstream #122]" in told
    assert "SEE     proxy: tcp.stream==17   upstream: tcp.stream==3" in told
    assert "(Numbers here are of proxy's capture.)" in " ".join(told.split())


def test_one_capture_reads_as_ever() -> None:
    told = text(report())
    assert "(frame 291)" in told
    assert "SEE     tcp.stream==17" in told
    assert "PATH" not in told


def rows(*passages: PointPassage, room: int = 92, labels: tuple[str, ...] = LABELS) -> list[str]:
    connection = refused()
    connection.passages, connection.path_order = list(passages), list(labels)
    return ladder(connection, labels, room)


def test_arrows_run_from_who_sent_to_who_got() -> None:
    _, syn, answer = rows(
        passage("SYN", (1, 2)), passage("SYN,ACK", (3, 4), from_="responder", at=0.5)
    )
    assert syn.split() == ["+0.000000", "#1", "---", "SYN", f"{'-' * 27}>", "#2"]
    assert answer.split() == ["+0.500000", "#3", "<--", "SYN,ACK", "-" * 24, "#4"]


@pytest.mark.parametrize(
    ("one", "drawn", "legend"),
    [
        (passage("SYN", (1, None), fate="lost"), "-X", "X: sent on, and never seen"),
        (passage("SYN", (1, None), covers=(True, False), fate="unknown"), "-?", "?: that capture"),
        (passage("RST", (1, None), from_="responder", fate="appeared"), "-*", "*: never seen"),
        (passage("RST", (None, 1), fate="appeared"), "*--", "*: never seen"),
        (passage("ACK", (None, 1), from_="responder", fate="lost"), "X--", "X: sent on"),
    ],
)
def test_what_is_missing_is_drawn_and_explained(one: PointPassage, drawn: str, legend: str) -> None:
    lines = rows(passage("x", (5, 6)), one)
    assert drawn in lines[2]
    assert lines[-1].strip().startswith(legend)


@pytest.mark.parametrize("room", [72, 92])
@pytest.mark.parametrize("points", [2, 3, 4])
def test_lanes_fit_beside_the_label(points: int, room: int) -> None:
    labels = ("client", "proxy", "upstream", "fw")[:points]
    lines = rows(
        passage("GET /a/very/long/path", tuple(range(100, 100 + points)), covers=(True,) * 4),
        room=room,
        labels=labels,
    )
    assert len(lines) == 2
    assert max(map(len, lines)) <= room


def test_many_lanes_become_a_table_and_too_many_nothing() -> None:
    labels = tuple("abcdefgh")
    one = passage("SYN", (1, 2, 3, 4, None, 6, 7, 8), covers=(True,) * 8)
    head, row, legend = rows(one, room=72, labels=labels)
    assert head.split() == list(labels)
    assert row.split()[1:] == ["->", "SYN", "#1", "#2", "#3", "#4", "-", "#6", "#7", "#8"]
    assert legend.strip().startswith("-: ")
    assert rows(one, room=40, labels=labels) == []


def test_a_cut_event_is_no_sign() -> None:
    cut = passage("alert no_application_protocol and more words", (1, 2), from_="responder")
    assert len(rows(cut)) == 2


def test_a_name_that_is_cut_off_says_so() -> None:
    (drawn,) = rows(passage("ClientHello SNI=" + "blocked." * 8, (1, 2)))[1:]
    assert "SNI=blocked." in drawn
    assert ".. " in drawn


def test_a_text_says_whose_numbers_it_has() -> None:
    places = Places(("client", "upstream"))
    assert places.with_source("in frame 7", "upstream").endswith("are of upstream's capture.)")
    assert places.with_source("without any", "upstream") == "without any"
    assert Places().with_source("in frame 7", "upstream") == "in frame 7"


def test_a_lane_that_tells_nothing_is_left_out() -> None:
    lines = rows(
        passage("SYN", (None, 1, 2), covers=(False, True, True)),
        labels=("client", "proxy", "upstream"),
    )
    assert lines[0].split() == ["proxy", "upstream"]


def test_long_journeys_keep_what_decides() -> None:
    many = [passage("data", (n, n), at=n / 10) for n in range(1, 60)]
    many[30].decisive, many[30].event = True, "the one"
    lines = rows(*many)
    assert any("the one" in line for line in lines)
    assert sum("..." in line for line in lines) == 2
    assert len(lines) <= 16


def test_hostile_events_and_names_are_made_harmless() -> None:
    connection = seen()
    connection.passages[0].event = "GET /\x1b[31m\npath"
    made = several(connection)
    made.points[0].files = ["evil\x1b]0;x\x07.pcap"]
    told = text(made)
    assert not {"\x1b", "\x07"} & set(told)


def test_json_with_points_is_valid() -> None:
    connection = seen()
    connection.point = connection.resets[0].point = "upstream"
    made = several(connection, clock_offset=1.0, clock_error=0.1, drift=0.0)
    made.summary, made.groups = summarize([connection])
    document = json.loads("".join(render_json(made)))
    jsonschema.validate(document, SCHEMA)
    (shown,) = document["connections"]
    assert set(shown) <= set(SCHEMA["$defs"]["connection"]["properties"])
    assert shown["point"] == document["groups"][0]["point"] == "upstream"
    assert "point" not in json.loads("".join(render_json(report())))["connections"][0]


def test_groups_list_the_streams_of_one_point() -> None:
    one, other, third = refused(1), refused(2), refused(3)
    other.point = "upstream"
    _, (group,) = summarize([one, other, third])
    assert (group.connections, group.streams, group.point) == (3, [1, 3], msgspec.UNSET)
