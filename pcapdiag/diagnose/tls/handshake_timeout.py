"""tls.handshake_timeout: A message of the TLS handshake was never answered.

What happened
    TCP worked, the TLS handshake had begun, and one end waited for the other's next message until
    somebody gave up.

How pcapdiag can tell
    The ClientHello (or a later flight) acknowledged by TCP and not answered, and the waiting end
    closed after a time that is a timeout's value, or the server, whose flight was whole, closed on
    a client that did not go on for a second or more. Or the flight itself repeated and never
    acknowledged: it, or its answer, was lost on the way; full-size segments only: see
    mtu.black_hole.

Usual causes
    - The server's program hangs or does not accept: TCP is the kernel's.
    - A proxy whose backend does not answer.
    - A filter that drops by name.
    - A path MTU hole for a large ClientHello or certificate.
    - A port where the other end waits for the client to speak another protocol.

Fixes
    - First: was the last flight acknowledged? Then it is the program. If not, it is the path or the
      size.
    - Application: does it accept (`ss -ltn`), is its event loop free?
    - Envoy: `connect_timeout` covers TCP and TLS together. As the server,
      `transport_socket_connect_timeout` of the filter chain.
    - Istio: `connectionPool.tcp.connectTimeout`.
    - NGINX: as the client, `proxy_connect_timeout` covers the handshake; as the server,
      `client_header_timeout`.
    - HAProxy: `timeout connect`; as the server, `timeout client`.
    - Network: MTU and MSS (`TCPMSS --clamp-mss-to-pmtu`); a device that drops by name.

Can be confused with
    - tls.handshake_closed: the initiator left at no timeout's value.
    - mtu.black_hole: only full-size segments are lost.
    - tcp.data_timeout: outside the handshake.

What would settle it
    - A capture at the other end: does the ClientHello, or the certificate, arrive there?
    - `ping -M do -s 1472 SERVER` from the initiator: does full size pass?

References
    - RFC 8446 section 4: who waits for what.
    - Envoy's documentation, "How do I configure timeouts?"; NGINX `proxy_connect_timeout`.
    - Measured in the lab (docs/lab.md): Envoy logs UF connection timeout for a filtered port and
      for a silent TLS server alike.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.patience import patience
from pcapdiag.diagnose.speech import Said, said
from pcapdiag.diagnose.tcp import data_timeout
from pcapdiag.diagnose.tcp.unacknowledged import FULL_SIZE, size_matters, stuck_data
from pcapdiag.diagnose.timing import duration, round_trip
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.breakoff import open_handshake, records_before, step
from pcapdiag.diagnose.tls.commands import s_client_words
from pcapdiag.diagnose.tls.hidden import has_size_of_alert
from pcapdiag.diagnose.tls.sni_rejected import other_name_works
from pcapdiag.diagnose.tls_state import encrypted_records, is_error
from pcapdiag.diagnose.work import (
    answer_in_time,
    answer_may_be_missing,
    request_may_be_missing,
)
from pcapdiag.model.context import Context
from pcapdiag.model.ends import Actor, side_of
from pcapdiag.model.packet import seq_after
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Record, TlsFacts
from pcapdiag.model.units import SECOND
from pcapdiag.protocols.tls.infer import Sizes
from pcapdiag.protocols.tls.numbers import ALERT, SERVER_HELLO_DONE

KIND = Kind(
    code="tls.handshake_timeout",
    title="TLS handshake never answered: {silent} was silent for {waited}",
    explanation=(
        "{initiator} began a TLS handshake with {responder} (ClientHello in frame {hello_frame}: "
        "{offer}). The last message was {step}; then {how}. {then}"
    ),
    phases=("tls_handshake",),
    envoy=Envoy("UF", "connection timeout"),
    nginx="upstream timed out (110: Connection timed out) while SSL handshaking to upstream",
    haproxy="sC",
    fix_at=("responder", "path", "initiator"),
    fixes=(
        "acknowledged and not answered: does the program on {silent_ip} hang, or not accept? (ss "
        "-ltn Recv-Q, CPU, its log); is a backend behind it silent?",
        "not acknowledged: does a device between drop by name or by size? compare a capture at "
        "both ends, try another name and a smaller ClientHello (no X25519MLKEM768)",
        "full-size segments lost: lower the MTU or clamp the MSS (iptables TCPMSS "
        "--clamp-mss-to-pmtu)",
        "does the port wait for another protocol? (STARTTLS, PROXY header, plaintext)",
    ),
    commands=(
        "{s_client}  # from {initiator_ip}",
        "ss -ltnp 'sport = :{responder_port}'  # on {responder_ip}: Recv-Q is connections not "
        "accepted",
        "ping -c 3 -M do -s {full_ping} {responder_ip}  # from {initiator_ip}: does full size "
        "pass?",
    ),
)

SERVER_WAITS = 5 * SECOND
"""A server that closes this long after its flight gave up on a client that said nothing."""
SURE_OF_SERVER, LESS_SURE = 0.8, 0.65
"""Probability that it gave up: after that time, and after one in which answers come elsewhere."""
LONG, LONG_TRIPS = SECOND, 10
"""A handshake message is answered within a round trip and milliseconds: with nothing after this
long (and so many round trips) the answer was overdue, whenever the client then left."""
SURE_WHEN_LONG = 0.8
TRIES = 4
"""Repeats of the same handshake message, none acknowledged, that no passing loss explains."""


class Silence(msgspec.Struct, frozen=True):
    """Whose turn it was, how long the other waited, and how sure it is that this was a timeout."""

    silent: Actor
    waited: int
    confidence: float
    end: Ending | None
    others: tuple[OtherCode, ...] = ()
    who: tuple[SideHint, ...] = ()
    lost: bool = False
    """The segments were never acknowledged."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a TLS handshake in which somebody waited in vain."""
    facts = open_handshake(story)
    if facts is None or facts.established or any(is_error(alert, facts) for alert in facts.alerts):
        return None
    silence = _never_acknowledged(story, context) or _never_answered(story, context, facts)
    return _judgement(story, facts, silence) if silence else None


