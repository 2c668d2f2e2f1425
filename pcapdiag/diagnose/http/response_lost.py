"""http.response_lost: A complete early answer, destroyed by the RST behind it.

What happened
    The responder answered before it had read the whole request (413, 401 ...), and closed with the
    rest unread: its kernel then sends RST. The initiator, still sending, meets the RST before it
    has read the answer, and reports a reset.

How pcapdiag can tell
    A complete 4xx or 5xx while the request's body was still being sent, then RST by the responder.
    Whether the answer was read does not show on this connection when it was acknowledged: then it
    is `ok` with a note, unless the other leg shows an error (a 502 or 503 in its place). An answer
    that was never acknowledged was not read.

Usual causes
    - A size limit or a missing login, with a client that sends the body at once.
    - A server that answers early and closes without reading on.

Fixes
    - First: with a smaller or authorised request it is gone. Then let the server read on, or the
      client ask first.
    - Application: read and discard the rest, or half-close and wait, before you close. Clients:
      `Expect: 100-continue`.
    - Envoy: as the client it may log 503 UC for a 413; the origin must read on.
    - NGINX: as the server, `lingering_close always` with `lingering_time`; `client_max_body_size`
      for the limit itself.
    - HAProxy: `option http-buffer-request` takes the body before it asks the server.
    - Kubernetes: ingress-nginx `proxy-body-size`.

Can be confused with
    - tcp.reset_before_response: the answer never came.
    - tcp.reset_in_response: the answer broke off.
    - `ok`: the answer was acknowledged, and nothing says that it was lost.

What would settle it
    - The other leg: is there a 502 or 503 in the answer's place? `pcapdiag correlate`.

References
    - RFC 9112 section 9.6 (lingering close), RFC 9110 section 10.1.1 (100-continue), RFC 2525
      section 2.17.
    - Measured in the lab (docs/lab.md): in one set-up Envoy gave 503 UC for an early 413, in
      another it passed it on; NGINX always did.
"""

from __future__ import annotations

from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Story

KIND = Kind(
    code="http.response_lost",
    title="early answer lost behind a reset: {request} -> {answer}, never read by {initiator}",
    explanation=(
        "{responder} answered {request} with a complete {status} ({response_where}) while the "
        "request's body was still being sent, and reset the connection {since} later (frame "
        "{rst_frame}): it closed with bytes unread. {shown}"
    ),
    phases=("in_request", "in_response"),
    envoy=Envoy("UC", "connection termination"),
    nginx="writev() failed (104: Connection reset by peer) while sending request to upstream",
    haproxy="SH",
    fix_at=("responder", "initiator"),
    fixes=(
        "why {status}? a size limit (NGINX client_max_body_size, Envoy buffer filter, Kubernetes "
        "ingress proxy-body-size) or a missing login: with a smaller or authorised request it is "
        "gone",
        "let the server read the rest before it closes (NGINX lingering_close always and "
        "lingering_time; in a program: read on for a while, or half-close and wait)",
        "let the client wait for permission: Expect: 100-continue",
    ),
    commands=(
        "head -c 1000000 /dev/zero | curl -sv -H 'Expect: 100-continue' --data-binary @- -o "
        "/dev/null '{scheme}://{responder_host}:{responder_port}/'  # from {initiator_ip}",
    ),
)

UNREAD = 0.55
"""Probability that an answer which was not acknowledged before the RST was lost: an ACK may also
have been on its way."""
CONFIRMED = 0.95


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for an early answer that was never acknowledged."""
    if early_answer(story, exchange) is None or story.turn.response_acked:
        return None
    return lost(story, exchange, UNREAD, "The answer was never acknowledged.")


def early_answer(story: Story, exchange: Exchange) -> PacketFact | None:
    """Return the RST behind a complete answer that came while the request was being sent."""
    status = exchange.status
    if exchange.version == "2" or not exchange.complete or status is None or status < 400:
        return None
    answered = exchange.response_time
    if exchange.method is None or answered is None or _was_asked_in_full(exchange, answered):
        return None
    behind = (r for r in story.resets if not r.from_initiator and r.time >= answered)
    return next(behind, None)


def _was_asked_in_full(exchange: Exchange, answered: int) -> bool:
    sent = exchange.request_end_time
    return exchange.request_complete and (sent is None or sent <= answered)


def lost(story: Story, exchange: Exchange, confidence: float, shown: str) -> Judgement | None:
    """Return the verdict; ``shown`` is a sentence that says why the answer was lost.

    Another leg that shows an error in the answer's place makes it certain (CONFIRMED).
    """
    reset = early_answer(story, exchange)
    if reset is None:
        return None
    frames = (reset.frame,)
    answered = exchange.response_end_time or exchange.response_time or reset.time
    return request_failed(
        story,
        exchange,
        KIND.code,
        "in_request",
        confidence,
        (
            SideHint(
                "responder",
                0.93,
                "a host that closes with bytes unread sends RST (RFC 2525)",
                frames,
            ),
        ),
        frames=frames,
        alternatives=() if confidence >= CONFIRMED else (OtherCode("ok", 0.4),),
        facts={
            "rst_frame": str(reset.frame),
            "since": duration(max(0, reset.time - answered)),
            "shown": shown,
        },
    )


def early_answer_note(story: Story, exchange: Exchange) -> str | None:
    """Return a note for a connection that is ``ok`` as far as it shows."""
    reset = early_answer(story, exchange)
    if reset is None:
        return None
    return (
        f"Early answer {exchange.status} with RST behind it (frame {reset.frame}): an initiator "
        "that was still sending may have lost it."
    )
