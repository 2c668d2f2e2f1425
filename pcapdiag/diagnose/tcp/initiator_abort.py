"""tcp.initiator_abort: the initiator left before its answer was due.

What happened
    The initiator sent a request, or was reading its answer, and ended the connection itself, sooner
    than a timeout would.

How pcapdiag can tell
    FIN or RST by the initiator with its request unanswered or its answer unfinished, soon after the
    request or within the time in which this responder usually answers, at no timeout's value.

Usual causes
    A user who closed the page or pressed ^C, a program that was stopped or cancelled the call, a
    proxy whose own client left (it then drops the upstream leg too), a client that only wanted the
    head.

Fixes
    Usually none here. Look at the leg before it: who left there, and after how long?

Can be confused with
    tcp.response_timeout: the same packets, at a timeout's value.

References
    NGINX status 499, HAProxy state CD and CH, Envoy flag DC; facts 3.3 (downstream side), 4.2.
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.leaving import leaving, leaving_judgement
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.initiator_abort",
    title="left early: {initiator_ip} ended the connection {waited} in, with {got}",
    explanation=(
        "{initiator} had sent {asked} and got {got} from {responder} when it ended the connection "
        "itself ({flags} in frame {end_frame}): {reason}."
    ),
    phases=("tls_handshake", "in_request", "before_response", "in_response"),
    envoy=Envoy("DC", "downstream disconnect"),
    nginx="client prematurely closed connection (status 499)",
    haproxy="CD",
    fix_at=("initiator",),
    fixes=(
        "why did {initiator_ip} leave: user, cancelled call, deadline, restart? its log at that "
        "moment",
        "is {initiator_ip} a proxy? then look at its client's leg: it left first",
        "is the answer slower than users wait? then it is the responder's time that wants mending",
    ),
    commands=(
        "ss -tnp dst {responder_ip}  # on {initiator_ip}: which program",
        "curl -so /dev/null -w '%{{time_starttransfer}} %{{time_total}}\\n' "
        "'http://{responder_host}:{responder_port}/'  # how long it takes",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for an initiator that left before the answer was due."""
    how = leaving(story, context)
    if how is None or how.is_timeout:
        return None
    return leaving_judgement(story, KIND.code, how)
