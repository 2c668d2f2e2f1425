"""A connection written packet by packet, as one capture point sees it, and the story made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute_reset
from pcapdiag.diagnose.attribution.resets import RESET_SIGNALS
from pcapdiag.diagnose.attribution.shape import shape
from pcapdiag.diagnose.attribution.signal import Signal
from pcapdiag.diagnose.attribution.view import ResetView, view_reset
from pcapdiag.model.context import Context, HostFacts, ResetMarks
from pcapdiag.model.packet import ACK, FIN, PSH, RST, SYN, PacketFact
from pcapdiag.model.report import Attribution
from pcapdiag.model.story import Half, IcmpFact, Story, Turn

MS = 1_000_000
SECOND = 1_000 * MS
START = 1_700_000_000 * SECOND
CLIENT, SERVER = "10.0.1.5", "10.0.2.7"
NOTHING = Context()


class Changes(TypedDict, total=False):
    """Fields of a packet that a test sets by hand."""

    seq: int
    ack: int
    window: int
    ttl: int
    tos: int
    ip_id: int
    df: bool
    flow_label: int
    tsval: int | None
    tsecr: int | None
    option_bytes: int
    mac: int
    interface: int
    direction: int


@dataclass
class End:
    """One Linux host as the capture sees it: its counters go on with every packet."""

    address: str
    port: int
    ttl: int
    seq: int
    mac: int
    ip_id: int
    clock: int
    window: int = 502
    tos: int = 0
    flow_label: int = 0
    direction: int = -1
    timestamps: bool = True
    acked: int = 0

    def tsval(self, now: int) -> int | None:
        return self.clock + (now - START) // MS if self.timestamps else None


@dataclass
class Exchange:
    """The capture is taken near the client; the server is ``rtt`` away."""

    rtt: int = 10 * MS
    version: int = 4
    now: int = START
    client: End = field(default_factory=lambda: End(CLIENT, 40000, 64, 1000, 0x0A01, 100, 7000))
    server: End = field(default_factory=lambda: End(SERVER, 8443, 61, 5000, 0x0B01, 900, 90000))
    packets: list[PacketFact] = field(default_factory=list)
    icmp: list[IcmpFact] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def wait(self, ns: int) -> Exchange:
        self.now += ns
        return self

    def send(
        self, sender: str, flags: int, length: int = 0, **changes: Unpack[Changes]
    ) -> PacketFact:
        """Send a segment the way a live Linux socket does, with some fields changed."""
        own, peer = self._ends(sender)
        own.ip_id = (own.ip_id + 1) & 0xFFFF
        own.acked = peer.seq
        packet = self._packet(sender, flags, length, **changes)
        if "seq" not in changes:
            own.seq = packet.end_seq
        return packet

    def forge(self, name_of: str, flags: int, **changes: Unpack[Changes]) -> PacketFact:
        """Put in a packet in an end's name, without that end's counters moving."""
        return self._packet(name_of, flags, 0, **changes)

    def handshake(self) -> Exchange:
        """SYN, SYN-ACK and ACK; Linux sends its SYN-ACK with IP ID 0."""
        self.send("client", SYN, ack=0)
        self.wait(self.rtt)
        self.send("server", SYN | ACK, ip_id=0)
        self.wait(MS // 10)
        self.send("client", ACK)
        return self

    def request(self, length: int = 100, answered: bool = True) -> Exchange:
        """One request, and its ACK by the server."""
        self.wait(MS).send("client", PSH | ACK, length)
        self.wait(self.rtt)
        if answered:
            self.send("server", ACK)
        return self

    def response(self, length: int = 500) -> Exchange:
        """One segment of answer, and its ACK by the client."""
        self.wait(MS).send("server", PSH | ACK, length)
        self.wait(MS // 10).send("client", ACK)
        return self

    def live_reset(self, sender: str = "server", **changes: Unpack[Changes]) -> PacketFact:
        """RST of a live Linux socket: RST,ACK, window, timestamps, its own IP ID (measured)."""
        return self.send(sender, RST | ACK, **changes)

    def reply_reset(self, sender: str = "server", **changes: Unpack[Changes]) -> PacketFact:
        """RST of a Linux host without the socket, to the peer's last segment (measured)."""
        trigger = next(
            p for p in reversed(self.packets) if p.from_initiator == (sender != "client")
        )
        reply: Changes = {"window": 0, "ip_id": 0, "tsval": None, "option_bytes": 0}
        reply |= {"tos": trigger.tos, "flow_label": 0x5EED if self.version == 6 else 0}
        if trigger.has_ack:
            return self.forge(sender, RST, **(reply | {"seq": trigger.ack, "ack": 0} | changes))
        return self.forge(
            sender, RST | ACK, **(reply | {"seq": 0, "ack": trigger.end_seq} | changes)
        )

    def error(self, source: str, kind: int = 3, code: int = 3, ttl: int = 62) -> IcmpFact:
        """An ICMP error about the client's last segment."""
        fact = IcmpFact(
            frame=len(self.packets) + len(self.icmp) + 1,
            time=self.now,
            source=source,
            version=4,
            type=kind,
            code=code,
            mtu=0,
            from_initiator=True,
            quoted_seq=self.packets[-1].seq,
            quoted_length=0,
            ttl=ttl,
        )
        self.icmp.append(fact)
        return fact

    def story(self) -> Story:
        """Return the story of all packets so far."""
        resets = tuple(p for p in self.packets if p.is_rst)
        done = any(p.is_syn_ack for p in self.packets)
        story = Story(
            stream=0,
            initiator=self._half("client"),
            responder=self._half("server"),
            first_frame=1,
            start=self.packets[0].time,
            end=self.packets[-1].time,
            state="OTH",
            initiator_inferred=False,
            midstream=False,
            handshake_done=done,
            handshake_rtt=self.rtt + MS // 10 if done else None,
            rtt_to_responder=self.rtt if done else None,
            rtt_to_initiator=MS // 10 if done else None,
            min_rtt_to_responder=self.rtt if done else None,
            min_rtt_to_initiator=MS // 10 if done else None,
            syn_count=sum(p.is_syn for p in self.packets),
            syn_ack_count=sum(p.is_syn_ack for p in self.packets),
            syn_frames=tuple(p.frame for p in self.packets if p.is_syn),
            syn_times=tuple(p.time for p in self.packets if p.is_syn),
            syn_ack_frames=tuple(p.frame for p in self.packets if p.is_syn_ack),
            syn_ack_times=tuple(p.time for p in self.packets if p.is_syn_ack),
            established_time=START + self.rtt if done else 0,
            packets=tuple(self.packets),
            packets_left_out=0,
            resets=resets,
            turn=self._turn(),
            greeting_bytes=0,
            hello_initiator=b"",
            hello_responder=b"",
            icmp=tuple(self.icmp),
            interfaces=(0,),
            vlans=(),
            vnis=(),
            ip_version=self.version,
            evicted=False,
            capture_ended=False,
        )
        return replace(story, **self.extra)

    def _ends(self, sender: str) -> tuple[End, End]:
        return (self.client, self.server) if sender == "client" else (self.server, self.client)

    def _packet(
        self, sender: str, flags: int, length: int, **changes: Unpack[Changes]
    ) -> PacketFact:
        own, peer = self._ends(sender)
        packet = PacketFact(
            frame=len(self.packets) + len(self.icmp) + 1,
            time=self.now,
            from_initiator=sender == "client",
            flags=flags,
            seq=own.seq,
            ack=peer.seq if flags & ACK else 0,
            length=length,
            window=own.window,
            ttl=own.ttl,
            tos=own.tos,
            ip_id=own.ip_id if self.version == 4 else 0,
            df=True,
            flow_label=own.flow_label,
            tsval=own.tsval(self.now),
            tsecr=self._echo(sender) if flags & ACK and own.timestamps else None,
            option_bytes=12 if own.timestamps else 0,
            sack=None,
            mac=own.mac,
            interface=0,
            direction=own.direction,
            marks=0,
        )
        packet = replace(packet, **changes)
        self.packets.append(packet)
        return packet

    def _echo(self, sender: str) -> int | None:
        """The peer's latest timestamp."""
        peer = [p for p in self.packets if p.from_initiator != (sender == "client")]
        return next((p.tsval for p in reversed(peer) if p.tsval is not None), None)

    def _half(self, sender: str) -> Half:
        own, _ = self._ends(sender)
        sent = [
            p for p in self.packets if p.from_initiator == (sender == "client") and not p.is_rst
        ]
        got = [p for p in self.packets if p.from_initiator != (sender == "client") and p.has_ack]
        half = Half(own.address, own.port, packets=len(sent), mss=1460)
        half.next_seq = own.seq if sent else None
        half.acked = max((p.ack for p in got if not p.is_rst), default=None)
        half.timestamps = own.timestamps
        for packet in sent:
            half.ttls[packet.ttl] = half.ttls.get(packet.ttl, 0) + 1
            if packet.mac:
                half.macs[packet.mac] = half.macs.get(packet.mac, 0) + 1
            if packet.flags & FIN:
                half.fin_frame, half.fin_time = packet.frame, packet.time
                half.fin_seq, half.fin_ack = packet.seq, packet.ack
        return half

    def _turn(self) -> Turn:
        data = [p for p in self.packets if p.length]
        turn = Turn()
        for before, packet in zip([None, *data], data, strict=False):
            if packet.from_initiator and (before is None or not before.from_initiator):
                earlier = [p for p in self.packets if p.frame < packet.frame]
                turn = Turn(index=turn.index + 1, gap=packet.time - earlier[-1].time)
                turn.request_frame, turn.request_time = packet.frame, packet.time
            if packet.from_initiator:
                turn.request_bytes += packet.length
            else:
                turn.response_bytes += packet.length
                turn.response_time = turn.response_time or packet.time
        return turn


