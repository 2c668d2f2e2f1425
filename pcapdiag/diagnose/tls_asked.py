"""A request inside TLS behind which the initiator's last bytes are only its goodbye.

A client that gives up, or that a server hung up on, mostly says close_notify (RFC 8446 section
6.1): the last bytes then ask for nothing, though the request before them was never answered. Told
for HTTP alone: a log shipper, or a publisher, says goodbye after messages that nobody answers.
"""

from __future__ import annotations

from pcapdiag.diagnose.disorder import answers_unseen
from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.tls_state import (
    CLOSE_NOTIFY,
    encrypted_records,
    first_data,
    nothing_answered,
    tls_facts,
)
from pcapdiag.model.moment import moment
from pcapdiag.model.once import once
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Alert, Record, TlsFacts
from pcapdiag.model.units import MS
from pcapdiag.protocols.tls.infer import PADDING, Sizes
from pcapdiag.protocols.tls.numbers import APPLICATION_DATA

SMALL_RECORD = 43
"""Two WINDOW_UPDATE frames in one TLS 1.3 record; a request with a path is longer."""
SMALL_PADDED = SMALL_RECORD + PADDING
WAITED = 5 * MS
"""A client that says goodbye sooner did not wait for an answer."""
BURST = 100 * MS
"""Records of one request come together."""
HTTP_PORTS = frozenset({443, 8443, 6443, 9443})
"""HTTPS, its usual other port, and Kubernetes' API server."""
HTTP_NAMES = ("h2", "http/1.1", "http/1.0")
RECORD_OVERHEAD = 22
"""Of a TLS record its head, content type and tag at least (RFC 8446 section 5.2)."""
SHORTEST_HTTP1 = b"GET / HTTP/1.1\r\nHost: \r\n\r\n"


@once
def unanswered_request(story: Story) -> Record | None:
    """Return the last record of a request that only goodbyes followed, or None.

    None too where the initiator left at once, or answers were captured before what they answer.
    """
    facts = tls_facts(story)
    if facts is None or facts.incomplete or facts.records_left_out or answers_unseen(story):
        return None
    asked = _last_request(facts)
    if asked is None or not _is_http(story, facts):
        return None
    said = next((alert for alert in facts.alerts if moment(alert) > moment(asked)), None)
    if said is None or not (nothing_answered(story) or _unanswered(facts, asked, said)):
        return None
    by_initiator = said.from_initiator and not _was_closed(story, said)
    return None if by_initiator and said.time - asked.time <= WAITED else asked


@once
def goodbye_before_request(story: Story) -> Alert | None:
    """Return the responder's goodbye where HTTP's client asked once more after it; None without.

    Servers that wait for the client's own goodbye (Python's asyncio) close no sooner: then this is
    the first closing word.
    """
    facts, turn = tls_facts(story), story.turn
    if facts is None or facts.incomplete or facts.records_left_out or not _is_http(story, facts):
        return None
    said = next((one for one in facts.alerts if not one.from_initiator), None)
    if said is None or said.code not in (None, CLOSE_NOTIFY) or turn.request_frame <= said.frame:
        return None
    sent = encrypted_records(facts, from_initiator=True)
    behind = [one.length for one in sent if moment(one) > moment(said)]
    answered = any(moment(one) > moment(said) for one in _data_of_responder(facts))
    return said if max(behind, default=0) > small_record(facts) and not answered else None


def _was_closed(story: Story, said: Alert) -> bool:
    """Return whether the responder had closed before, so that the goodbye only answers that."""
    end = ending(story)
    return end is not None and not end.by_initiator and moment(end) < moment(said)


def small_record(facts: TlsFacts | None) -> int:
    """Return the length up to which the initiator's records need not be requests."""
    if facts is None or facts.server_hello is None or not facts.is_tls13:
        return SMALL_RECORD
    finished = Sizes.of(facts.server_hello.cipher).finished + PADDING
    sent = encrypted_records(facts, from_initiator=True)
    return SMALL_PADDED if sent and sent[0].length == finished else SMALL_RECORD


@once
def too_short_for_http1(story: Story) -> bool:
    """Return whether the initiator's last bytes have no room for a request that names its host.

    HTTP/1 must (RFC 9112 section 3.2), and it is mostly the server name of the ClientHello. On a
    connection that answered requests such bytes are no other one: a WebSocket's message, say.
    """
    facts = tls_facts(story)
    hello = facts.client_hello if facts is not None else None
    if facts is None or hello is None or not hello.sni or "h2" in hello.alpn:
        return False
    if not _is_http(story, facts) or nothing_answered(story):
        return False
    least = len(SHORTEST_HTTP1) + len(hello.sni) + RECORD_OVERHEAD
    return story.turn.request_bytes < least


def _last_request(facts: TlsFacts) -> Record | None:
    """Return the initiator's last record that is too long for a goodbye or a frame of control."""
    data = first_data(facts)
    if data is None:
        return None
    sent = encrypted_records(facts, from_initiator=True)
    least = small_record(facts)
    asked = [one for one in sent[sent.index(data) :] if one.length > least]
    return asked[-1] if asked else None


def _is_http(story: Story, facts: TlsFacts) -> bool:
    hello = facts.client_hello
    named = hello is not None and any(name in HTTP_NAMES for name in hello.alpn)
    return named or story.responder.port in HTTP_PORTS


def _unanswered(facts: TlsFacts, asked: Record, said: Alert) -> bool:
    """Return whether the responder sent nothing longer than an alert between the two.

    On HTTP/2 a long record need not be a request, save the first one.
    """
    data = [moment(one) for one in _data_of_responder(facts)]
    first = not any(when < moment(asked) for when in data)
    silent = not any(moment(asked) < when <= moment(said) for when in data)
    return silent and (first or (_is_http1(facts) and _by_turns(facts, asked, said)))


def _by_turns(facts: TlsFacts, asked: Record, said: Alert) -> bool:
    """Return whether the ends spoke by turns up to the request, and nobody did after it.

    HTTP/1 is so (RFC 9112 section 9.3); a WebSocket, which begins as HTTP/1 does, need not be, and
    says Close at its end.
    """
    known = [one for one in facts.records if one.type == APPLICATION_DATA]
    if any(moment(asked) < moment(one) < moment(said) for one in known):
        return False
    mine = [one for one in known if one.from_initiator and asked.time - one.time > BURST]
    since = moment(mine[-1]) if mine else (0, 0)
    return any(since < moment(one) < moment(asked) for one in known if not one.from_initiator)


def _data_of_responder(facts: TlsFacts) -> list[Record]:
    """Return the responder's records behind the handshake, without tickets and alerts.

    In TLS 1.3 the initiator's first encrypted record ends the handshake: none is behind it without.
    """
    sent = encrypted_records(facts, from_initiator=False)
    if not facts.is_tls13 or facts.server_hello is None:
        return sent
    if facts.key_state == "decrypted":
        return [one for one in sent if one.inner_type == APPLICATION_DATA]
    begun = next(iter(encrypted_records(facts, from_initiator=True)), None)
    if begun is None:
        return []
    size = Sizes.of(facts.server_hello.cipher).alert + PADDING
    behind = [one for one in sent if moment(one) > moment(begun)]
    return [one for one in behind[facts.tickets :] if one.length > size]


def _is_http1(facts: TlsFacts) -> bool:
    hello, answer = facts.client_hello, facts.server_hello
    if answer is not None and answer.alpn is not None:
        return answer.alpn != "h2"
    return hello is not None and "h2" not in hello.alpn and bool(hello.alpn)
