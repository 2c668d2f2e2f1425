"""Connections written as ladder diagrams: ``C`` is the initiator, ``S`` the responder.

    play(C("SYN"), S("SYN,ACK"), C("ACK"), C("PSH,ACK", GET), S("RST,ACK", after=3))

``after`` is milliseconds since the line before. Sequence numbers follow by themselves; ``lost`` is a
packet that was captured and never reached the other end; ``again`` repeats the sender's last one;
``sack`` says that the other end's last segment came, though not in order. The story is made here
without the tracker, so a test of a verdict does not rest on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict, Unpack

import msgspec
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.context import Context, EndpointFacts, SpokenFor, TlsServerFacts
from pcapdiag.model.packet import (
    ACK,
    FIN,
    KEEP_ALIVE,
    PSH,
    RETRANSMISSION,
    RST,
    SYN,
    WINDOW_PROBE,
    ZERO_WINDOW,
    PacketFact,
    seq_after,
)
from pcapdiag.model.story import Half, IcmpFact, Story, Turn

MS = 1_000_000
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
BITS = {"SYN": SYN, "FIN": FIN, "RST": RST, "PSH": PSH, "ACK": ACK}
CLIENT, SERVER = ("10.0.1.5", 40000), ("10.0.2.7", 8443)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello"


class Line(msgspec.Struct):
    """One packet of the ladder, or an ICMP error."""

    who: str
    flags: str
    data: bytes = b""
    after: float = 0.2
    again: bool = False
    lost: bool = False
    probe: bool = False
    win: int | None = None
    seq: int | None = None
    ack: int | None = None
    ttl: int = 64
    options: int = 12
    ip_id: int | None = None
    sack: bool = False
    multipath: bool = False
    icmp: tuple[int, int, int, str, int] | None = None


class More(TypedDict, total=False):
    """Fields of a line that are rarely given."""

    again: bool
    lost: bool
    probe: bool
    win: int | None
    seq: int | None
    ack: int | None
    ttl: int
    options: int
    ip_id: int | None
    sack: bool
    multipath: bool


class Known(TypedDict, total=False):
    """What a capture knows of the endpoint: fields of ``EndpointFacts``."""

    established: int
    unanswered: int
    turns: int
    longest_answer: int
    speaks_first: int
    first_bytes: dict[bytes, int]
    first_accepted: dict[bytes, int]
    closed_idle: dict[int, int]
    longest_idle: int
    spoken_for: SpokenFor | None
    tls: TlsServerFacts | None


def C(  # noqa: N802
    flags: str, data: bytes = b"", after: float = 0.2, **more: Unpack[More]
) -> Line:
    """Return a packet of the initiator."""
    return Line("C", flags, data, after, **more)


def S(  # noqa: N802
    flags: str, data: bytes = b"", after: float = 0.2, **more: Unpack[More]
) -> Line:
    """Return a packet of the responder."""
    return Line("S", flags, data, after, **more)


def icmp(
    kind: int, code: int, source: str, after: float = 0.2, version: int = 4, mtu: int = 0
) -> Line:
    """Return an ICMP error about the initiator's last packet."""
    return Line("I", "", after=after, icmp=(version, kind, code, source, mtu))


HANDSHAKE = (C("SYN"), S("SYN,ACK", after=0.3), C("ACK", after=0.1))
EXCHANGE = (C("PSH,ACK", GET), S("ACK"), S("PSH,ACK", OK, after=2), C("ACK", after=0.1))


@dataclass
class End:
    """One end's state while the ladder is read."""

    half: Half
    next: int
    got: int = 0
    last: PacketFact | None = None
    ip_id: int = 100


@dataclass
class Stage:
    """The ladder read so far."""

    ends: dict[bool, End]
    packets: list[PacketFact] = field(default_factory=list)
    errors: list[IcmpFact] = field(default_factory=list)
    turn: Turn = field(default_factory=Turn)
    greeting: int = 0
    speaker: bool | None = None
    hellos: dict[bool, bytes] = field(default_factory=lambda: {True: b"", False: b""})


def play(*lines: Line, **changes: object) -> Story:
    """Return the story of a ladder; ``changes`` replace fields of the story."""
    stage = Stage(
        {True: End(Half(*CLIENT), 1_000_000), False: End(Half(*SERVER), 4_294_967_200)},
    )
    time = START
    for frame, line in enumerate(lines, 1):
        time += int(line.after * MS) if frame > 1 else 0
        if line.icmp:
            _add_icmp(stage, line, frame, time)
        else:
            _add_packet(stage, line, frame, time)
    return replace(_story(stage), **changes)


def _add_icmp(stage: Stage, line: Line, frame: int, time: int) -> None:
    assert line.icmp
    version, kind, code, source, mtu = line.icmp
    quoted = next(p for p in reversed(stage.packets) if p.from_initiator)
    stage.errors.append(
        IcmpFact(frame, time, source, version, kind, code, mtu, True, quoted.seq, quoted.length, 60)
    )


