"""http.response_rejected: The answer was readable, and the proxy would not take it.

What happened
    The answer can be read, but breaks a limit or a rule of the proxy that asked: headers too large
    or too many, Content-Length together with Transfer-Encoding, or twice with different values. The
    proxy drops it and gives its own client 502.

How pcapdiag can tell
    Such an answer, and the initiator ends the connection at once, before the answer was complete.
    Where it ended right after a complete one, a client without keep-alive looks the same: that is
    `ok` with a note here, and this code when the other leg shows the 502.

Usual causes
    - Large cookies or tokens in headers. NGINX takes 4 or 8 kB of headers, Envoy 60 kB and 100
      headers, HAProxy 16 kB.
    - A program behind a framework that both set a length.

Fixes
    - First: mend the answer. Raise the proxy's limit only if the answer is right.
    - Application: fewer or smaller cookies; either Content-Length or chunks, and the length once.
    - Envoy: `common_http_protocol_options.max_headers_count` (100) of the cluster;
      `allow_chunked_length` only hides two lengths.
    - Istio: the same by EnvoyFilter.
    - NGINX: `proxy_buffer_size` (with `proxy_buffers` and `proxy_busy_buffers_size`);
      `grpc_buffer_size`.
    - HAProxy: `tune.bufsize`, `tune.http.maxhdr`; `option accept-invalid-http-response` only hides
      it.
    - Kubernetes: ingress-nginx `proxy-buffer-size`.

Can be confused with
    - http.malformed_response: not readable at all.
    - tcp.initiator_abort: the initiator left for reasons of its own.

What would settle it
    - The other leg: does the proxy's client get a 502? The proxy's error log names the header.
    - `curl -sv -o /dev/null` straight to the server: how many headers, how large?

References
    - RFC 9112 sections 6.1 and 6.3 (both lengths), RFC 9110 section 5.4 (limits).
    - NGINX "upstream sent too big header"; Envoy flag UPE; HAProxy configuration manual section 8.5
      (PH).
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending
from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration, round_trip
from pcapdiag.model.context import Context
from pcapdiag.model.harmless import harmless
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS

KIND = Kind(
    code="http.response_rejected",
    title="{initiator} would not take the answer: {request} -> {answer} with {problem}",
    explanation=(
        "{responder} answered {request} with {status} ({response_where}), and the answer has "
        "{problem}. {initiator} ended the connection {since} later (frame {end_frame}). {shown}"
    ),
    phases=("in_response",),
    envoy=Envoy("UPE", "protocol error"),
    nginx="upstream sent too big header while reading response header from upstream",
    haproxy="PH",
    fix_at=("responder", "initiator"),
    fixes=(
        "mend the answer on {responder_ip}: {problem}",
        "or raise the limit on {initiator_ip}: NGINX proxy_buffer_size and proxy_buffers; Envoy "
        "max_headers_count (common_http_protocol_options of the cluster) and "
        "max_response_headers_kb; HAProxy tune.bufsize and tune.http.maxhdr",
        "Content-Length and Transfer-Encoding together: the program sets a length that its "
        "framework replaces by chunks; remove one (Envoy allow_chunked_length and HAProxy option "
        "accept-invalid-http-response only hide it)",
    ),
    commands=(
        "curl -sv -o /dev/null '{scheme}://{responder_host}:{responder_port}/' 2>&1 | grep '^<' | "
        "wc -lc  # from {initiator_ip}: how many headers, how large",
    ),
)

AT_ONCE = 50 * MS
"""A proxy drops an answer that it does not take within this (or two round trips) of its bytes."""
SMALLEST_HEADER_LIMIT = 4_096
"""Bytes: NGINX's proxy_buffer_size where a memory page is 4 kB, the least of the usual limits."""
SMALLEST_COUNT_LIMIT = 100
"""Headers: Envoy's max_headers_count; HAProxy has 101."""
KEPT_HEAD = 1_024
"""Bytes of an answer that are kept where only its beginning is."""
SEEN_HERE, CONFIRMED = 0.7, 0.95


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict where the initiator cut such an answer before it was complete."""
    end = left_at_once(story, exchange)
    if end is None or exchange.complete or exchange.end_unknown:
        return None
    return rejected(story, exchange, SEEN_HERE, "It did not wait for the rest.")


def objection(exchange: Exchange, *, surely: bool = False) -> str:
    """Return what a strict proxy may object to in an answer that can be read; empty: nothing.

    ``surely`` says that one did object: then headers of which the end was not kept are enough.
    """
    if exchange.status is None or exchange.malformed_by == "initiator":
        return ""
    if exchange.malformed:
        return harmless(exchange.malformed, 120)
    if exchange.framing_conflict:
        return harmless(exchange.framing_conflict, 120)
    if exchange.response_headers > SMALLEST_COUNT_LIMIT:
        return f"{exchange.response_headers} headers"
    if exchange.response_head_bytes > SMALLEST_HEADER_LIMIT:
        return f"{exchange.response_head_bytes:,} bytes of headers"
    kept = exchange.response_head_bytes
    if surely and kept >= KEPT_HEAD and exchange.length and not exchange.body_head:
        return f"more than {kept:,} bytes of headers"
    return ""


def left_at_once(story: Story, exchange: Exchange, *, surely: bool = False) -> Ending | None:
    """Return how the initiator ended the connection right after an answer with such a fault."""
    return ended_at_once(story, exchange) if objection(exchange, surely=surely) else None


def ended_at_once(story: Story, exchange: Exchange) -> Ending | None:
    """Return how the initiator ended the connection right after an answer; None where later."""
    end = ending(story)
    answered = exchange.response_time
    if end is None or not end.by_initiator or answered is None:
        return None
    soon = 0 <= end.time - answered <= max(AT_ONCE, 2 * round_trip(story))
    return end if soon else None


def rejected(story: Story, exchange: Exchange, confidence: float, shown: str) -> Judgement | None:
    """Return the verdict; ``shown`` is a sentence that says how the rejection shows.

    A 502 of the initiator to its own client makes it certain (CONFIRMED).
    """
    surely = confidence >= CONFIRMED
    end = left_at_once(story, exchange, surely=surely)
    if end is None:
        return None
    problem = objection(exchange, surely=surely)
    others = () if surely else (OtherCode("tcp.initiator_abort", 0.2),)
    frames = (end.frame,)
    return request_failed(
        story,
        exchange,
        KIND.code,
        "in_response",
        confidence,
        (
            SideHint("initiator", 0.85, f"it refused the answer at once: {problem}", frames),
            SideHint("responder", 0.13, "the fault is in its answer", frames),
        ),
        frames=frames,
        alternatives=others,
        alike=problem,
        facts={
            "problem": problem,
            "end_frame": str(end.frame),
            "since": duration(end.time - (exchange.response_time or end.time)),
            "shown": shown,
        },
    )


def rejection_note(story: Story, exchange: Exchange) -> str | None:
    """Return a note for a connection that is ``ok`` as far as it shows."""
    end = left_at_once(story, exchange)
    if end is None:
        return None
    return (
        f"The answer has {objection(exchange)}, and the initiator closed at once (frame "
        f"{end.frame}): a proxy that does not take it would give its client 502."
    )
