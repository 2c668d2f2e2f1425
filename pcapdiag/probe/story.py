"""From a recording to the :class:`~pcapdiag.model.story.Story` that the analyzer's judge reads.

A program sees no packets, so those of the story are the fewest that explain what it saw: one for
each call, with numbers that follow from the lengths. Nothing about who sent a packet may be taken
from them (no TTL, window or IP ID is known): only the code is judged, never the attribution.
Frames are the numbers of the recording's steps.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.model.application import Application, Piece
from pcapdiag.model.packet import ACK, FIN, PSH, RETRANSMISSION, RST, SYN, PacketFact
from pcapdiag.model.story import Half, IcmpFact, Story, Turn
from pcapdiag.model.units import SECOND
from pcapdiag.probe.recording import Event, Recording
from pcapdiag.protocols.conversation import Conversation
from pcapdiag.protocols.tls.keylog import KeyLog

HELLO = 4_096
"""First bytes of each end that the judge may look at."""
TAIL = 16
_FIRST_WAIT = SECOND
"""A SYN is repeated after 1 s, then after twice as long each time (RFC 6298)."""
_TTL = 64


def story_of(recording: Recording, keys: KeyLog) -> Story:
    """Return the story of a connection."""
    return _Teller(recording).tell(keys)


class _End(msgspec.Struct):
    half: Half
    next: int


class _Teller:
    """Walks through a recording once."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        local = Half(recording.local, recording.local_port, ttls={_TTL: 1})
        remote = Half(recording.remote, recording.remote_port)
        self._ends = {True: _End(local, 1_000_000), False: _End(remote, 2_000_000)}
        self._packets: list[PacketFact] = []
        self._icmp: list[IcmpFact] = []
        self._turn = Turn()
        self._greeting = 0
        self._hellos = {True: b"", False: b""}
        self._asking = False

    def tell(self, keys: KeyLog) -> Story:
        recording = self._recording
        events = recording.before_parting
        last_sent = max((n for n, event in enumerate(events) if event.kind == "sent"), default=-1)
        for number, event in enumerate(events):
            self._add(number + 1, event)
            if event.kind == "sent" and not (number == last_sent and recording.unacked):
                self._packet(number + 1, event.time, False, ACK)
        return self._story(application_of(recording, keys))

    def _add(self, frame: int, event: Event) -> None:
        if event.kind == "icmp" and event.icmp is not None:
            self._add_icmp(frame, event)
        elif event.kind == "syn":
            self._add_syns(frame, event)
        elif event.kind == "syn_ack":
            self._packet(frame, event.time, False, SYN | ACK)
            self._packet(frame, event.time, True, ACK)
        elif event.kind in ("refused", "reset"):
            self._packet(frame, event.time, False, RST | ACK)
        elif event.kind in ("fin_sent", "fin"):
            self._packet(frame, event.time, event.kind == "fin_sent", FIN | ACK)
        else:
            self._add_data(frame, event)

    def _add_syns(self, frame: int, event: Event) -> None:
        wait, at = _FIRST_WAIT, event.time
        for number in range(self._recording.syns):
            self._packet(frame, at, True, SYN, repeated=number > 0)
            at += wait
            wait *= 2

    def _add_data(self, frame: int, event: Event) -> None:
        initiator = event.kind == "sent"
        packet = self._packet(frame, event.time, initiator, PSH | ACK, len(event.data))
        half = self._ends[initiator].half
        half.last_data_seq, half.last_data_length = packet.seq, packet.length
        half.last_data_frame, half.last_data_time = frame, event.time
        half.first_data_frame = half.first_data_frame or frame
        half.first_data_time = half.first_data_time or event.time
        half.data_segments += 1
        half.payload_bytes += packet.length
        half.max_segment = max(half.max_segment, packet.length)
        self._hellos[initiator] = (self._hellos[initiator] + event.data)[:HELLO]
        if initiator:
            self._ask(packet, event.data)
        else:
            self._answer(packet, event.data)
            self._packet(frame, event.time, True, ACK)

    def _ask(self, packet: PacketFact, data: bytes) -> None:
        if not self._asking:
            before = self._packets[-2].time if len(self._packets) > 1 else packet.time
            self._turn = Turn(
                index=self._turn.index + 1,
                gap=packet.time - before,
                request_frame=packet.frame,
                request_time=packet.time,
            )
        self._asking = True
        turn = self._turn
        turn.request_last_frame, turn.request_last_time = packet.frame, packet.time
        turn.request_bytes += len(data)
        turn.request_head = (turn.request_head + data)[:HELLO]
        turn.request_acked, turn.request_acked_time = False, 0

    def _answer(self, packet: PacketFact, data: bytes) -> None:
        turn = self._turn
        self._asking = False
        if not turn.index:
            self._greeting += len(data)
            return
        turn.response_frame = turn.response_frame or packet.frame
        turn.response_time = turn.response_time or packet.time
        turn.response_last_frame, turn.response_last_time = packet.frame, packet.time
        turn.response_bytes += len(data)
        turn.response_head = (turn.response_head + data)[:HELLO]
        turn.response_tail = (turn.response_tail + data)[-TAIL:]
        turn.response_acked = True

    def _packet(
        self,
        frame: int,
        time: int,
        initiator: bool,
        flags: int,
        length: int = 0,
        *,
        repeated: bool = False,
    ) -> PacketFact:
        me, peer = self._ends[initiator], self._ends[not initiator]
        packet = PacketFact(
            frame=frame,
            time=time,
            from_initiator=initiator,
            flags=flags,
            seq=me.next - repeated,
            ack=peer.next if flags & ACK else 0,
            length=length,
            window=0 if flags & RST else 500,
            ttl=_TTL,
            tos=0,
            ip_id=0,
            df=True,
            flow_label=0,
            tsval=None,
            tsecr=None,
            option_bytes=0,
            sack=None,
            mac=0,
            interface=0,
            direction=-1,
            marks=RETRANSMISSION if repeated else 0,
        )
        if not flags & RST:
            me.next = packet.end_seq
        self._packets.append(packet)
        self._count(me, peer, packet)
        return packet

    def _count(self, me: _End, peer: _End, packet: PacketFact) -> None:
        half = me.half
        half.packets += 1
        half.first_frame = half.first_frame or packet.frame
        half.first_time = half.first_time or packet.time
        half.last_frame, half.last_time = packet.frame, packet.time
        half.next_seq = me.next
        half.rst_count += packet.is_rst
        half.retransmissions += bool(packet.marks)
        if packet.flags & SYN and half.isn is None:
            half.isn = half.base_seq = packet.seq
        if packet.is_fin and not half.fin_frame:
            half.fin_frame, half.fin_time = packet.frame, packet.time
            half.fin_seq, half.fin_ack = packet.seq, packet.ack
        if packet.has_ack and not packet.is_rst:
            peer.half.acked = packet.ack
            if not packet.from_initiator and self._turn.index and not self._turn.request_acked:
                self._turn.request_acked, self._turn.request_acked_time = True, packet.time

    def _add_icmp(self, frame: int, event: Event) -> None:
        error = event.icmp
        sent = [packet for packet in self._packets if packet.from_initiator]
        if error is None or not sent:
            return
        self._icmp.append(
            IcmpFact(
                frame=frame,
                time=event.time,
                source=error.source or self._recording.remote,
                version=error.version,
                type=error.type,
                code=error.code,
                mtu=error.mtu,
                from_initiator=True,
                quoted_seq=sent[-1].seq,
                quoted_length=sent[-1].length,
                ttl=_TTL,
            )
        )

    def _story(self, application: Application) -> Story:
        packets = self._packets
        syns = [packet for packet in packets if packet.is_syn]
        syn_acks = [packet for packet in packets if packet.is_syn_ack]
        known = [packet.time for packet in packets] + [error.time for error in self._icmp]
        trip = syn_acks[0].time - syns[-1].time if syn_acks else None
        return Story(
            stream=0,
            initiator=self._ends[True].half,
            responder=self._ends[False].half,
            first_frame=1,
            start=packets[0].time,
            end=max(known) if syn_acks or len(known) > len(syns) else self._recording.ended,
            state="OTH",
            initiator_inferred=False,
            midstream=False,
            handshake_done=bool(syn_acks),
            handshake_rtt=trip,
            rtt_to_responder=trip,
            rtt_to_initiator=0 if syn_acks else None,
            min_rtt_to_responder=trip,
            min_rtt_to_initiator=None,
            syn_count=len(syns),
            syn_ack_count=len(syn_acks),
            syn_frames=tuple(packet.frame for packet in syns),
            syn_times=tuple(packet.time for packet in syns),
            syn_ack_frames=tuple(packet.frame for packet in syn_acks),
            syn_ack_times=tuple(packet.time for packet in syn_acks),
            established_time=syn_acks[0].time if syn_acks else 0,
            packets=tuple(packets),
            packets_left_out=0,
            resets=tuple(packet for packet in packets if packet.is_rst),
            turn=self._turn,
            greeting_bytes=self._greeting,
            hello_initiator=self._hellos[True],
            hello_responder=self._hellos[False],
            icmp=tuple(self._icmp),
            interfaces=(0,),
            vlans=(),
            vnis=(),
            ip_version=6 if ":" in self._recording.remote else 4,
            evicted=False,
            capture_ended=False,
            application=application,
        )


def application_of(recording: Recording, keys: KeyLog) -> Application:
    """Return what the protocols above TCP showed."""
    conversation = Conversation(keys)
    for piece in _pieces(recording):
        conversation.feed(piece)
    return conversation.finish()


def _pieces(recording: Recording) -> Iterator[Piece]:
    for number, event in enumerate(recording.before_parting):
        if event.kind in ("sent", "received"):
            yield Piece(event.kind == "sent", number + 1, event.time, event.data)