def _add_packet(stage: Stage, line: Line, frame: int, time: int) -> None:
    initiator = line.who == "C"
    me, peer = stage.ends[initiator], stage.ends[not initiator]
    packet = _packet(me, peer.got, line, initiator, frame, time)
    if line.sack and peer.last:
        packet = replace(packet, sack=(peer.last.seq, peer.last.end_seq))
    if line.again:
        assert me.last
        packet = replace(
            packet,
            seq=me.last.seq,
            length=me.last.length,
            flags=me.last.flags,
            ack=me.got if me.last.has_ack else 0,
            marks=packet.marks | RETRANSMISSION,
        )
    elif packet.length and not line.probe:
        _speak(stage, packet, line.data)
    if not line.probe and not packet.is_rst and packet.end_seq != packet.seq:
        me.last = packet
    if packet.is_syn and not line.again:
        me.half.isn = packet.seq
    if packet.is_syn_ack:
        me.half.isn = packet.seq
    if not packet.is_rst and not line.probe and seq_after(packet.end_seq, me.next):
        me.next = packet.end_seq
    if not line.lost and not packet.is_rst and not line.probe:
        fits = packet.seq == peer.got or packet.flags & SYN or not peer.got
        peer.got = packet.end_seq if fits else peer.got
    _count(me, peer, packet, stage)
    stage.packets.append(packet)


def _packet(me: End, acked: int, line: Line, initiator: bool, frame: int, time: int) -> PacketFact:
    flags = 0
    for name in line.flags.split(","):
        flags |= BITS[name]
    bare = bool(flags & RST) and not flags & ACK
    seq = acked if bare else me.next - (1 if line.probe else 0)
    window = line.win if line.win is not None else (0 if flags & RST else 500)
    marks = KEEP_ALIVE if line.probe else 0
    if window == 0 and not flags & RST:
        marks |= ZERO_WINDOW
    if line.probe and line.data:
        marks = WINDOW_PROBE
    me.ip_id += 1
    return PacketFact(
        frame=frame,
        time=time,
        from_initiator=initiator,
        flags=flags,
        seq=(seq if line.seq is None else line.seq) & 0xFFFFFFFF,
        ack=(me.got if line.ack is None else line.ack) if flags & ACK else 0,
        length=len(line.data),
        window=window,
        ttl=line.ttl,
        tos=0,
        ip_id=(0 if bare else me.ip_id) if line.ip_id is None else line.ip_id,
        df=True,
        flow_label=0,
        tsval=None,
        tsecr=None,
        option_bytes=0 if bare else line.options,
        sack=None,
        mac=0,
        interface=0,
        direction=-1,
        marks=marks,
        multipath=line.multipath,
    )


def _count(me: End, peer: End, packet: PacketFact, stage: Stage) -> None:
    half = me.half
    half.packets += 1
    half.first_frame = half.first_frame or packet.frame
    half.first_time = half.first_time or packet.time
    half.last_frame, half.last_time = packet.frame, packet.time
    half.next_seq = me.next & 0xFFFFFFFF
    half.retransmissions += bool(packet.marks & RETRANSMISSION)
    half.keep_alives += bool(packet.marks & KEEP_ALIVE)
    half.window_probes += bool(packet.marks & WINDOW_PROBE)
    half.zero_windows += bool(packet.marks & ZERO_WINDOW)
    half.payload_bytes += 0 if packet.marks & (KEEP_ALIVE | WINDOW_PROBE) else packet.length
    half.rst_count += packet.is_rst
    half.max_segment = max(half.max_segment, packet.length)
    if not packet.is_rst:
        half.ttls[packet.ttl] = half.ttls.get(packet.ttl, 0) + 1
    if packet.is_fin and not half.fin_frame:
        half.fin_frame, half.fin_time = packet.frame, packet.time
        half.fin_seq, half.fin_ack = (packet.seq + packet.length) & 0xFFFFFFFF, packet.ack
    if packet.has_ack and not packet.is_rst:
        _acknowledge(peer.half, packet, stage.turn)


def _acknowledge(half: Half, packet: PacketFact, turn: Turn) -> None:
    if half.acked is None or seq_after(packet.ack, half.acked):
        half.acked = packet.ack
    if not half.last_data_frame:
        return
    end = (half.last_data_seq + half.last_data_length) & 0xFFFFFFFF
    reached = not seq_after(end, packet.ack)
    if not packet.from_initiator and reached and not turn.request_acked and turn.index:
        turn.request_acked, turn.request_acked_time = True, packet.time
    if packet.from_initiator and turn.response_bytes:
        turn.response_acked = reached


