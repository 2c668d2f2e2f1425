"""Timelines: one line per packet that matters, the rest folded."""

from __future__ import annotations

from pcapdiag.incident.timeline import MAX_ENTRIES, timeline
from pcapdiag.model import packet as marks
from pcapdiag.model.packet import ACK, PSH, RST, SYN, PacketFact
from pcapdiag.model.story import Half, IcmpFact, Story, Turn

MS = 1_000_000
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"


def fact(
    frame: int,
    ms: int,
    flags: int,
    *,
    client: bool = True,
    seq: int = 1001,
    ack: int = 5001,
    length: int = 0,
    mark: int = 0,
) -> PacketFact:
    return PacketFact(
        frame, ms * MS, client, flags, seq, ack, length, 502, 64, 0, 1, True, 0, None, None, 0,
        None, 0, 0, -1, mark,
    )  # fmt: skip


def story(packets: list[PacketFact], icmp: tuple[IcmpFact, ...] = (), left_out: int = 0) -> Story:
    return Story(
        stream=0,
        initiator=Half(CLIENT, 40000, isn=1000, base_seq=1000),
        responder=Half(SERVER, 443, isn=5000, base_seq=5000),
        first_frame=1, start=0, end=packets[-1].time if packets else 0, state="OTH",
        initiator_inferred=False, midstream=False, handshake_done=True, handshake_rtt=None,
        rtt_to_responder=None, rtt_to_initiator=None, min_rtt_to_responder=None,
        min_rtt_to_initiator=None, syn_count=1, syn_ack_count=1, syn_frames=(), syn_times=(),
        syn_ack_frames=(), syn_ack_times=(), established_time=0, packets=tuple(packets),
        packets_left_out=left_out, resets=(), turn=Turn(), greeting_bytes=0, hello_initiator=b"",
        hello_responder=b"", icmp=icmp, interfaces=(0,), vlans=(), vnis=(), ip_version=4,
        evicted=False, capture_ended=False,
    )  # fmt: skip


HANDSHAKE = [
    fact(1, 0, SYN, seq=1000, ack=0),
    fact(2, 1, SYN | ACK, client=False, seq=5000, ack=1001),
    fact(3, 2, ACK),
]


def test_each_packet_of_a_refusal_has_its_line_with_relative_numbers() -> None:
    refused = [HANDSHAKE[0], fact(2, 1, RST | ACK, client=False, seq=0, ack=1001)]
    lines = timeline(story(refused))
    assert [(line.frame, line.from_, line.event) for line in lines] == [
        (1, "initiator", "SYN"),
        (2, "responder", "RST,ACK"),
    ]
    assert lines[0].detail == "seq 0"
    assert "ack 1, window 502, TTL 64" in lines[1].detail
    assert lines[1].time == "0.001000000"


def test_bulk_data_and_its_acks_are_one_line() -> None:
    data = [fact(4 + i, 3 + i, ACK, seq=1001 + 1000 * i, length=1000) for i in range(12)]
    acks = fact(16, 20, ACK, client=False, seq=5001, ack=13001)
    lines = timeline(story([*HANDSHAKE, *data, acks]))
    assert len(lines) == 4
    assert lines[3].event == "12 segments, 12,000 bytes"
    assert lines[3].detail == "seq 1 to 12001, acknowledged"


def test_data_of_which_a_part_was_not_acknowledged_is_not_called_acknowledged() -> None:
    data = [fact(4 + i, 3 + i, ACK, seq=1001 + 1000 * i, length=1000) for i in range(2)]
    lines = timeline(story([*data, fact(6, 9, ACK, client=False, seq=5001, ack=2001)]))
    assert len(lines) == 1
    assert "acknowledged" not in lines[0].detail


def test_a_repeat_has_its_own_line_and_the_pause_before_it() -> None:
    first = fact(4, 3, ACK | PSH, length=100)
    again = fact(5, 3203, ACK | PSH, length=100, mark=marks.RETRANSMISSION)
    lines = timeline(story([first, again]))
    assert [line.event for line in lines] == ["100 bytes", "100 bytes"]
    assert lines[1].detail == "after 3.2 s, seq 1, ack 1, sent again"


def test_decisive_frames_are_never_folded() -> None:
    data = [fact(4 + i, 3 + i, ACK, seq=1001 + 10 * i, length=10) for i in range(5)]
    lines = timeline(story(data), decisive=[6])
    assert [line.frame for line in lines] == [4, 6, 7]


def test_icmp_stands_where_it_came_and_names_its_sender() -> None:
    error = IcmpFact(9, 5 * MS, "10.9.9.9", 4, 3, 4, 1400, True, 1001, 1000, 60)
    lines = timeline(story([*HANDSHAKE, fact(10, 9, ACK, length=1000)], (error,)))
    assert [line.frame for line in lines] == [1, 2, 3, 9, 10]
    assert lines[3].from_ == "path"
    assert "largest size 1400" in lines[3].event
    assert "10.9.9.9" in lines[3].detail


def test_a_long_story_is_cut_in_the_middle_and_says_so() -> None:
    packets = [
        fact(1 + i, 10 * i, ACK, client=bool(i % 2), length=10, mark=marks.RETRANSMISSION)
        for i in range(100)
    ]
    lines = timeline(story(packets))
    assert len(lines) == MAX_ENTRIES
    assert lines[16].event == "61 more lines left out"
    assert (lines[0].frame, lines[-1].frame) == (1, 100)


def test_packets_that_the_story_left_out_are_counted() -> None:
    lines = timeline(story([*HANDSHAKE, fact(900, 50, RST)], left_out=500), left_out_after=3)
    assert [line.event for line in lines][3:] == ["500 packets between not kept", "RST"]
