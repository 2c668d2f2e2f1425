"""A connection as the report shows it, made from its story, its judgement and who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pcapdiag.correlate.names import NameTable
from pcapdiag.correlate.roles import Ends
from pcapdiag.diagnose.attribution import attribute_reset
from pcapdiag.diagnose.attribution.tcp_header import reset_text
from pcapdiag.diagnose.idle_end import idle_numbers, reset_after_idle
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import AtEnds, fill
from pcapdiag.flow.story import FIRST_PACKETS
from pcapdiag.incident.failure_time import failure_time
from pcapdiag.incident.labels import labels
from pcapdiag.incident.timeline import timeline
from pcapdiag.model.addresses import is_loopback
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.report import (
    Alternative,
    Attribution,
    BySide,
    Connection,
    Endpoint,
    EnvoyObserved,
    EnvoyWords,
    OptionalBySide,
    Party,
    PathFacts,
    Reset,
    Role,
    RttParts,
    Side,
    Verdict,
)
from pcapdiag.model.story import Half, Story
from pcapdiag.model.units import format_seconds, in_seconds
from pcapdiag.protocols.server_name import server_name

if TYPE_CHECKING:
    pass


def describe(
    story: Story,
    judgement: Judgement,
    attribution: Attribution,
    ends: Ends,
    names: NameTable,
) -> Connection:
    """Return the connection without timeline and resets; the caller adds where it was read."""
    initiator, responder = story.initiator, story.responder
    return Connection(
        stream=story.stream,
        id=f"{story.stream}-{story.first_frame}",
        initiator=_endpoint(initiator, ends.initiator, names),
        responder=_endpoint(responder, ends.responder, names, asked_name(story)),
        leg=ends.leg,
        state=story.state,
        first_frame=story.first_frame,
        start=format_seconds(story.start),
        end=format_seconds(story.end),
        handshake_rtt=in_seconds(story.handshake_rtt),
        handshake_rtt_parts=RttParts(
            to_initiator=in_seconds(story.rtt_to_initiator),
            to_responder=in_seconds(story.rtt_to_responder),
        ),
        initiator_inferred=story.initiator_inferred,
        same_as=story.same_as,
        streams=[story.stream, *([story.answers_stream] if story.answers_stream else [])],
        packets=BySide(initiator=initiator.packets, responder=responder.packets),
        bytes=BySide(initiator=initiator.payload_bytes, responder=responder.payload_bytes),
        retransmissions=BySide(
            initiator=initiator.retransmissions, responder=responder.retransmissions
        ),
        out_of_order=BySide(initiator=initiator.out_of_order, responder=responder.out_of_order),
        duplicate_acks=BySide(
            initiator=initiator.duplicate_acks, responder=responder.duplicate_acks
        ),
        zero_windows=BySide(initiator=initiator.zero_windows, responder=responder.zero_windows),
        window_probes=BySide(initiator=initiator.window_probes, responder=responder.window_probes),
        keep_alives=BySide(initiator=initiator.keep_alives, responder=responder.keep_alives),
        keep_alive_acks=BySide(
            initiator=initiator.keep_alive_acks, responder=responder.keep_alive_acks
        ),
        mss=OptionalBySide(initiator=initiator.mss, responder=responder.mss),
        path=PathFacts(
            vlans=list(story.vlans),
            vnis=list(story.vnis),
        ),
        resets=[],
        verdict=describe_verdict(story, judgement, attribution, ends),
    )


def add_resets(
    connection: Connection,
    story: Story,
    ends: Ends,
    context: Context,
    decisive: PacketFact | None = None,
) -> None:
    """Add every reset and who sent it; ``decisive`` is one whose sender the verdict has named."""
    for packet in story.resets:
        if packet == decisive:
            attribution = msgspec.structs.replace(connection.verdict.attribution)
        else:
            attribution = attribute_reset(story, packet, context)
            ends.assign(attribution)
        connection.resets.append(
            Reset(
                frame=packet.frame,
                time=format_seconds(packet.time),
                from_=side_of(packet.from_initiator),
                attribution=attribution,
                ttl=packet.ttl,
                window=packet.window,
                quiet=_quiet(story, packet),
                text=reset_text(story.reset_payload) if packet.length else None,
            )
        )


def add_timeline(connection: Connection, story: Story, judgement: Judgement) -> None:
    """Add what only a connection that is told in full has."""
    connection.timeline = timeline(story, judgement.frames, FIRST_PACKETS, labels(story))


def add_series(connection: Connection, story: Story) -> None:
    """Add what a connection's charts draw."""
    from pcapdiag.incident.series import series  # Only here: text has no charts.

    connection.series = series(story, FIRST_PACKETS)