def _never_acknowledged(story: Story, context: Context) -> Silence | None:
    stuck = stuck_data(story)
    if stuck is None:
        return None
    end = ending(story)
    certain = stuck.repeats >= TRIES and end is None
    if not certain and data_timeout.match(story, context) is None:
        return None
    tried = data_timeout.tried_for(story, stuck, end)
    big = stuck.length >= FULL_SIZE
    share = 0.45 if size_matters(story, stuck) or (big and stuck.hole) else 0.2 if big else 0.03
    others = (OtherCode("mtu.black_hole", share),)
    silent = side_of(not stuck.by_initiator)
    who = data_timeout.who(story, context, stuck, end)
    other = other_name_works(story, context) if stuck.by_initiator else None
    if other is not None:
        why = f"{other}: a filter by name drops such segments"
        frames = (stuck.first_frame,)
        who = (SideHint("path", 0.75, why, frames), SideHint("responder", 0.2, who[0].why, frames))
    return Silence(silent, tried, round(0.95 - share, 2), end, others, who, lost=True)


def _never_answered(story: Story, context: Context, facts: TlsFacts) -> Silence | None:
    end = ending(story)
    if end is None or answer_may_be_missing(story):
        return None
    before = [record for record in records_before(facts, end) if record.type != ALERT]
    if facts.incomplete or (not before and story.initiator.truncated):
        return _client_gave_up_unheard(story, context, end)
    if not before:
        return None
    last = _last_but_alerts(before, facts)
    if last.from_initiator and end.by_initiator and _was_taken(story, last):
        return _client_gave_up(story, context, end, last.time)
    if not last.from_initiator and not end.by_initiator:
        return _server_gave_up(story, facts, end, last.time)
    return None


def _last_but_alerts(before: list[Record], facts: TlsFacts) -> Record:
    """Return the last record that is no farewell: OpenJDK's server says two when it gives up."""
    spoken = (r for r in reversed(before) if not has_size_of_alert(r, facts))
    return next(spoken, before[0])


def _client_gave_up_unheard(story: Story, context: Context, end: Ending) -> Silence | None:
    """Return the silence behind a ClientHello that snaplen cut: no byte came back in time."""
    turn = story.turn
    asked = said(turn.request_head) is Said.TLS_HELLO and turn.request_acked
    if not asked or not end.by_initiator or answer_in_time(story):
        return None
    return _client_gave_up(story, context, end, turn.request_last_time)


