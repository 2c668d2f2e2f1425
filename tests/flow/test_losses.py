"""Where segments were lost, seen from the capture point, and what only looks like loss."""

from __future__ import annotations

from pcapdiag.flow.fleet import losses_of
from pcapdiag.model.fleet import LossFacts
from tests.flow.wire import START, Link, Wire, tell

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
SIZE = 1_000
DATA = b"x" * SIZE


def losses(wire: Wire) -> dict[str, LossFacts]:
    hosts = tell(wire, want_all=False).tracker.table.hosts.values()
    return {one.address: one for one in map(losses_of, hosts)}


def download(missing: tuple[int, ...] = (), segments: int = 20) -> Link:
    """An answer of which the numbered segments are not in the capture."""
    link = Link(Wire())
    link.handshake(rtt=10)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    for number in range(segments):
        if number not in missing:
            link.s(30 + number, "A", seq(number), 19, DATA)
    return link


def seq(number: int) -> int:
    return 1 + number * SIZE


def finish(link: Link, segments: int = 20) -> Wire:
    end = seq(segments)
    link.c(900, "A", 19, end)
    link.c(901, "FA", 19, end)
    link.s(911, "FA", end, 20)
    link.c(912, "A", 20, end + 1)
    return link.wire


def test_a_hole_that_is_filled_a_round_trip_later_was_lost_before_the_capture() -> None:
    link = download(missing=(5, 8))
    link.s(60, "A", seq(5), 19, DATA)
    link.s(61, "A", seq(8), 19, DATA)
    server = losses(finish(link))[SERVER]
    assert (server.sent, server.sent_lost, server.sent_lossy) == (20, 2, 1)
    assert server.taken_lost == 0
    assert server.seconds == {START // 1_000_000_000: 2}
    assert server.streams == [0]


def test_a_segment_that_is_there_and_repeated_was_lost_behind_the_capture() -> None:
    link = download()
    link.s(60, "A", seq(5), 19, DATA)
    link.s(400, "A", seq(5), 19, DATA)
    found = losses(finish(link))
    client, server = found[CLIENT], found[SERVER]
    assert (client.taken, client.taken_lost, client.taken_lossy) == (20, 1, 1)
    assert (server.sent, server.sent_lost) == (20, 0)


def test_a_segment_that_was_overtaken_was_not_lost() -> None:
    link = download(missing=(5,))
    link.s(37.5, "A", seq(5), 19, DATA)
    found = losses(finish(link))
    assert found[SERVER].sent_lost == found[CLIENT].taken_lost == 0


def test_what_the_receiver_had_already_was_not_lost() -> None:
    link = download()
    link.s(60, "A", seq(19), 19, DATA)
    link.c(61, "A", 19, seq(20), sack=[(seq(19), seq(20))])
    assert losses(finish(link))[CLIENT].taken_lost == 0


def test_what_the_receiver_had_already_behind_a_hole_was_not_lost() -> None:
    """The first SACK block lies within the second one (RFC 2883 section 4)."""
    link = download()
    link.c(59, "A", 19, seq(5), sack=[(seq(6), seq(20))])
    link.s(60, "A", seq(5), 19, DATA)
    link.s(60.1, "A", seq(8), 19, DATA)
    had = (seq(8), seq(9))
    link.c(61, "A", 19, seq(5), sack=[had, (seq(6), seq(20))])
    found = losses(finish(link))
    assert found[CLIENT].taken_lost == 1, "the one that the first block was waiting for"


def test_a_segment_that_came_twice_behind_a_hole_was_only_late() -> None:
    link = download(missing=(5, 8))
    link.s(60, "A", seq(5), 19, DATA)
    link.s(61, "A", seq(8), 19, DATA)
    link.c(62, "A", 19, seq(20))
    link.s(63, "A", seq(5), 19, DATA)
    link.c(64, "A", 19, seq(20), sack=[(seq(5), seq(6))])
    assert losses(finish(link))[SERVER].sent_lost == 1


def test_what_was_acknowledged_before_was_not_lost() -> None:
    link = download()
    link.c(55, "A", 19, seq(20))
    link.s(60, "A", seq(19), 19, DATA)
    assert losses(finish(link))[CLIENT].taken_lost == 0


def test_what_the_capture_missed_was_not_lost() -> None:
    link = download(missing=(5,))
    link.c(55, "A", 19, seq(20))
    server = losses(finish(link))[SERVER]
    assert (server.sent, server.sent_lost) == (0, 0)


def test_a_connection_that_nothing_came_through_on_any_more_says_nothing() -> None:
    link = download()
    link.c(55, "A", 19, seq(10))
    for number in range(10, 20):
        link.s(300 + number, "A", seq(number), 19, DATA)
    assert losses(link.wire)[CLIENT].taken_lost == 0


def test_without_sack_all_behind_a_lost_segment_is_sent_again() -> None:
    link = Link(Wire())
    link.handshake(rtt=10, sack=False)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    for again in (30, 330):
        for number in range(20):
            link.s(again + number, "A", seq(number), 19, DATA)
    assert losses(finish(link))[CLIENT].taken_lost == 0


def test_many_holes_stay_bounded() -> None:
    missing = tuple(range(1, 160, 4))
    link = download(missing, segments=160)
    for number in missing:
        link.s(200 + number, "A", seq(number), 19, DATA)
    server = losses(finish(link, segments=160))[SERVER]
    assert server.sent_lost == 40


def test_offloaded_segments_count_as_those_on_the_wire() -> None:
    link = Link(Wire())
    link.handshake(rtt=10, mss=1000)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    link.s(30, "A", 1, 19, DATA * 20)
    assert losses(finish(link))[CLIENT].taken == 20
