"""How far TLS had come on a connection: what the verdicts of every layer ask of its facts.

Without facts (the capture began within the connection, or nobody read it) the answers are None and
the callers go by bytes alone.
"""

from __future__ import annotations

from itertools import islice

from pcapdiag.diagnose.disorder import answers_fin, heard_before_fin
from pcapdiag.model.moment import Seen, moment
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Alert, Record, TlsFacts
from pcapdiag.protocols.tls.numbers import ALERT, APPLICATION_DATA

HAPROXY_CHECK = b"HAPROXYSSLCHK"
CLOSE_NOTIFY, USER_CANCELED = 0, 90


def tls_facts(story: Story) -> TlsFacts | None:
    """Return what was read of TLS from its ClientHello on, or None."""
    facts = story.tls
    if facts is None or not facts.started or facts.client_hello is None:
        return None
    return facts


def is_answered_check(story: Story) -> bool:
    """Return whether it is HAProxy's `option ssl-hello-chk`, and the server said anything at all.

    The check sends a ClientHello of SSL 3.0 with its name in the random bytes; an alert is as good
    an answer to it as a ServerHello.
    """
    facts = tls_facts(story)
    hello = facts.client_hello if facts else None
    return hello is not None and HAPROXY_CHECK in hello.random and story.responder.payload_bytes > 0


def answered_in_tls(story: Story) -> bool:
    """Return whether the responder sent TLS records, be it behind a greeting in the clear."""
    facts = tls_facts(story)
    return facts is not None and any(not record.from_initiator for record in facts.records)


def handshake_open(story: Story) -> bool | None:
    """Return whether the handshake had not been finished; None where that is not known."""
    facts = tls_facts(story)
    if facts is None:
        return None
    if facts.established:
        return False
    return None if facts.incomplete else True


def within_handshake(story: Story) -> bool:
    """Return whether the responder had answered the ClientHello, and the handshake never ended."""
    return answered_in_tls(story) and bool(handshake_open(story))


def nothing_asked(story: Story) -> bool:
    """Return whether the handshake was finished, and the initiator then sent no data."""
    facts = tls_facts(story)
    if facts is None or facts.incomplete:
        return False
    return facts.established and not facts.client_data


def nothing_answered(story: Story) -> bool:
    """Return whether the responder sent no data behind the handshake, session tickets apart.

    Without keys a ticket and a short answer look alike. Two records of the same length and nothing
    else are tickets; of a single one this is not known, and the answer is no.
    """
    facts = tls_facts(story)
    if facts is None or not facts.established or facts.incomplete or facts.server_data:
        return False
    if not facts.is_tls13 or facts.key_state == "decrypted" or not facts.tickets:
        return True
    behind = _behind_handshake(facts)
    return len(behind) > 1 and len(set(behind)) == 1


def data_came_late(story: Story, end: Seen) -> bool:
    """Return whether the responder's first data inside TLS 1.2 came behind the close.

    A client that asks before the server's Finished (False Start, RFC 7918) gets that first: it
    answers the handshake, and nothing else. What its FIN acknowledges came before, wherever the
    capture has it.
    """
    facts = tls_facts(story)
    if facts is None or facts.is_tls13 or facts.incomplete or facts.records_left_out:
        return False
    data = encrypted_records(facts, from_initiator=False)
    if not data or moment(data[0]) <= moment(end):
        return False
    closed = end.frame == story.initiator.fin_frame
    return not (closed and heard_before_fin(story, data[0].frame, by_initiator=True))


def _behind_handshake(facts: TlsFacts) -> list[int]:
    """Return the lengths of the responder's records since the initiator's flight, alerts apart."""
    flight = encrypted_records(facts, from_initiator=True)
    if not flight or facts.records_left_out:
        return []
    start = flight[0].time, flight[0].frame
    alert = unread_alert(facts, from_initiator=False)
    records = encrypted_records(facts, from_initiator=False)
    behind = [record for record in records if moment(record) >= start]
    if alert is not None and behind and behind[-1].frame == alert.frame:
        behind.pop()
    return [record.length for record in behind]