def _was_taken(story: Story, message: Record) -> bool:
    """Return whether the responder's host acknowledged a record of the initiator."""
    sent = story.packet(message.frame)
    if sent is None or story.initiator.acked is None:
        return story.turn.request_acked
    return not seq_after(sent.end_seq, story.initiator.acked)


def _client_gave_up(story: Story, context: Context, end: Ending, since: int) -> Silence | None:
    sure = round(min(patience(story, context, since, end.time).timeout, 0.95), 2)
    if end.time - since >= max(LONG, LONG_TRIPS * round_trip(story)):
        sure = max(sure, SURE_WHEN_LONG)
    if sure < 0.5:
        return None
    address = story.responder.address
    why = f"{address} acknowledged the handshake message and did not answer it"
    who = (
        SideHint("responder", 0.93, why, (end.frame,)),
        SideHint("initiator", 0.04, "it may have given up too soon", (end.frame,)),
    )
    others = (OtherCode("tls.handshake_closed", round(0.98 - sure, 2)),)
    return Silence("responder", end.time - since, sure, end, others, who)


def _server_gave_up(story: Story, facts: TlsFacts, end: Ending, since: int) -> Silence | None:
    waited = end.time - since
    if waited < max(LONG, LONG_TRIPS * round_trip(story)) or not _has_said_all(facts):
        return None
    if request_may_be_missing(story):
        return None
    sure = SURE_OF_SERVER if waited >= SERVER_WAITS else LESS_SURE
    address = story.initiator.address
    why = f"{address} had the server's flight and did not go on"
    who = (
        SideHint("initiator", 0.85, why, (end.frame,)),
        SideHint("path", 0.1, "its answer may have been lost on the way", (end.frame,)),
    )
    broken = "tls.handshake_closed" if end.reset is None else "tls.handshake_reset"
    others = (OtherCode(broken, round(0.95 - sure, 2)),)
    return Silence("initiator", waited, sure, end, others, who)


def _has_said_all(facts: TlsFacts) -> bool:
    """Return whether the server's flight was whole, as far as can be told: the client's is due.

    In TLS 1.3 a Finished ends it, alone or in one record with what comes before it.
    """
    if facts.server_finished or not facts.messages:
        return True
    if not facts.is_tls13 or facts.server_hello is None:
        return any(m.type == SERVER_HELLO_DONE for m in facts.messages)
    finished = Sizes.of(facts.server_hello.cipher).finished
    sent = encrypted_records(facts, from_initiator=False)
    return any(record.length > finished for record in sent)


def _judgement(story: Story, facts: TlsFacts, silence: Silence) -> Judgement:
    hello, end = facts.client_hello, silence.end
    last = facts.records[-1].frame if facts.records else 0
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="tls_handshake",
        confidence=silence.confidence,
        frames=frames_of(hello.frame if hello else 0, last, end.frame if end else 0),
        ended_by=end.actor if end else None,
        candidates=silence.who,
        alternatives=silence.others,
        fix_at=("initiator", "responder") if silence.silent == "initiator" else (),
        facts=_words(story, facts, silence),
    )


def _words(story: Story, facts: TlsFacts, silence: Silence) -> dict[str, str]:
    hello, end = facts.client_hello, silence.end
    mute = story.half(silence.silent == "initiator")
    silent = mute.host_port
    waited = duration(silence.waited)
    how = f"{silent} acknowledged it and did not answer for {waited}"
    if silence.lost:
        how = f"the same segments were sent again and again for {waited}, never acknowledged"
    then = "Then nothing more came."
    if end is not None:
        who = story.half(end.by_initiator).host_port
        then = f"Then {who} gave up ({end.word} in frame {end.frame})."
    return {
        "silent": silent,
        "silent_ip": mute.address,
        "waited": waited,
        "hello_frame": str(hello.frame if hello else 0),
        "offer": words.client_offer(facts),
        "step": step(facts, end),
        "how": how,
        "then": then,
    } | s_client_words(story, facts)
