"""How far TLS had come on a connection: what the verdicts of every layer ask of its facts.

Without facts (the capture began within the connection, or nobody read it) the answers are None and
the callers go by bytes alone.
"""

from __future__ import annotations

from itertools import islice

from pcapdiag.model.packet import seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Alert, Record, TlsFacts

APPLICATION_DATA = 23
ALERT_LENGTH = 19
"""Length of an encrypted alert's record in TLS 1.3: 2 bytes, content type, 16-byte tag."""
CLOSE_NOTIFY, USER_CANCELED = 0, 90


def tls_facts(story: Story) -> TlsFacts | None:
    """Return what was read of TLS from its ClientHello on, or None."""
    facts = story.application.tls if story.application else None
    if facts is None or not facts.started or facts.client_hello is None:
        return None
    return facts


def is_secured(story: Story) -> bool:
    """Return whether the handshake was finished by both ends, as far as it was read."""
    facts = tls_facts(story)
    return facts is not None and facts.established


def handshake_open(story: Story) -> bool | None:
    """Return whether the handshake had not been finished; None where that is not known."""
    facts = tls_facts(story)
    if facts is None:
        return None
    if facts.established:
        return False
    return None if facts.incomplete else True


def nothing_asked(story: Story) -> bool:
    """Return whether the handshake was finished, and the initiator then sent no data."""
    facts = tls_facts(story)
    return facts is not None and facts.established and not facts.client_data


def nothing_answered(story: Story) -> bool:
    """Return whether the responder sent no data behind the handshake, session tickets apart."""
    facts = tls_facts(story)
    return facts is not None and facts.established and not facts.server_data


def is_error(alert: Alert, facts: TlsFacts) -> bool:
    """Return whether an alert that can be read reports an error.

    In TLS 1.3 every alert but two is an error, whatever its level says (RFC 8446 section 6).
    """
    if alert.code in (None, CLOSE_NOTIFY, USER_CANCELED):
        return False
    return alert.level == 2 or facts.is_tls13


def answers_the_close(story: Story, alert: Alert) -> bool:
    """Return whether the alert's sender had got the other end's FIN: then that was the cause."""
    other = story.half(not alert.from_initiator)
    if not other.fin_frame or (other.fin_time, other.fin_frame) > (alert.time, alert.frame):
        return False
    packet = next((p for p in story.packets if p.frame == alert.frame), None)
    return packet is None or not packet.has_ack or seq_distance(packet.ack, other.fin_seq) > 0


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
    if not facts.established or not facts.client_data or facts.records_left_out:
        return None
    records = encrypted_records(facts, from_initiator=True)
    alerts = sum(a.from_initiator and a.code is None for a in facts.alerts)
    last = records[-1] if records else None
    if last is not None and last.length == ALERT_LENGTH and alerts and facts.is_tls13:
        records.pop()
    before = len(records) - facts.client_data
    return next(islice(records, before, None), None) if before >= 0 else None


def handshake_turns(story: Story) -> int:
    """Return how many of the connection's turns were the handshake's alone; 0 without facts."""
    facts = tls_facts(story)
    if facts is None or not facts.established:
        return 0
    data = first_data(facts)
    turns, speaker = 0, None
    for record in facts.records:
        if data is not None and record is data:
            return turns if speaker is not True else turns - 1
        turns += record.from_initiator and speaker is not True
        speaker = record.from_initiator
    return turns if data is None and not facts.client_data else 1
