"""tcp.reset_in_response: The answer was cut off by a reset.

What happened
    The responder had begun to answer, and a RST ended the connection before the answer was
    complete.

How pcapdiag can tell
    Response bytes, then RST by the responder. HTTP/1 says whether the answer was complete
    (Content-Length, last chunk); an answer whose end is the end of the connection is cut by a RST
    by definition. Where the protocol cannot be read, a RST within a second of response bytes
    counts, with a confidence of 0.7 at most. A RST after a complete answer is `ok`.

Usual causes
    - The program crashed or was killed while it answered.
    - A write timeout or a time limit cut it.
    - Its own upstream broke off, and it could only cut.
    - The host was short of memory.

Fixes
    - First: what did the program do at that moment? Then the leg behind it.
    - Application: time limits for writing (Go `WriteTimeout`, gunicorn `--timeout`), memory, an
      exception in a streaming handler.
    - Envoy: nothing can be retried once the 200 was sent on. Route `timeout` counts the whole
      answer: 0 for streams. On shutdown `drain_timeout`.
    - Istio: VirtualService `timeout`; pods that end need `terminationDrainDuration` longer than the
      longest answer.
    - NGINX: as the server, `send_timeout`, `reset_timedout_connection`; on a reload,
      `worker_shutdown_timeout`.
    - HAProxy: `timeout server`, `timeout client`; on a reload, `hard-stop-after`.
    - Kubernetes: `terminationGracePeriodSeconds` longer than the longest answer.

Can be confused with
    - http.truncated_response: the same by FIN.
    - http2.rst_stream: one HTTP/2 stream cut, the connection goes on.
    - `ok`: a RST after a complete answer.

What would settle it
    - A key log, where the protocol cannot be read: it tells whether the answer was complete.
    - A capture behind the responder: did its own upstream break off first?

References
    - RFC 9112 sections 6.3 and 8: what a complete answer is.
    - Measured in the lab (docs/lab.md): Envoy 1.40 logs 200 UPE for a framed body, and 200 with no
      flag for one that ends with the connection.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.completeness import Completeness, response_completeness
from pcapdiag.diagnose.disorder import answers_unseen
from pcapdiag.diagnose.judgement import Judgement, OtherCode, Phase
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.phase import in_tls_handshake
from pcapdiag.diagnose.tcp.closing_reset import reset_judgement, responder_reset
from pcapdiag.diagnose.timing import quiet_before
from pcapdiag.diagnose.tls_state import left_first
from pcapdiag.diagnose.work import Work, one_direction, work
from pcapdiag.model.context import Context
from pcapdiag.model.packet import seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.reset_in_response",
    title="answer cut off: {sender} sent {flags} after {response_bytes} of it",
    explanation=(
        "{responder} had sent {response_bytes} of its answer when a {flags} with the address of "
        "{sender} ended the connection (frame {rst_frame}), {since_response} after the last of "
        "them. {complete}"
    ),
    phases=("tls_handshake", "in_response"),
    envoy=Envoy("UPE", "protocol error"),
    nginx="readv() failed (104: Connection reset by peer) while reading upstream",
    haproxy="SD",
    fix_at=("responder", "path"),
    fixes=(
        "did the program on {responder_ip} crash, restart, or hit a time or memory limit just "
        "then?",
        "did its own upstream break off? look at the connections that {responder_ip} opened",
        "a rolling update: give it time to finish (Kubernetes terminationGracePeriodSeconds, "
        "Envoy drain_timeout, HAProxy hard-stop-after, NGINX worker_shutdown_timeout)",
    ),
    commands=(
        "curl -v -o /dev/null '{scheme}://{responder_host}:{responder_port}/'  # from "
        "{initiator_ip}",
        "journalctl -e; dmesg -T | grep -iE 'oom|segfault'  # on {responder_ip}",
        "tcpdump -ni any 'tcp port {responder_port} and {is_rst}'  # on {responder_ip}",
    ),
)

UNREADABLE_LIMIT = SECOND
"""Where the protocol cannot be read, a RST later than this after response bytes is not in them."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a RST by the responder in mid answer."""
    found = responder_reset(story)
    if found is None or one_direction(story):
        return None
    end, _ = found
    state = work(story)
    if state is Work.ANSWERING:
        judgement = reset_judgement(story, KIND.code, end, 0.96)
        judgement.facts["complete"] = "By its own framing the answer was not complete."
        return judgement
    if state is not Work.UNKNOWN or quiet_before(story, end.time) >= UNREADABLE_LIMIT:
        return None
    if left_first(story, end):
        return None
    if answers_unseen(story) and not _was_cut(story):
        return None
    sure = 0.55 if story.turn.response_acked else 0.68
    others = (OtherCode("ok", round(0.95 - sure, 2)),)
    phase: Phase | None = None if in_tls_handshake(story) else "in_response"
    judgement = reset_judgement(story, KIND.code, end, sure, others, phase=phase)
    judgement.facts["complete"] = "Whether the answer was complete cannot be read in this protocol."
    return judgement


def _was_cut(story: Story) -> bool:
    """Return whether the first answer, captured before its request, was not complete."""
    half = story.responder
    if half.isn is None or story.turn.index != 1 or not half.last_data_frame:
        return False
    sent = seq_distance(half.data_end, half.isn) - 1
    answer = replace(
        story.turn, response_head=story.hello_responder, response_bytes=sent, response_tail=b""
    )
    return response_completeness(answer) is Completeness.INCOMPLETE
