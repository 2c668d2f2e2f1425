"""TLS without keys: what an encrypted alert was about, by its place (measured).

Every record of TLS 1.3 behind the ServerHello looks alike, and a fatal alert and a close_notify
have the same 19 bytes (35 from OpenJDK). What came before and after tells them apart: a client that
refuses the server's certificate sends one instead of its Finished; a server that refuses the
client's sends one before any session ticket. An empty Certificate adds 8 bytes to the client's
flight, or a record of 25 bytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.diagnose.disorder import directions_apart
from pcapdiag.diagnose.ending import Ending, ending
from pcapdiag.diagnose.timing import round_trip
from pcapdiag.diagnose.tls_state import (
    answers_the_close,
    encrypted_records,
    first_data,
    left_first,
    tls_facts,
    unread_alert,
)
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import seq_after
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Alert, Record, TlsFacts
from pcapdiag.model.units import SECOND
from pcapdiag.protocols.tls.infer import EMPTY_CERTIFICATE, PADDING, Sizes
from pcapdiag.protocols.tls.numbers import CHANGE_CIPHER_SPEC

PADDINGS = (0, PADDING)
SMALLEST_CERTIFICATE = 250
"""A client's Certificate with a real certificate in it is never smaller."""
AT_ONCE = SECOND
"""An alert and the end of the connection come together."""

LATE = (
    "A TLS 1.3 client learns of this only after its handshake: Envoy logs UC and connection "
    "termination, HAProxy SH, and neither says a word of TLS."
)
CHECKED_WITHIN = SECOND // 4
"""A certificate, or its absence, is judged when the flight is read; a dead backend takes longer."""

Flight = Literal["bare", "no certificate", "certificate", "unknown"]
About = Literal["server certificate", "client certificate", "missing certificate"]


class HiddenAlert(msgspec.Struct, frozen=True):
    """The end of a handshake that must have been about a certificate."""

    by_initiator: bool
    about: About
    facts: TlsFacts
    after: int
    """Frame of what it answers."""
    alert: int
    """Frame of the encrypted record that must be an alert; 0 where the server closed without."""
    ended: int
    """Frame of the FIN or RST."""


def hidden_alert(story: Story) -> HiddenAlert | None:
    """Return the encrypted alert that ended a TLS 1.3 handshake over a certificate, or None."""
    facts = _sealed(story)
    if facts is None or facts.resumed:
        return None
    if not facts.is_tls13:
        return _before_servers_finished(story, facts)
    return _of_client(story, facts) or _of_server(story, facts) or _in_silence(story, facts)


def alert_in_flight(story: Story) -> Alert | None:
    """Return the encrypted alert by which a TLS 1.3 server broke off its own flight, or None.

    Go and rustls look for a common application protocol only behind their ServerHello, rustls and
    OpenJDK for a signature scheme only behind their EncryptedExtensions (measured). No other
    message is as short, and none but an alert comes before the client has answered.
    """
    facts = _sealed(story)
    if facts is None or not facts.is_tls13 or facts.server_finished or facts.server_hello is None:
        return None
    sent = encrypted_records(facts, from_initiator=False)
    before = [record for record in sent if not has_size_of_alert(record, facts)]
    if sent[: len(before)] != before or encrypted_records(facts, from_initiator=True):
        return None
    alert = _as_alert(sent[len(before)]) if len(sent) > len(before) else None
    if alert is None or answers_the_close(story, alert) or _end_after(story, alert) is None:
        return None
    said = before[-1].time if before else facts.server_hello.time
    return alert if alert.time - said <= CHECKED_WITHIN else None


def _sealed(story: Story) -> TlsFacts | None:
    """Return the facts of a connection that nobody decrypted, if its messages are all in order."""
    facts = tls_facts(story)
    if facts is None or facts.server_hello is None or facts.key_state == "decrypted":
        return None
    missing = facts.incomplete or facts.records_left_out > 0
    return None if missing or directions_apart(story) else facts


def client_flight(facts: TlsFacts) -> Flight:
    """Return what the client's last flight of the handshake held, by its records' lengths."""
    lengths, answer = [record.length for record in _flight(facts)], facts.server_hello
    if not lengths or answer is None:
        return "unknown"
    sizes, first = Sizes.of(answer.cipher), lengths[0]
    for padding in PADDINGS:
        finished = sizes.finished + padding
        if first == finished:
            return "bare"
        if first == finished + EMPTY_CERTIFICATE:
            return "no certificate"
        if first == sizes.empty + padding and lengths[1:2] in ([], [finished]):
            return "no certificate"
    return "certificate" if first >= SMALLEST_CERTIFICATE else "unknown"


def has_size_of_alert(record: Record, facts: TlsFacts) -> bool:
    """Return whether an encrypted record of TLS 1.3 has the length of an alert, padded or not."""
    size = Sizes.of(facts.server_hello.cipher).alert if facts.server_hello else 0
    return record.length in [size + padding for padding in PADDINGS]