def _speak(stage: Stage, packet: PacketFact, data: bytes) -> None:
    initiator = packet.from_initiator
    half = stage.ends[initiator].half
    half.last_data_seq, half.last_data_length = packet.seq, packet.length
    half.last_data_frame, half.last_data_time = packet.frame, packet.time
    half.first_data_frame = half.first_data_frame or packet.frame
    half.first_data_time = half.first_data_time or packet.time
    half.data_segments += 1
    stage.hellos[initiator] += data
    if initiator:
        _ask(stage, packet, data)
    elif stage.turn.index == 0:
        stage.greeting += len(data)
    else:
        _answer(stage.turn, packet, data)
    stage.speaker = initiator


def _ask(stage: Stage, packet: PacketFact, data: bytes) -> None:
    if stage.speaker is not True:
        awake = [p.time for p in stage.packets if not p.marks & KEEP_ALIVE]
        stage.turn = Turn(
            index=stage.turn.index + 1,
            gap=packet.time - max(awake, default=packet.time),
            request_frame=packet.frame,
            request_time=packet.time,
        )
    turn = stage.turn
    turn.request_last_frame, turn.request_last_time = packet.frame, packet.time
    turn.request_bytes += len(data)
    turn.request_head += data
    turn.request_acked, turn.request_acked_time = False, 0


def _answer(turn: Turn, packet: PacketFact, data: bytes) -> None:
    turn.response_frame = turn.response_frame or packet.frame
    turn.response_time = turn.response_time or packet.time
    turn.response_last_frame, turn.response_last_time = packet.frame, packet.time
    turn.response_bytes += len(data)
    turn.response_head += data
    turn.response_tail = (turn.response_tail + data)[-16:]
    turn.response_acked = False


def _story(stage: Stage) -> Story:
    packets = stage.packets
    syns = [p for p in packets if p.is_syn]
    syn_acks = [p for p in packets if p.is_syn_ack]
    acks = [p for p in packets if p.from_initiator and p.has_ack and not p.is_rst]
    done = bool(syns and syn_acks and acks)
    times = [p.time for p in packets] + [e.time for e in stage.errors]
    first_answer = syn_acks[0].time if syn_acks else 0
    return Story(
        stream=0,
        initiator=stage.ends[True].half,
        responder=stage.ends[False].half,
        first_frame=1,
        start=min(times),
        end=max(times),
        state="OTH",
        initiator_inferred=False,
        midstream=not syns and not syn_acks,
        handshake_done=done,
        handshake_rtt=acks[0].time - syns[-1].time if done else None,
        rtt_to_responder=first_answer - syns[0].time if syns and syn_acks else None,
        rtt_to_initiator=acks[0].time - first_answer if done else None,
        min_rtt_to_responder=None,
        min_rtt_to_initiator=None,
        syn_count=len(syns),
        syn_ack_count=len(syn_acks),
        syn_frames=tuple(p.frame for p in syns),
        syn_times=tuple(p.time for p in syns),
        syn_ack_frames=tuple(p.frame for p in syn_acks),
        syn_ack_times=tuple(p.time for p in syn_acks),
        established_time=acks[0].time if done else 0,
        packets=tuple(packets),
        packets_left_out=0,
        resets=tuple(p for p in packets if p.is_rst),
        turn=stage.turn,
        greeting_bytes=stage.greeting,
        hello_initiator=stage.hellos[True],
        hello_responder=stage.hellos[False],
        icmp=tuple(stage.errors),
        interfaces=(0,),
        vlans=(),
        vnis=(),
        ip_version=4,
        evicted=False,
        capture_ended=True,
        early_resets=_early_resets(packets, acks) if done else 0,
    )


def _early_resets(packets: list[PacketFact], acks: list[PacketFact]) -> int:
    return sum(p.is_rst for p in packets[: packets.index(acks[0])])


def around(story: Story, left: float = 10.0, **facts: Unpack[Known]) -> Context:
    """Return a capture that goes on for ``left`` seconds; ``facts`` are those of the endpoint."""
    endpoint = EndpointFacts(*SERVER, connections=1)
    for name, value in facts.items():
        setattr(endpoint, name, value)
    last = story.end + int(left * SECOND)
    return Context(START, last, endpoints={SERVER: endpoint}, final=True)


def judged(*lines: Line, left: float = 10.0, **facts: Unpack[Known]) -> Judgement:
    """Return the verdict on a ladder in a capture that goes on for ``left`` seconds."""
    story = play(*lines)
    return judge(story, around(story, left, **facts))


def sides(judgement: Judgement) -> dict[str, float]:
    """Return who may have done it, by the kind's own logic."""
    return {hint.side: hint.probability for hint in judgement.candidates}


def again(line: Line, *pauses: float, lost: bool = True) -> tuple[Line, ...]:
    """Return repeats of an end's last packet, ``pauses`` milliseconds apart."""
    return tuple(replace(line, after=pause, again=True, lost=lost) for pause in pauses)
