"""tcp.reset_before_response: A request was sent, and a reset was the answer.

What happened
    The initiator sent a request and got a RST instead of the first byte of an answer.

How pcapdiag can tell
    Payload by the initiator since the responder's last byte, not one byte of the responder after
    it, then RST by the responder. Not idle before (that is tcp.stale_connection), and not the bare
    RST of a host that lost the connection (tcp.state_lost).

Usual causes
    - The program crashed or was killed on this request, or closed the socket without reading all of
      it: Linux then sends RST,ACK.
    - A limit on the size or rate of requests.
    - A layer-4 proxy whose backend is dead.
    - Another protocol on that port: plaintext to TLS, HTTP/1 to HTTP/2, no PROXY header.
    - Istio STRICT mTLS, and a client without a certificate.

Fixes
    - First: read the program's log at that moment, and send the same request to it directly.
    - Application: read the whole request before you close, also on an early error; look for
      out-of-memory kills (`dmesg -T`) and worker timeouts.
    - Envoy: `retry_on: reset` sends it again, for requests that may be repeated.
      `reset-before-request` does not: the request was written already.
    - Istio: `retries.retryOn` in the VirtualService; STRICT in PeerAuthentication needs a sidecar
      at the client.
    - NGINX: `proxy_next_upstream error` (for POST only with `non_idempotent`).
    - HAProxy: `retry-on empty-response` (only for requests that may be repeated).
    - Kubernetes: restarts and OOMKilled in `kubectl describe pod`; raise the memory limit.
    - Cloud: is its idle timeout for this listener shorter than the request takes?

Can be confused with
    - tcp.closed_before_response: the same by FIN. Envoy logs UC for both.
    - tcp.stale_connection: the connection had been quiet, and the request was never acknowledged.
    - tcp.state_lost: a bare RST of a host that does not hold the connection.
    - http.response_lost: the answer had come, complete, before the RST.

What would settle it
    - A capture on the responder: does the same RST leave there? If not, a device between made it
      (tcp.injected_reset).
    - On Linux from 6.10, the tracepoint `tcp:tcp_send_reset` names the kernel's reason.

References
    - RFC 2525 section 2.17 and RFC 9293 section 3.6.1: close with unread data is a RST.
    - Linux tcp_close() and tcp_send_active_reset(); include/net/rstreason.h.
    - Measured in the lab (docs/lab.md): Envoy 1.40 logs 503 UC for a RST and for a FIN.
"""

from __future__ import annotations

from pcapdiag.diagnose.bare import is_bare
from pcapdiag.diagnose.goodbye import bytes_not_captured
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.closed_before_response import REFUSED
from pcapdiag.diagnose.tcp.closing_reset import reset_judgement, responder_reset
from pcapdiag.diagnose.tls.hidden import refused_flight
from pcapdiag.diagnose.work import Work, answer_may_be_missing, work
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.reset_before_response",
    title="reset instead of an answer: {sender} sent {flags} {since_request} after the request",
    explanation=(
        "{initiator} sent a request of {request_bytes} (frame {request_frame}); {since_request} "
        "later a {flags} with the address of {sender} ended the connection (frame {rst_frame}), "
        "before a single byte of an answer. It was request number {turn} on this connection."
    ),
    phases=("tls_handshake", "in_request", "before_response"),
    envoy=Envoy("UC", "connection termination"),
    nginx=(
        "recv() failed (104: Connection reset by peer) while reading response header from upstream"
    ),
    haproxy="SH",
    fix_at=("responder", "path"),
    fixes=(
        "did the program on {responder_ip} crash, restart or reject this request at that moment? "
        "its log",
        "does it close without reading the whole request (size limit, early error)? let it read "
        "first",
        "right protocol for that port: TLS or plaintext, HTTP/1 or HTTP/2, PROXY header, mTLS?",
        "retry where safe: Envoy and Istio retry_on reset,connect-failure; NGINX "
        "proxy_next_upstream error; HAProxy retry-on empty-response",
    ),
    commands=(
        "curl -v --max-time 10 '{scheme}://{responder_host}:{responder_port}/'  # from "
        "{initiator_ip}",
        "journalctl -e; dmesg -T | grep -iE 'oom|segfault'  # on {responder_ip}",
        "tcpdump -ni any 'tcp port {responder_port} and {is_rst}'  # on {responder_ip}",
    ),
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a RST by the responder in answer to a request."""
    found = responder_reset(story)
    if found is None or work(story) is not Work.WAITING or answer_may_be_missing(story):
        return None
    end, reset = found
    if is_bare(reset) and not story.turn.request_acked:
        others = (OtherCode("tcp.state_lost", 0.12), OtherCode("tcp.accept_queue_overflow", 0.06))
        return reset_judgement(story, KIND.code, end, 0.8, others)
    if refused_flight(story):
        return reset_judgement(story, KIND.code, end, 0.6, REFUSED)
    if bytes_not_captured(story):
        return reset_judgement(story, KIND.code, end, 0.6, (OtherCode("ok", 0.35),))
    return reset_judgement(story, KIND.code, end, 0.95)
