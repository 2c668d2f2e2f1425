"""The verdict of a check: the analyzer's judge over what the probe saw, in the analyzer's words.

What differs from a capture: the numbers in the texts are of the probe's steps, and nobody but the
judge of a capture can say who sent a reset. So "who" is what a client can know, and the way to know
more is said.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from ipaddress import ip_address

from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.pages import page
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.tcp import connection_refused, connection_timeout
from pcapdiag.diagnose.text import fill
from pcapdiag.model.context import Context, EndpointFacts
from pcapdiag.model.probe import ProbeVerdict, ProbeWho, Side
from pcapdiag.model.story import IcmpFact, Story
from pcapdiag.model.units import SECOND
from pcapdiag.probe import kernel
from pcapdiag.probe.unmet import refused_here

WATCHED = 60 * SECOND
"""How long (ns) the judge is told that nothing more came: the probe let go of the connection."""
HEAD = 4
"""First bytes by which an endpoint's connections are told apart (``EndpointFacts``)."""
_FRAMES = re.compile(r"\bframe(s?) (?=\d)")
_SAME_STEP = re.compile(r"\bsteps (\d+) to \1\b")
_SURE_BY_SYNS, _SURE_BY_MORE = {1: 0.9, 2: 0.95}, 0.98
"""As the analyzer has it: one SYN may get lost."""
_CODES_OF_NOBODY = ("tcp.connection_timeout", "tls.handshake_timeout", "tcp.data_timeout")


def surroundings(stories: Sequence[Story]) -> Context:
    """Return what a probe's connections say of each other's endpoints."""
    context = Context(
        first_time=min(story.start for story in stories),
        last_time=max(story.end for story in stories) + WATCHED,
        final=True,
    )
    for story in stories:
        end = (story.responder.address, story.responder.port)
        facts = context.endpoints.setdefault(end, EndpointFacts(*end))
        _count(facts, story)
    return context


def _count(facts: EndpointFacts, story: Story) -> None:
    facts.connections += 1
    facts.established += story.handshake_done
    facts.refused += bool(story.resets) and not story.handshake_done
    facts.unanswered += not story.responder.packets and not story.icmp
    facts.speaks_first += story.greeting_bytes > 0
    facts.resets += bool(story.resets)
    head = story.hello_initiator[:HEAD]
    if not head:
        return
    facts.first_bytes[head] = facts.first_bytes.get(head, 0) + 1
    facts.turns += story.turn.response_bytes > 0
    if _took(story):
        facts.first_accepted[head] = facts.first_accepted.get(head, 0) + 1


def _took(story: Story) -> bool:
    """Return whether the answer to the first bytes is no refusal."""
    answer = story.hello_responder
    refused = answer.startswith(b"HTTP/") and answer[9:10] in (b"4", b"5")
    return bool(answer) and answer[:1] != b"\x15" and not refused


def _by_this_host(error: IcmpFact) -> str:
    asked = (error.version, error.type, error.code) in ((4, 3, 1), (6, 1, 3))
    why = "nobody answers its ARP or neighbour questions" if asked else "a rule or route of its own"
    return f"this host itself ({error.source}): {why}"


def verdict_of(story: Story, context: Context) -> ProbeVerdict | None:
    """Return what went wrong on a connection; None where nothing did."""
    judgement = _gave_up(story, context) or judge(story, context)
    if not judgement.failed:
        return None
    kind = kind_of(judgement.code)
    texts = fill(kind, judgement, story)
    return ProbeVerdict(
        code=judgement.code,
        title=_worded(texts.title),
        explanation=_worded(texts.explanation) + _doubt(judgement),
        phase=judgement.phase,
        confidence=judgement.confidence,
        who=_who(judgement, story),
        fixes=list(texts.fixes),
        commands=[*texts.commands, *_captured(story)],
        settle=[text.removeprefix("- ") for text in page(judgement.code).settled_by],
    )


def _gave_up(story: Story, context: Context) -> Judgement | None:
    """Return the verdict on a connect that nothing answered: the probe knows that it gave up."""
    if story.responder.packets or story.icmp or story.initiator.packets != story.syn_count:
        return None
    sure = _SURE_BY_SYNS.get(story.syn_count, _SURE_BY_MORE)
    until = replace(context, last_time=story.end)
    return connection_timeout.given_up(story, until, gave_up=True, confidence=sure)


def _doubt(judgement: Judgement) -> str:
    if judgement.code != connection_refused.KIND.code or kernel.TELLS_ICMP:
        return ""
    return " An ICMP error would look the same: this system does not tell it from a RST."


def _worded(text: str) -> str:
    """Return a text of the analyzer's with the probe's steps in the place of frames."""
    steps = _SAME_STEP.sub(r"step \1", _FRAMES.sub(r"step\1 ", text))
    return steps.replace("RST,ACK", "RST").replace("the capture's clock", "the clock here")


def _captured(story: Story) -> list[str]:
    """Return the commands whose capture tells who it was."""
    what = shlex.quote(f"host {story.responder.address} and tcp port {story.responder.port}")
    return [
        f"tcpdump -ni any -w probe.pcap {what}  # meanwhile run the probe again; best at both ends",
        "pcapdiag analyze probe.pcap  # who sent what, by the packets' own marks",
    ]


def _who(judgement: Judgement, story: Story) -> ProbeWho:
    server, address = story.responder.host_port, story.responder.address
    best = max(judgement.candidates, key=lambda hint: hint.probability, default=None)
    if story.icmp and judgement.code.startswith("icmp."):
        source = story.icmp[-1].source
        side: Side = "server" if source == address else "path"
        if source == story.initiator.address:
            return ProbeWho(side="here", address=source, says=_by_this_host(story.icmp[-1]))
        return ProbeWho(side=side, address=source, says=f"{source}, which sent the ICMP error")
    if judgement.code in _CODES_OF_NOBODY:
        says = f"{address}, or a device that drops: silence looks the same from here"
        return ProbeWho(side="unknown", says=says)
    if best is not None and best.side == "initiator":
        return refused_here(story)
    if judgement.reset is not None:
        if ip_address(address).is_loopback:
            return ProbeWho(side="server", address=address, says=f"{address}, this host itself")
        says = f"{address}, or a device before it that resets: from here both look the same"
        return ProbeWho(side="unknown", says=says)
    return ProbeWho(
        side="server", address=address, says=f"what answers as {server} (it may be a proxy for it)"
    )
