"""tcp.closed_before_response: The responder hung up instead of answering.

What happened
    The initiator sent a request; the responder took it, sent no byte back, and closed the
    connection in an orderly way.

How pcapdiag can tell
    The responder's FIN acknowledges the request (or part of it), no response byte came, and the FIN
    was the first closing word. A FIN that does not acknowledge the request crossed it on the way:
    that is tcp.stale_connection. Inside TLS a close_notify (or an alert, which looks the same) is
    the closing word, also where the initiator's FIN comes before the responder's. Session tickets
    of TLS 1.3 are no answer, and what HTTP's client still says behind them is its own goodbye. Nor
    is PostgreSQL's fatal error about the server itself (it is stopped, a pooler's wait was too
    long): it is told as the last word. In a protocol that cannot be read, last bytes behind an
    earlier exchange may be a notice, or the answer to what the responder asked: it is less sure
    there, and no failure where the initiator has sent on unanswered before. Who stopped within its
    own request of HTTP/1, for a second or more, with nothing to hold it up, had no answer due: then
    it is the initiator that failed.

Usual causes
    - The program crashed or was killed with nothing left unread: Linux then sends FIN, not RST.
    - It gave up on this request, or is shutting down; a worker's time limit ran out.
    - Another protocol on that port: plaintext to TLS, HTTP/1 to HTTP/2, no PROXY header.
    - A TCP proxy whose backend is dead.

Fixes
    - First: read the program's log at that moment, and send the same request to it directly.
    - Application: worker limits (gunicorn `--timeout`, PHP `request_terminate_timeout`), crashes,
      out-of-memory kills (`dmesg -T`).
    - Envoy: `retry_on: reset`, for requests that may be repeated (a FIN counts, too; it logs UC for
      both).
    - Istio: `retries.retryOn: reset` in the VirtualService, for requests that may be repeated.
    - NGINX: `proxy_next_upstream error` (for POST only with `non_idempotent`).
    - HAProxy: `retry-on empty-response`.
    - Kubernetes: restarts in `kubectl describe pod`; `preStop` and `terminationGracePeriodSeconds`
      around a rollout.

Can be confused with
    - tcp.reset_before_response: the same by RST.
    - tcp.stale_connection: the FIN crossed the request on its way.
    - protocol.plaintext_to_tls, protocol.http1_to_http2, protocol.missing_proxy_header: where other
      connections say what the port speaks.

What would settle it
    - The program's log; a capture behind it, where it is a proxy.
    - `curl -v` of the same request to the same address, from the initiator.

References
    - RFC 9112 section 9.5: failures and timeouts of a connection.
    - NGINX ngx_http_upstream.c: "upstream prematurely closed connection".
    - Measured in the lab (docs/lab.md): a killed process with an empty buffer sends FIN; stunnel,
      whose backend is dead, says goodbye, and its client's FIN may come before its own.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.goodbye import initiators_goodbye, responders_goodbye
from pcapdiag.diagnose.http2.asked import asked_facts, asked_in
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.one_way import is_one_way, known_to_answer
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.postgres import last_word
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.tls.hidden import refused_flight
from pcapdiag.diagnose.tls_asked import unanswered_request
from pcapdiag.diagnose.tls_state import request_number
from pcapdiag.diagnose.work import (
    Work,
    answer_may_be_missing,
    request_may_be_missing,
    sending_request,
    work,
)
from pcapdiag.model.context import Context
from pcapdiag.model.harmless import harmless, is_text
from pcapdiag.model.moment import moment
from pcapdiag.model.report import Attribution
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.closed_before_response",
    title="closed instead of answering: {closer} sent {word} {since_request} after the request",
    explanation=(
        "{initiator} sent a request of {request_bytes} (frame {request_frame}); {since_request} "
        "later {closer} closed the connection ({word} in frame {fin_frame}) without a byte of an "
        "answer. It was request number {turn} on this connection."
    ),
    phases=("tls_handshake", "in_request", "before_response"),
    envoy=Envoy("UC", "connection termination"),
    nginx="upstream prematurely closed connection while reading response header from upstream",
    haproxy="SH",
    fix_at=("responder", "path"),
    fixes=(
        "did the program on {responder_ip} crash, restart, time out a worker or drop this "
        "request? its log",
        "right protocol for that port: TLS or plaintext, HTTP/1 or HTTP/2, PROXY header?",
        "is {responder} itself a proxy? then look at what it asked behind it",
    ),
    commands=(
        "curl -v --max-time 10 '{scheme}://{responder_host}:{responder_port}/'  # from "
        "{initiator_ip}",
        "journalctl -e; dmesg -T | grep -iE 'oom|segfault'  # on {responder_ip}",
    ),
)

MAX_SAID = 120
"""Characters of a server's last word that are told."""
LEGIBLE = 4
"""Bytes that a protocol is told by: with fewer, no method and no message type is known."""
STALLED = SECOND
"""A request that did not go on for so long had stopped."""
REFUSED = (OtherCode("tls.certificate_rejected", 0.35),)
"""What a close right behind a client's certificate in TLS 1.3 may be too."""
AT_ITS_END = (OtherCode("ok", 0.35),)
"""What it may be behind an earlier exchange in a protocol that cannot be read."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a responder that took a request, answered nothing and closed.

    Its word is its FIN, or a close_notify that the initiator's FIN or RST followed.
    """
    end = ending(story)
    said = responders_goodbye(story, end)
    if end is None or (said is None and (end.reset is not None or end.by_initiator)):
        return None
    if initiators_goodbye(story, end) is not None:
        return None
    if work(story) is not Work.WAITING or answer_may_be_missing(story):
        return None
    if request_may_be_missing(story) or is_one_way(story, context):
        return None
    turn = story.turn
    if said and not turn.request_acked and unanswered_request(story) is None:
        return None
    time, frame = moment(said or end)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, end.time),
        confidence=_sure(story),
        frames=frames_of(asked_in(story), frame),
        ended_by="responder",
        candidates=_to_blame(story, time, frame, encrypted=said is not None),
        alternatives=_others(story),
        notes=_last_word(story) + _stalled(story, time),
        facts={
            "request_frame": str(turn.request_frame),
            "fin_frame": str(frame),
            "word": "a TLS goodbye" if said else "FIN",
            "since_request": duration(max(0, time - turn.request_last_time)),
            "turn": str(request_number(story)),
        }
        | asked_facts(story, time),
    )