def known_host(
    address: str,
    ttls: dict[int, int] | None = None,
    reset_ttls: dict[int, int] | None = None,
    reset_windows: dict[int, int] | None = None,
    min_rtt: int | None = None,
) -> Context:
    """A capture in which one address was seen on other connections."""
    facts = HostFacts(address, min_rtt=min_rtt)
    facts.ttls = ttls or {}
    facts.reset_ttls = reset_ttls or {}
    facts.marks_of_resets = ResetMarks(reset_ttls or {}, reset_windows or {})
    return Context(hosts={address: facts}, final=True)


def talk() -> Exchange:
    """A handshake, a request and an answer, and a moment later."""
    return Exchange().handshake().request().response().wait(20 * MS)


def seen(exchange: Exchange, reset: PacketFact, context: Context = NOTHING) -> ResetView:
    """What the signals are given."""
    return view_reset(exchange.story(), reset, context)


def told(found: Signal | None) -> tuple[str, str] | None:
    """A signal's name and whom it accuses."""
    return (found.name, found.says) if found else None


def sender(exchange: Exchange, reset: PacketFact, context: Context = NOTHING) -> Attribution:
    """Return who sent a RST; a test that is spared for it must have nothing to say."""
    story = exchange.story()
    view = view_reset(story, reset, context)
    spared = [test.weigh for test in RESET_SIGNALS if test.needs & ~shape(view)]
    assert [weigh.__name__ for weigh in spared if weigh(view) is not None] == []
    return attribute_reset(story, reset, context)


def names(attribution: Attribution) -> set[str]:
    """Return what speaks for or against it."""
    return {e.signal for e in attribution.evidence}
