"""The alert that broke a TLS connection, and the judgement made from it.

An alert is the cause only where it came first: one in answer to the other end's FIN or RST, or to
bytes of another protocol, is an effect (verdicts.md, rule 1; OpenSSL's clients send alert 50 after
a server's FIN, measured).
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.commands import s_client_words
from pcapdiag.diagnose.tls_state import answers_the_close, is_answered_check, is_error, tls_facts
from pcapdiag.diagnose.work import Work, work
from pcapdiag.model.ends import Actor, side_of
from pcapdiag.model.once import once
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Alert, TlsFacts

AUTHENTICATED, PLAIN = 0.98, 0.96
"""Probability that an alert came from the end whose address it bears: encrypted, and in clear."""


class Refusal(msgspec.Struct, frozen=True):
    """A readable fatal alert that was the first thing to go wrong."""

    alert: Alert
    code: int
    facts: TlsFacts

    @property
    def by_initiator(self) -> bool:
        """True when the side that connected refused."""
        return self.alert.from_initiator

    @property
    def before_server_hello(self) -> bool:
        """True when the responder refused the ClientHello itself."""
        return not self.by_initiator and self.facts.server_hello is None


@once
def refusal(story: Story) -> Refusal | None:
    """Return the alert that broke the connection; a dozen kinds ask in turn for the same story."""
    facts = tls_facts(story)
    if facts is None or is_answered_check(story):
        return None
    for alert in facts.alerts:
        if is_error(alert, facts) and alert.code is not None:
            return None if _is_effect(story, alert) else Refusal(alert, alert.code, facts)
    return None


def _is_effect(story: Story, alert: Alert) -> bool:
    application = story.application
    other = application.responder_speaks if application else ""
    if alert.from_initiator and other not in ("", "tls"):
        return True
    if answers_the_close(story, alert):
        return True
    end = ending(story)
    reset_before = end is not None and end.reset is not None and end.frame < alert.frame
    return reset_before or (is_after_work(story) and end is not None and end.time <= alert.time)


def is_after_work(story: Story) -> bool:
    """Return whether every request had its answer: what is refused then hurts nobody."""
    facts = tls_facts(story)
    established = facts is not None and facts.established
    return established and work(story) is Work.DONE


def refused(
    story: Story,
    code: str,
    found: Refusal,
    confidence: float,
    told: dict[str, str],
    alternatives: tuple[OtherCode, ...] = (),
    fix_at: tuple[Actor, ...] = (),
) -> Judgement:
    """Return the judgement that one end refused the other by an alert.

    ``told`` holds the words of the kind's templates that are not about the alert.
    """
    alert = found.alert
    side = side_of(alert.from_initiator)
    hello = found.facts.client_hello
    authentic = found.facts.key_state == "decrypted" and found.facts.established
    return Judgement(
        code=code,
        failed=True,
        phase=phase_at(story, alert.time) if found.facts.established else "tls_handshake",
        confidence=confidence,
        frames=frames_of(hello.frame if hello else 0, alert.frame),
        ended_by=side,
        candidates=_who(story, alert, AUTHENTICATED if authentic else PLAIN),
        alternatives=alternatives,
        fix_at=fix_at,
        facts=alert_words(story, found) | told,
    )


def _who(story: Story, alert: Alert, sure: float) -> tuple[SideHint, ...]:
    side = side_of(alert.from_initiator)
    address = story.half(alert.from_initiator).address
    name = words.alert(alert.code)
    why = f"{address} sent the alert {name}: it refused, whatever made it do so"
    return (
        SideHint(side, sure, why, (alert.frame,)),
        SideHint("path", round(1 - sure, 2), "a TLS proxy between may answer in its name"),
    )


def alert_words(story: Story, found: Refusal) -> dict[str, str]:
    """Return the words that texts about an alert use."""
    alert, facts = found.alert, found.facts
    refuser = story.half(alert.from_initiator)
    return {
        "refuser": refuser.host_port,
        "refuser_ip": refuser.address,
        "refused": story.half(not alert.from_initiator).host_port,
        "alert": words.alert(alert.code),
        "alert_frame": str(alert.frame),
        "offer": words.client_offer(facts),
        "answer": words.server_answer(facts),
        "name": words.server_name(facts),
    } | s_client_words(story, facts)
