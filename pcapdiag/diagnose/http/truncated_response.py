"""http.truncated_response: The answer stopped short, and the connection was closed.

What happened
    The responder announced how long its answer would be (Content-Length, or chunks up to a last
    one), sent less, and closed the connection by FIN.

How pcapdiag can tell
    The bytes of Content-Length were not reached, the last chunk or the end of the headers never
    came, and the first closing word is the responder's FIN, behind the last bytes. A body that only
    the close ends has no length to miss. What the initiator leaves early is its own wish.

Usual causes
    - The program was killed in mid answer: the kernel sends FIN where nothing is unread.
    - It ran into a time limit of its own worker, or counted its bytes wrong.
    - A proxy whose upstream broke off: it had sent the 200 on already, and could only cut.

Fixes
    - First: read the program's log at that moment. If it is a proxy, look at the leg behind.
    - Application: time and memory limits of workers; count Content-Length after compression, not
      before.
    - Envoy: route `timeout` covers the whole answer (0 for long ones); `stream_idle_timeout`;
      `--drain-time-s` on a restart.
    - Istio: VirtualService `timeout`; `terminationDrainDuration`.
    - NGINX: as the proxy, `proxy_read_timeout`; a full disk or `proxy_max_temp_file_size`;
      `worker_shutdown_timeout` on a reload.
    - HAProxy: `timeout server`; `hard-stop-after` on a reload.
    - Kubernetes: `terminationGracePeriodSeconds` and `preStop` longer than the longest answer.

Can be confused with
    - tcp.reset_in_response: the same by RST.
    - http.stream_idle_timeout: cut after a quiet time.
    - http2.rst_stream: the same of an HTTP/2 stream.

What would settle it
    - A capture behind the responder, where it is a proxy.
    - `curl -v` of the same answer: error 18 says that it was cut.

References
    - RFC 9112 sections 6.3 and 8.
    - Measured in the lab (docs/lab.md): Envoy cuts its client by FIN a second after the upstream's
      end.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, acknowledges_fin, ending
from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http2.known import drained, has_begun, is_unfinished, tells_all
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration, quiet_before
from pcapdiag.diagnose.work import one_direction
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.packet import seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.units import counted

KIND = Kind(
    code="http.truncated_response",
    title="answer cut short by {responder}: {request} -> {answer}, {missing}",
    explanation=(
        "{responder} answered {request} with {status} ({response_where}) and sent {answer_bytes} "
        "of the body; {missing}. It closed the connection by FIN (frame {fin_frame}), {quiet} "
        "after the last of them."
    ),
    phases=("in_response",),
    envoy=Envoy("UPE", "protocol error"),
    nginx="upstream prematurely closed connection while reading upstream",
    haproxy="SD / SH",
    fix_at=("responder",),
    fixes=(
        "was the program on {responder_ip} killed, restarted, or stopped by a worker's time or "
        "memory limit just then? its log",
        "is it a proxy? then it passed a cut on: look at the connections that it opened (NGINX "
        "proxy_read_timeout, Envoy route timeout, HAProxy timeout server)",
        "a rolling update: give answers time to finish (Kubernetes terminationGracePeriodSeconds "
        "and preStop, Envoy drain time, NGINX worker_shutdown_timeout, HAProxy hard-stop-after)",
        "does the program count Content-Length before it compresses or changes the body?",
    ),
    commands=(
        "curl -sv -o /dev/null '{scheme}://{responder_host}:{responder_port}/'  # from "
        "{initiator_ip}: curl says 18 when an answer is cut short",
        "journalctl -e; dmesg -T | grep -iE 'oom|segfault'  # on {responder_ip}",
    ),
)


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for an answer whose announced end never came before the FIN."""
    end = _closed_by_responder(story)
    if end is None or not _stopped_short(story, exchange):
        return None
    got, announced = exchange.length or 0, exchange.expected_length
    last = "END_STREAM" if exchange.version == "2" else "its end"
    missing = (
        f"{last} never came"
        if announced is None
        else f"{counted(announced - got, 'byte')} of {announced:,} missing"
    )
    frames = (end.frame,)
    return request_failed(
        story,
        exchange,
        KIND.code,
        "in_response",
        0.95,
        (
            SideHint("responder", 0.94, "the FIN is in order and bears its address", frames),
            SideHint("path", 0.04, "a proxy that answers for it would look the same", frames),
        ),
        frames=frames,
        facts={
            "missing": missing,
            "fin_frame": str(end.frame),
            "quiet": duration(quiet_before(story, end.time)),
        },
    )


def _closed_by_responder(story: Story) -> Ending | None:
    """Return the responder's FIN where it closed first, and every byte before it was captured."""
    end = ending(story)
    if end is None or end.by_initiator or end.reset is not None:
        return None
    left_first = 0 < story.initiator.fin_time < end.time
    left_first = left_first and not acknowledges_fin(story, by_initiator=True)
    lost = story.initiator.acked_unseen or one_direction(story) or _hole_before_fin(story)
    return None if left_first or lost else end


def _hole_before_fin(story: Story) -> bool:
    half = story.responder
    last = half.data_end
    return half.last_data_frame > 0 and seq_distance(half.fin_seq, last) > 0


def _stopped_short(story: Story, exchange: Exchange) -> bool:
    """Return whether the framing says that more was to come."""
    facts = story.http
    if facts is None or facts.incomplete:
        return False
    if exchange.version == "2":
        ended = not tells_all(story) or drained(story) is not None or bool(exchange.upgrade)
        return has_begun(exchange) and is_unfinished(exchange) and not ended
    begun = exchange.status is not None and not exchange.complete and not exchange.upgrade
    # Without the request nobody knows whether it was HEAD, whose answer has a length and no body.
    if not begun or exchange.until_close or exchange.malformed or exchange.method is None:
        return False
    if exchange.end_unknown:
        return False
    announced = exchange.expected_length
    return announced is None or (exchange.length or 0) < announced