def _flight(facts: TlsFacts) -> list[Record]:
    """Return the client's encrypted records up to its first application data."""
    records = encrypted_records(facts, from_initiator=True)
    data = first_data(facts)
    return records[: records.index(data)] if data in records else records


def _of_client(story: Story, facts: TlsFacts) -> HiddenAlert | None:
    records = encrypted_records(facts, from_initiator=True)
    alert, answer = unread_alert(facts, from_initiator=True), facts.server_hello
    if facts.client_finished or len(records) != 1 or alert is None or answer is None:
        return None
    if records[0].frame != alert.frame or answers_the_close(story, alert):
        return None
    ended = _end_after(story, alert)
    if ended is None:
        return None
    about: About = "server certificate"
    return HiddenAlert(True, about, facts, answer.frame, alert.frame, ended.frame)


def _before_servers_finished(story: Story, facts: TlsFacts) -> HiddenAlert | None:
    """Return the alert of a TLS 1.2 client that had sent its Finished before it judged (NSS).

    It did not wait for the server's, so it had not come to use the connection, or to say goodbye.
    """
    alert, answer = unread_alert(facts, from_initiator=True), facts.server_hello
    if alert is None or answer is None or facts.client_data or answers_the_close(story, alert):
        return None
    changed = (r for r in facts.records if r.type == CHANGE_CIPHER_SPEC and not r.from_initiator)
    ended = _end_after(story, alert)
    if ended is None or any(moment(record) < moment(alert) for record in changed):
        return None
    about: About = "server certificate"
    return HiddenAlert(True, about, facts, answer.frame, alert.frame, ended.frame)


def _of_server(story: Story, facts: TlsFacts) -> HiddenAlert | None:
    flight, last = _unanswered_flight(facts), _last_of_server(facts)
    if not flight or last is None or not has_size_of_alert(last, facts):
        return None
    if moment(last) < moment(flight[0]):
        return None
    alert = unread_alert(facts, from_initiator=False) or _as_alert(last)
    held, ended = client_flight(facts), _end_after(story, alert)
    if held not in ("no certificate", "certificate") or answers_the_close(story, alert):
        return None
    if ended is None or _too_late(story, flight, alert.time):
        return None
    if left_first(story, alert):
        return None
    about: About = "client certificate" if held == "certificate" else "missing certificate"
    return HiddenAlert(False, about, facts, flight[0].frame, alert.frame, ended.frame)


def _in_silence(story: Story, facts: TlsFacts) -> HiddenAlert | None:
    """Return how a server closed at an empty certificate without an alert, as some in Java do."""
    flight, last, end = _unanswered_flight(facts), _last_of_server(facts), ending(story)
    if not flight or end is None or end.by_initiator or client_flight(facts) != "no certificate":
        return None
    if last is not None and moment(last) > moment(flight[0]):
        return None
    sent = story.packet(flight[0].frame)
    acked = story.responder.fin_ack if end.reset is None else end.reset.ack
    if sent is None or seq_after(sent.end_seq, acked) or _too_late(story, flight[:1], end.time):
        return None
    return HiddenAlert(False, "missing certificate", facts, flight[0].frame, 0, end.frame)


def _unanswered_flight(facts: TlsFacts) -> list[Record]:
    """Return the client's flight where the server sent neither tickets nor data after it."""
    return [] if facts.tickets or facts.server_data else _flight(facts)


def _last_of_server(facts: TlsFacts) -> Record | None:
    records = encrypted_records(facts, from_initiator=False)
    return records[-1] if records else None


def refused_flight(story: Story) -> bool:
    """Return whether a server ended right after a client flight with a certificate in it.

    Without an alert that is no proof: some servers just close on a certificate they do not take.
    Nor is an alert that came late: a JVM just started took 350 ms for its verdict (measured).
    """
    facts, end = tls_facts(story), ending(story)
    if facts is None or end is None or not facts.is_tls13 or facts.key_state == "decrypted":
        return False
    said = unread_alert(facts, from_initiator=False)
    left = end.by_initiator and (said is None or moment(said) > moment(end))
    if facts.incomplete or facts.records_left_out or left:
        return False
    flight = _unanswered_flight(facts)
    taken = not flight or client_flight(facts) != "certificate"
    if taken:
        return False
    if said is not None:
        return not _too_late(story, flight, said.time, AT_ONCE)
    return not _too_late(story, flight, end.time)


def _too_late(story: Story, flight: list[Record], time: int, within: int = CHECKED_WITHIN) -> bool:
    """Return whether the server had time to refuse the flight before, and ended over a request."""
    return time - flight[-1].time > within + 2 * round_trip(story)


def _as_alert(record: Record) -> Alert:
    return Alert(record.frame, record.time, record.from_initiator, None, None)


def _patience(story: Story) -> int:
    """Return how long after an alert the close may come."""
    return AT_ONCE + 2 * round_trip(story)


def _end_after(story: Story, alert: Alert) -> Ending | None:
    """Return the FIN or RST that followed an alert at once."""
    end = ending(story)
    if end is None or not 0 <= end.time - alert.time <= _patience(story):
        return None
    return end
