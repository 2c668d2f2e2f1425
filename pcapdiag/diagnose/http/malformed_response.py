"""http.malformed_response: The answer is not HTTP, or breaks its rules.

What happened
    The responder's bytes have no status line, or a header, a length or a chunk in them is not what
    HTTP allows.

How pcapdiag can tell
    The reader could not go on, and says at what, and no later request was answered. A fault in an
    answer that can be read to its end is no failure by itself (http.response_rejected where the
    other leg says so). Bytes of TLS or HTTP/2 have codes of their own (`protocol.*`).

Usual causes
    - The port belongs to another protocol (SSH, Redis, MySQL, a message queue): a wrong port in the
      endpoint.
    - A hand-written server.
    - A program that writes to the connection beside its framework: debug output, a warning of PHP
      or CGI before the headers.

Fixes
    - First: is that the right port? If it is, mend what writes the answer.
    - Application: nothing but the framework writes to the connection; chunks are not counted by
      hand.
    - Envoy: endpoint `socket_address`; `explicit_http_config.http2_protocol_options` if it is
      HTTP/2.
    - Istio: the port's name or `appProtocol` says what it speaks: `tcp-` for what is no HTTP.
    - NGINX: `proxy_pass` speaks HTTP/1, `grpc_pass` HTTP/2, `fastcgi_pass` FastCGI, and stream
      everything.
    - HAProxy: `mode tcp` for what is no HTTP; `option accept-invalid-http-response` only hides it.
    - Kubernetes: the Service's `targetPort`.

Can be confused with
    - protocol.http2_to_http1, protocol.http1_to_http2, protocol.tls_to_plaintext: the two ends
      speak different protocols that pcapdiag knows.
    - http.response_rejected: readable, and refused all the same.

What would settle it
    - `curl -sv --http1.1 http://SERVER:PORT/`, and `ss -ltnp 'sport = :PORT'` on the server: which
      program is it?

References
    - RFC 9112 sections 2.2, 4, 5, 6 and 7.1.
    - NGINX "upstream sent no valid HTTP/1.0 header"; Envoy flag UPE; HAProxy configuration manual
      section 8.5 (PH).
"""

from __future__ import annotations

from pcapdiag.diagnose.disorder import answers_unseen
from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http.response_rejected import ended_at_once
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.speech import Said, answered, opening, spoken_before
from pcapdiag.diagnose.work import one_direction
from pcapdiag.model.application import Application
from pcapdiag.model.context import Context
from pcapdiag.model.harmless import harmless
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.protocols.http.sniff import speaks

KIND = Kind(
    code="http.malformed_response",
    title="the answer of {responder} is not HTTP: {request} -> {problem}",
    explanation=(
        "{initiator} asked {responder} for {request} ({request_where}). What came back "
        "({response_where}) is not HTTP: {problem}."
    ),
    phases=("before_response", "in_response"),
    envoy=Envoy("UPE", "protocol error"),
    nginx="upstream sent no valid HTTP/1.0 header / upstream sent invalid header",
    haproxy="PH",
    fix_at=("responder", "initiator"),
    fixes=(
        "is {responder_port} the port that speaks HTTP? look at the endpoint (Kubernetes Service "
        "targetPort, Envoy cluster endpoint, NGINX upstream, HAProxy server line)",
        "does the program write to the connection beside its framework, or count chunks by hand?",
        "is it gRPC or HTTP/2? then say so: Envoy http2_protocol_options, Istio port name grpc- or "
        "http2-, NGINX grpc_pass, HAProxy proto h2",
    ),
    commands=(
        "curl -sv --http1.1 --max-time 10 -o /dev/null "
        "'{scheme}://{responder_host}:{responder_port}/'  # from {initiator_ip}",
        "ss -ltnp 'sport = :{responder_port}'  # on {responder_ip}: which program listens?",
    ),
)

OTHER_CODES = ("tls", "http2")
"""Protocols that make it a ``protocol.*`` verdict."""
SHOUTCAST = b"ICY 200"
"""How internet radio's older servers begin their answers, and players read them."""
SURE, BROKEN_LATER = 0.95, 0.9


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for bytes in the answer's place that are not HTTP."""
    application = story.application
    if not exchange.malformed or exchange.malformed_by != "responder" or application is None:
        return None
    http = application.http
    uncertain = http is None or http.incomplete or one_direction(story)
    if uncertain:
        return None
    if exchange.status is None and (story.midstream or answers_unseen(story)):
        return None
    if story.hello_responder.startswith(SHOUTCAST):
        return None
    if _was_read(story, exchange) or _went_on(story, exchange):
        return None
    if exchange.status is None and not application.inside and not _begins_there(story, exchange):
        return None
    if not application.inside and _is_known(application):
        return None
    begun = exchange.status is not None
    frames = tuple(frame for frame in (exchange.response_frame,) if frame)
    problem = harmless(exchange.malformed, 120)
    return request_failed(
        story,
        exchange,
        KIND.code,
        "in_response" if begun else "before_response",
        BROKEN_LATER if begun else SURE,
        (SideHint("responder", 0.95, f"its bytes: {problem}", frames),),
        frames=frames,
        alike=problem,
        facts={"problem": problem},
    )


def match_preface(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for the HTTP/2 preface that was met by text of another protocol.

    The initiator's GOAWAY with an error, which follows, is the effect.
    """
    strange = opening(story).said is Said.H2_PREFACE and answered(story) is Said.TEXT
    exchange = next(iter(story.exchanges), None)
    if not strange or exchange is None or spoken_before(story):
        return None
    line = story.hello_responder[:60].splitlines()[0].decode("ascii", "replace").strip()
    frame = story.responder.first_data_frame
    problem = f'text where HTTP/2 frames belong, "{harmless(line, 60)}"'
    who = SideHint("responder", 0.95, f"its bytes: {problem}", (frame,))
    return request_failed(
        story,
        exchange,
        KIND.code,
        "before_response",
        SURE,
        (who,),
        frames=(frame,),
        alike="text",
        facts={"problem": problem, "response_where": f"frame {frame}"},
    )


def _is_known(application: Application) -> bool:
    """Return whether the bytes are another protocol's that has its own code."""
    first = speaks(application.responder_head, from_initiator=False)
    return application.responder_speaks in OTHER_CODES or first in OTHER_CODES


def _begins_there(story: Story, exchange: Exchange) -> bool:
    """Return whether the answer's first packet is the one that the request waited for.

    Where the capture lost it, what follows has no status line either.
    """
    asked, first = (
        next((p for p in story.packets if p.frame == frame and p.length), None)
        for frame in (exchange.request_frame, exchange.response_frame)
    )
    if asked is None or first is None or not asked.has_ack:
        unseen = story.initiator.acked_unseen or story.responder.acked_unseen
        return not (story.responder.gaps or unseen)
    return first.seq == asked.ack


def _was_read(story: Story, exchange: Exchange) -> bool:
    """Return whether its reader may have read over the fault: it waited for the whole answer.

    The length of an answer whose status line cannot be read is nobody's who left at once.
    """
    refused = exchange.status is None and ended_at_once(story, exchange) is not None
    return exchange.complete and not refused


def _went_on(story: Story, exchange: Exchange) -> bool:
    """Return whether a later request was answered: then the initiator could read this one."""
    later = (one for one in story.exchanges if one.index > exchange.index)
    return any(one.complete for one in later)
