"""The second reading: every packet of the connections asked for, and bounds on what is kept."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from pcapdiag.capture import Capture
from pcapdiag.flow import traces
from pcapdiag.flow.traces import Traces
from pcapdiag.flow.tracker import Tracker
from tests.captures import FIXTURES
from tests.flow.wire import End, Link, Wire, tell


def read_traces(paths: Sequence[Path], streams: set[int], point: int = 0) -> Traces:
    """Read a capture with some of its streams watched."""

    found = Traces(point)
    capture = Capture.open(paths)
    tracker = Tracker(id, False, 12345)
    tracker.watch(streams, found.add)
    for batch in capture.batches():
        if batch is not None:
            link_types = array("q", [one.link_type for one in capture.interfaces])
            tracker.process(batch, link_types, array("q", [one.file for one in capture.interfaces]))
    tracker.close()
    return found


def scene() -> Wire:
    """Two connections of which the second is the longer."""
    wire = Wire()
    for port, count in ((40000, 3), (40001, 90)):
        link = Link(wire, End("10.0.0.1", port, 0x1000, b"\2\0\0\0\0\1"))
        link.handshake(port - 40000, mss=1400)
        for n in range(count):
            link.c(20 + n, "PA", 1 + 10 * n, 1, b"x" * 10)
    return wire


def test_every_packet_of_the_streams_asked_for(tmp_path: Path) -> None:
    wire = scene()
    found = read_traces([wire.save(tmp_path / "a.pcap")], {1}, point=2)
    assert list(found) == [1]
    assert 0 not in found
    assert found.get(0) is None
    trace = found.get(1)
    assert trace is not None
    assert (trace.point, trace.stream, trace.cut, found.cut) == (2, 1, 0, 0)
    assert [p.frame for p in trace.packets] == list(range(7, 100))
    assert (trace.initiator, trace.responder) == (("10.0.0.1", 40001), ("10.0.0.2", 443))
    assert (trace.mss_initiator, trace.mss_responder) == (1400, 1400)


def test_a_packet_is_the_same_as_in_the_story(tmp_path: Path) -> None:
    wire = scene()
    story = tell(wire).stories[0]
    trace = read_traces([wire.save(tmp_path / "a.pcap")], {0}).get(0)
    assert trace is not None
    assert trace.packets == story.packets


def test_first_and_last_are_kept_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "FIRST_TRACED", 10)
    monkeypatch.setattr(traces, "LAST_TRACED", 7)
    found = read_traces([scene().save(tmp_path / "a.pcap")], {1})
    trace = found.get(1)
    assert trace is not None
    assert [p.frame for p in trace.packets] == [*range(7, 17), *range(93, 100)]
    assert trace.cut == found.cut == 93 - 17


def test_all_together_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_TRACED", 20)
    found = read_traces([scene().save(tmp_path / "a.pcap")], {0, 1})
    kept = [trace.packets for stream in found if (trace := found.get(stream))]
    assert sum(map(len, kept)) == 20
    assert found.cut == 99 - 20


@pytest.mark.parametrize("name", ["icmp.unreachable-in-mid-use", "healthy-behind-dnat"])
def test_icmp_errors_stand_with_their_connection(name: str) -> None:
    found = read_traces(sorted((FIXTURES / "pcaps" / name).glob("*.pcap"))[:1], set(range(50)))
    errors = [trace.icmp for stream in found if (trace := found.get(stream))]
    assert any(errors) == name.startswith("icmp.")