def is_error(alert: Alert, facts: TlsFacts) -> bool:
    """Return whether an alert that can be read reports an error.

    In TLS 1.3 every alert but two is an error, whatever its level says (RFC 8446 section 6); one
    after which the handshake was finished all the same was none.
    """
    if alert.code in (None, CLOSE_NOTIFY, USER_CANCELED):
        return False
    return alert.level == 2 or (facts.is_tls13 and not facts.established)


def answers_the_close(story: Story, alert: Alert) -> bool:
    """Return whether the alert's sender had got the other end's FIN: then that was the cause."""
    return answers_fin(story, moment(alert), alert.from_initiator)


def left_first(story: Story, end: Seen) -> bool:
    """Return whether the initiator had sent a close_notify, or what has its size, before."""
    said = first_goodbye(story, end)
    return said is not None and said.from_initiator


def first_goodbye(story: Story, end: Seen) -> Alert | None:
    """Return the first close_notify, or what has its size, before a FIN or RST; None without.

    ``end`` is the first FIN or RST: that is not always who left first (measured: a client may
    answer stunnel's close_notify by FIN before stunnel's own FIN comes).
    """
    facts = tls_facts(story)
    if facts is None:
        return None
    alerts = [a for a in facts.alerts if moment(a) <= moment(end)]
    return alerts[0] if alerts and not is_error(alerts[0], facts) else None


def unread_alert(facts: TlsFacts, from_initiator: bool) -> Alert | None:
    """Return an end's encrypted alert: an error or a close_notify, which only its place tells."""
    alerts = (a for a in facts.alerts if a.from_initiator == from_initiator and a.code is None)
    return next(alerts, None)


def encrypted_records(facts: TlsFacts, from_initiator: bool) -> list[Record]:
    """Return an end's records of type application_data, those that TLS 1.3 hides in it included."""
    return [
        record
        for record in facts.records
        if record.from_initiator == from_initiator and record.type == APPLICATION_DATA
    ]


def first_data(facts: TlsFacts) -> Record | None:
    """Return the initiator's first record of application data; None where it cannot be told."""
    if not facts.established or not facts.client_data:
        return None
    if facts.incomplete or facts.records_left_out:
        return None
    records = encrypted_records(facts, from_initiator=True)
    if facts.is_tls13 and facts.key_state == "decrypted":
        return next((r for r in records if r.inner_type == APPLICATION_DATA), None)
    alert = unread_alert(facts, from_initiator=True)
    if alert is not None and records and records[-1].frame == alert.frame and facts.is_tls13:
        records.pop()
    before = len(records) - facts.client_data
    return next(islice(records, before, None), None) if before >= 0 else None


def secured_at(facts: TlsFacts, until: int | None = None) -> int:
    """Return when the initiator had sent the last record of its handshake (ns); 0 without one.

    Records later than ``until`` are left out: those of a request that came behind the close.
    """
    said = {(alert.frame, alert.from_initiator) for alert in facts.alerts}
    times = [
        record.time
        for record in facts.records
        if record.from_initiator and record.type != ALERT and (record.frame, True) not in said
    ]
    return max((time for time in times if until is None or time <= until), default=0)


def request_number(story: Story) -> int:
    """Return the number of the connection's last request; turns of a TLS handshake are none."""
    return max(min(1, story.turn.index), story.turn.index - handshake_turns(story))


def handshake_turns(story: Story) -> int:
    """Return how many of the connection's turns were the handshake's alone; 0 without facts."""
    facts = tls_facts(story)
    if facts is None or not facts.established:
        return 0
    data = first_data(facts)
    if data is None and not facts.is_tls13:
        # All that TLS 1.2 has of this type is data, whatever the capture lacks of what follows.
        data = next(iter(encrypted_records(facts, from_initiator=True)), None)
    turns, speaker = 0, None
    for record in facts.records:
        if data is not None and record is data:
            return turns if speaker is not True else turns - 1
        turns += record.from_initiator and speaker is not True
        speaker = record.from_initiator
    return turns if not facts.client_data else 1
