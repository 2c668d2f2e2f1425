"""A TLS handshake that was broken off without an alert: where it stood, and what it may have been.

Shared by tls.handshake_reset, tls.handshake_closed and tls.handshake_timeout.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.disorder import directions_apart, fin_came_early
from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.spare import is_spare
from pcapdiag.diagnose.timing import duration, round_trip
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.certificates import fits_name, leaf, out_of_date
from pcapdiag.diagnose.tls.commands import s_client_words
from pcapdiag.diagnose.tls.hidden import client_flight
from pcapdiag.diagnose.tls_state import (
    answered_in_tls,
    is_answered_check,
    left_first,
    tls_facts,
    unread_alert,
)
from pcapdiag.diagnose.work import one_direction
from pcapdiag.model.application import Application
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Record, TlsFacts
from pcapdiag.model.units import MS, SECOND
from pcapdiag.protocols.tls.numbers import ALERT

OVERDUE, OVERDUE_TRIPS = 100 * MS, 2
"""Without any answer to its hello after so long, and so many round trips, a client had waited."""
REFUSED_WITHIN = 10 * SECOND
"""A server that closes later than this after the client's Finished had not refused it."""


class BreakOff(msgspec.Struct, frozen=True):
    """The end of a connection within its TLS handshake."""

    end: Ending
    facts: TlsFacts
    records: tuple[Record, ...]
    """Those before it, or the first of them."""

    @property
    def unanswered_hello(self) -> bool:
        """True when the server had said nothing by then."""
        return not any(not record.from_initiator for record in self.records)

    @property
    def hello_frame(self) -> int:
        """Frame of the ClientHello; 0 where none was read."""
        return self.facts.client_hello.frame if self.facts.client_hello else 0

    @property
    def last(self) -> Record | None:
        """The last record before the end."""
        return self.records[-1] if self.records else None


def left_unheard(story: Story, found: BreakOff) -> bool:
    """Return whether a client left that had heard nothing since its hello, longer than is usual.

    A server answers a hello within a round trip and milliseconds.
    """
    hello, end, isn = found.facts.client_hello, found.end, story.responder.isn
    if hello is None or isn is None or not end.by_initiator:
        return False
    acked = story.initiator.fin_ack if end.reset is None else end.reset.ack
    bare = end.reset is not None and not end.reset.has_ack
    heard = not found.unanswered_hello if bare else seq_distance(acked, isn) > 1
    overdue = max(OVERDUE, OVERDUE_TRIPS * round_trip(story))
    return not heard and end.time - hello.time >= overdue


UNHEARD = "too little patience, a program that hangs and a loss on the way look the same"


def who_left_unheard(found: BreakOff) -> tuple[SideHint, ...]:
    """Return who may be to blame where a client left unheard."""
    frames = (found.end.frame,)
    return (
        SideHint("initiator", 0.5, UNHEARD, frames),
        SideHint("responder", 0.3, UNHEARD, frames),
        SideHint("path", 0.18, UNHEARD, frames),
    )


def open_handshake(story: Story) -> TlsFacts | None:
    """Return the facts of a connection whose TLS handshake was not finished, or None.

    Where the capture lost bytes that were acknowledged, or cut off a part of the client's second
    flight, the rest of it may be among them. A server that answers in another protocol, or a health
    check, has no handshake to break off.
    """
    facts = tls_facts(story)
    application = story.application
    if facts is None or application is None or one_direction(story):
        return None
    if is_answered_check(story):
        return None
    if story.initiator.acked_unseen or story.responder.acked_unseen:
        return None
    if facts.incomplete and not facts.established and story.turn.index > 1:
        return None
    # Behind a hole no bytes tell what they are.
    if not facts.incomplete and (facts.problem or _answered_otherwise(story, application)):
        return None
    return facts if not facts.established or refused_late(facts) else None


def _answered_otherwise(story: Story, application: Application) -> bool:
    """Return whether the answer to the ClientHello was none of TLS; a greeting before it may be."""
    other = application.responder_speaks not in ("", "tls")
    return application.initiator_speaks == "tls" and other and not answered_in_tls(story)


def refused_late(facts: TlsFacts) -> bool:
    """Return whether a TLS 1.3 server had done nothing since the client's Finished.

    No session ticket and no data: whether it took the Finished is not known.
    """
    silent = not facts.server_data and not facts.tickets and not facts.client_data
    return facts.is_tls13 and facts.established and silent


def break_off(story: Story) -> BreakOff | None:
    """Return how an unfinished handshake was ended by FIN or RST, or None.

    A server that closed before there was a ClientHello has not met any: it is the connection that
    it did not want. Where the capture has the two directions apart, what came before the end is not
    known.
    """
    if directions_apart(story):
        return None
    facts, end = open_handshake(story), ending(story)
    if facts is not None and facts.established and end is not None:
        end = _servers_end(story, facts, end)
    if facts is None or end is None or is_spare(story):
        return None
    if not end.by_initiator and fin_came_early(story, by_initiator=False):
        return None
    if story.turn.index == 1 and not end.by_initiator and end.time < story.turn.request_time:
        return None
    return BreakOff(end, facts, records_before(facts, end))


def _servers_end(story: Story, facts: TlsFacts, end: Ending) -> Ending | None:
    """Return how the server ended a handshake soon after the client had finished it.

    A client that answers the server's farewell with FIN is not who ended it.
    """
    if left_first(story, end):
        return None
    said = unread_alert(facts, from_initiator=False)
    if end.by_initiator and (said is None or moment(said) > moment(end)):
        return None
    if end.by_initiator and said is not None:
        end = Ending(by_initiator=False, frame=said.frame, time=said.time)
    return end if _soon(facts, end) else None