def shorten(connection: Connection) -> None:
    """Take away what equal failures that are told in full have too: evidence and advice."""
    verdicts = (connection.verdict, *connection.other_failures)
    resets = (reset.attribution for reset in connection.resets)
    for attribution in (*(verdict.attribution for verdict in verdicts), *resets):
        attribution.evidence = []
    for verdict in verdicts:
        if verdict.failed:
            verdict.explanation, verdict.fixes, verdict.commands = "", [], []
    if connection.verdict.failed and connection.http:
        told = {verdict.exchange for verdict in verdicts}
        listed = connection.http.exchanges
        connection.http.exchanges = [one for one in listed if one.index in told]


def describe_verdict(
    story: Story,
    judgement: Judgement,
    attribution: Attribution,
    ends: Ends,
    count: int = 1,
    at_ends: AtEnds | None = None,
) -> Verdict:
    """Return a verdict in words; ``count`` equal ones are folded into it."""
    kind = kind_of(judgement.code)
    texts = fill(kind, judgement, story, attribution.side, at_ends)
    ends.assign(attribution)
    places = _places(story, judgement.fix_at or kind.fix_at, attribution.side)
    return Verdict(
        code=judgement.code,
        failed=judgement.failed,
        phase=judgement.phase,
        title=texts.title,
        explanation=texts.explanation,
        attribution=attribution,
        fixes=list(texts.fixes),
        commands=list(texts.commands),
        frames=list(judgement.frames),
        envoy=_envoy_words(kind, judgement),
        ended_by=judgement.ended_by,
        fix_at=_parties(places, ends),
        exchange=judgement.exchange,
        count=count,
        alternatives=[
            Alternative(code=other.code, confidence=float(other.confidence))
            for other in judgement.alternatives
        ],
        confidence=float(judgement.confidence),
        notes=list(judgement.notes),
        # The same figures whether it waited as it is or was written and read: floats.
        numbers={
            name: float(number)
            for name, number in (judgement.numbers | idle_numbers(story, judgement)).items()
        },
        time=format_seconds(failure_time(story, judgement)),
    )


def _envoy_words(kind: Kind, judgement: Judgement) -> EnvoyWords | None:
    """Return what Envoy prints for the code, or where that depends, what it said of this one."""
    said, usual = judgement.observed, judgement.envoy or kind.envoy
    if usual is not None:
        words = EnvoyWords(flag=usual[0], reset_reason=usual[1])
    elif said is not None and said.flag is not None:
        words = EnvoyWords(flag=said.flag, reset_reason=said.reset_reason or "")
    else:
        return None
    if said is not None:
        agrees = None
        if usual is not None and said.flag is not None:
            agrees = said.flag in usual[0].split(" / ")
        words.observed = EnvoyObserved(
            flag=said.flag, reset_reason=said.reset_reason, details=said.details, agrees=agrees
        )
    return words


def _places(story: Story, actors: tuple[str, ...], side: Side) -> tuple[str, ...]:
    """Leave out the path where both ends are on one host; it comes first where it did it."""
    if is_loopback(story.initiator.address) and is_loopback(story.responder.address):
        return tuple(actor for actor in actors if actor != "path")
    return tuple(sorted(actors, key=lambda actor: actor != side)) if side == "path" else actors


def _parties(actors: tuple[str, ...], ends: Ends) -> list[Party]:
    found: list[Party] = []
    for actor in actors:
        party: Party = "middlebox"
        if actor != "path":
            party = ends.initiator if actor == "initiator" else ends.responder
        if party not in found:
            found.append(party)
    return found


def _quiet(story: Story, reset: PacketFact) -> float | None:
    idle = reset_after_idle(story, reset)
    return in_seconds(idle.quiet) if idle else None


def asked_name(story: Story) -> str:
    """Return the name that the connection's own ClientHello asks for, or nothing."""
    tls = story.tls
    hello = tls.client_hello if tls else None
    return (hello.sni if hello else server_name(story.hello_initiator)) or ""


def _endpoint(half: Half, role: Role, names: NameTable, asked: str = "") -> Endpoint:
    name = names.name(half.address, asked)
    return Endpoint(ip=half.address, port=half.port, role=role, name=name)
