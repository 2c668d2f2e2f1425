"""tcp.initiator_abort: The initiator left before its answer was due.

What happened
    The initiator sent a request, or was reading its answer, and ended the connection itself, sooner
    than a timeout would.

How pcapdiag can tell
    FIN or RST by the initiator with its request unanswered or its answer unfinished, soon after the
    request or within the time in which this responder usually answers, at no timeout's value. So it
    is where its host ended others in that moment (calls, clients of a proxy) that had begun at
    other times: a process that is stopped closes all it has. A health check that resets when it has
    the head of its answer is no failure.

Usual causes
    - A user closed the page or pressed ^C.
    - A program was stopped, or cancelled the call.
    - A proxy dropped this leg because its own client left.
    - A client wanted the head of the answer only.

Fixes
    - First: usually nothing here. Look at the leg before it: who left there, and after how long?
    - Application: is the answer slower than its users wait? Then the responder's time wants
      mending.
    - Envoy: flag DC on the client's leg says that the client left. Nothing to set.
    - NGINX: `proxy_ignore_client_abort on` lets the upstream finish what clients gave up.
    - HAProxy: `option abortonclose` decides whether a request in the queue is dropped with its
      client.
    - Cloud: is the client itself a balancer with a shorter timeout than this proxy's?

Can be confused with
    - tcp.response_timeout: the same packets, at a timeout's value. The responder is to blame there.

What would settle it
    - A capture of the client's leg, correlated with this one: `pcapdiag correlate client=A.pcap
      proxy=B.pcap`.
    - The initiator's log at that moment.

References
    - NGINX status 499; HAProxy configuration manual section 8.5 (states CD, CH); Envoy's
      documentation, flag DC.
    - Measured in the lab (docs/lab.md): Envoy ends the upstream leg by FIN when the client leaves.
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.leaving import leaving
from pcapdiag.diagnose.tcp.left import leaving_judgement
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.initiator_abort",
    title="left early: {initiator_ip} {left} after waiting {waited}, with {got}",
    explanation=(
        "{initiator} had sent {asked} and got {got} from {responder} when it {left} "
        "itself ({flags} in frame {end_frame}): {reason}."
    ),
    phases=("tls_handshake", "before_request", "in_request", "before_response", "in_response"),
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
        "ss -tnp 'dst {responder_host}'  # on {initiator_ip}: which program",
        "curl -so /dev/null -w '%{{time_starttransfer}} %{{time_total}}\\n' "
        "'{scheme}://{responder_host}:{responder_port}/'  # how long it takes",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for an initiator that left before the answer was due."""
    how = leaving(story, context)
    if how is None or how.is_timeout:
        return None
    return leaving_judgement(story, KIND.code, how)