def _sure(story: Story) -> float:
    unsure = refused_flight(story) or _may_want_no_answer(story)
    return 0.6 if unsure else 0.96


def _others(story: Story) -> tuple[OtherCode, ...]:
    if refused_flight(story):
        return REFUSED
    return AT_ITS_END if _may_want_no_answer(story) else ()


def _may_want_no_answer(story: Story) -> bool:
    """Return whether the last bytes may be a farewell, a notice, or the answer to a question.

    Behind an earlier exchange, in a protocol that cannot be read: many have a message that ends a
    session. Who is called asks as often where programs in the field call their controller, and
    closes when it has heard enough. The same holds for a message of which hardly a byte was kept,
    and where the beginning was not captured and the responder never spoke.
    """
    turn = story.turn
    if len(turn.request_head) < min(LEGIBLE, turn.request_bytes):
        return not known_to_answer(story)
    late = story.midstream or turn.index > 1
    text = bool(turn.request_head) and is_text(turn.request_head)
    unheard = story.midstream and not story.responder.payload_bytes
    return late and not (text and not unheard) and not known_to_answer(story)


def _last_word(story: Story) -> tuple[str, ...]:
    said = last_word(story)
    return (f'Its last word was "{harmless(said, MAX_SAID)}" (PostgreSQL).',) if said else ()


def refined(judgement: Judgement, attribution: Attribution, story: Story) -> Judgement | None:
    """Return the verdict for a FIN that the path sent; None where it stays as it is."""
    if judgement.code != KIND.code or attribution.side != "path":
        return None
    closer = f"a device in the name of {story.responder.host_port}"
    return replace(judgement, ended_by="path", facts=judgement.facts | {"closer": closer})


def _stopped_within_request(story: Story, time: int) -> bool:
    """Return whether the initiator itself had stopped within its request, long before ``time``.

    Nothing held it up: what it had sent was acknowledged, the window was open, and it did not wait
    for a 100 (RFC 9110 section 10.1.1).
    """
    turn = story.turn
    quiet = time - turn.request_last_time >= STALLED
    free = turn.request_acked and not story.responder.zero_windows
    waits = b"100-continue" in turn.request_head.lower()
    return quiet and free and not waits and sending_request(story)


def _stalled(story: Story, time: int) -> tuple[str, ...]:
    if not _stopped_within_request(story, time):
        return ()
    quiet = duration(time - story.turn.request_last_time)
    return (
        f"{story.initiator.address} never finished its request: it sent nothing more in the "
        f"{quiet} before. Servers close then (NGINX client_header_timeout and client_body_timeout, "
        "Apache RequestReadTimeout, lighttpd server.max-read-idle, Go ReadTimeout).",
    )


def _to_blame(story: Story, time: int, frame: int, *, encrypted: bool) -> tuple[SideHint, ...]:
    if _stopped_within_request(story, time):
        last = (story.turn.request_last_frame,)
        return (
            SideHint("initiator", 0.9, "it stopped within its own request", last),
            SideHint("responder", 0.06, "it closed before the request had come", (frame,)),
            SideHint("path", 0.04, "the rest of the request may have been dropped", last),
        )
    return _encrypted(frame) if encrypted else _in_order(frame)


def _in_order(frame: int) -> tuple[SideHint, ...]:
    return (
        SideHint("responder", 0.97, "the FIN is in order and bears its address", (frame,)),
        SideHint("path", 0.03, "a proxy that answers for it would look the same", (frame,)),
    )


def _encrypted(frame: int) -> tuple[SideHint, ...]:
    why = "its goodbye is encrypted with the keys of this connection"
    return (SideHint("responder", 0.97, why, (frame,)), SideHint("initiator", 0.02, why, (frame,)))