def records_before(facts: TlsFacts, end: Ending) -> tuple[Record, ...]:
    """Return the records that came before the end; what came later reached nobody."""
    return tuple(r for r in facts.records if moment(r) <= moment(end))


def _soon(facts: TlsFacts, end: Ending) -> bool:
    """Return whether a server closed soon after the client's Finished."""
    last = max((r.time for r in facts.records if r.from_initiator), default=0)
    return end.time - last < REFUSED_WITHIN


def broken_off(story: Story, code: str, found: BreakOff) -> Judgement:
    """Return the verdict on a break-off, as far as FIN and RST are alike."""
    others = alternatives(found)
    return Judgement(
        code=code,
        failed=True,
        phase="tls_handshake",
        confidence=min(0.93, round(0.98 - sum(other.confidence for other in others), 2)),
        frames=frames_of(found.hello_frame, found.end.frame),
        ended_by=found.end.actor,
        alternatives=others,
        fix_at=("initiator", "responder") if found.end.by_initiator else (),
        envoy=envoy_words(found.facts),
        facts=step_words(story, found),
    )


def alternatives(found: BreakOff) -> tuple[OtherCode, ...]:
    """Return the narrower codes that a break-off without an alert does not exclude."""
    facts = found.facts
    if found.end.by_initiator:
        return _of_client(facts, found)
    if refused_late(facts):
        plain = "tcp.reset_before_request" if found.end.reset else "tcp.closed_before_request"
        others = [OtherCode(plain, 0.15)]
        held = client_flight(facts)
        if held == "no certificate":
            others.insert(0, OtherCode("tls.client_certificate_required", 0.35))
        elif held == "certificate":
            others.insert(0, OtherCode("tls.certificate_rejected", 0.35))
        return tuple(others)
    if not found.unanswered_hello:
        return _after_client_certificate(facts, found.end)
    others = [OtherCode("protocol.tls_to_plaintext", 0.06)]
    if facts.client_hello is not None and facts.client_hello.sni:
        others.insert(0, OtherCode("tls.sni_rejected", 0.12))
    return tuple(others)


def _after_client_certificate(facts: TlsFacts, end: Ending) -> tuple[OtherCode, ...]:
    """Return what a server's close on a client certificate may be: Node.js sends no alert."""
    given = facts.client_certificates
    if given is None:
        return ()
    if not given.certificates:
        return (OtherCode("tls.handshake_reset" if end.reset else "tls.handshake_closed", 0.23),)
    told = leaf(given)
    late = told is not None and out_of_date(told, end.time)
    code = "tls.certificate_expired" if late else "tls.certificate_rejected"
    return (OtherCode(code, 0.4),)


def _of_client(facts: TlsFacts, found: BreakOff) -> tuple[OtherCode, ...]:
    if found.unanswered_hello:
        return (OtherCode("tcp.initiator_abort", 0.15),)
    told = leaf(facts.server_certificates)
    if told is not None and fits_name(told, facts) == "no":
        return (OtherCode("tls.certificate_name_mismatch", 0.3),)
    if told is not None and out_of_date(told, found.end.time):
        return (OtherCode("tls.certificate_expired", 0.3),)
    return (OtherCode("tls.certificate_rejected", 0.2),)


def step_words(story: Story, found: BreakOff) -> dict[str, str]:
    """Return the words that texts about a broken handshake use."""
    facts, end = found.facts, found.end
    since = end.time - (found.last.time if found.last else story.start)
    ender = story.half(end.by_initiator)
    return {
        "ender": ender.host_port,
        "ender_ip": ender.address,
        "end_frame": str(end.frame),
        "hello_frame": str(found.hello_frame),
        "since": duration(max(0, since)),
        "word": "FIN" if ender.fin_frame == end.frame else "its farewell",
        "step": step(facts, end),
        "offer": words.client_offer(facts),
        "answer": words.server_answer(facts),
        "hint": _hint(found),
    } | s_client_words(story, facts)


def envoy_words(facts: TlsFacts) -> tuple[str, str]:
    """Return Envoy's response flag and reset reason: in TLS 1.3 it learns after its handshake."""
    if refused_late(facts):
        return "UC", "connection termination"
    return "UF", "remote connection failure"


def step(facts: TlsFacts, end: Ending | None) -> str:
    """Return the last handshake message seen before the end, in words.

    A server's flight that came behind it, or what came so of it, reached nobody.
    """
    before = facts.records if end is None else records_before(facts, end)
    if end is not None and all(r.from_initiator for r in before):
        return "ClientHello by the client"
    late = (r for r in facts.records[len(before) :] if r.type != ALERT)
    if any(not r.from_initiator for r in late):
        return "the beginning of the server's flight"
    return words.shown(facts.stopped_at) if facts.stopped_at else "ClientHello by the client"


def _hint(found: BreakOff) -> str:
    if found.end.by_initiator and not found.unanswered_hello:
        return "The client had the server's answer and left without saying why: its log knows."
    if refused_late(found.facts):
        return (
            "The client had sent its Finished. A server that refuses the client's certificate, an "
            "access list, and a TLS proxy whose backend is dead look alike here."
        )
    hello = found.facts.client_hello
    if hello is not None and hello.segments > 1:
        return f"The ClientHello took {hello.segments} segments: some devices read only the first."
    return ""
