"""What points make of a connection by themselves, from the packets that each saw."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.judge import judge, refine
from pcapdiag.diagnose.points import Opinion, Outcome, judge_points
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import Texts, fill
from pcapdiag.model.packet import FIN, RST, SYN
from pcapdiag.model.points import Span
from pcapdiag.model.report import Evidence
from tests.correlate.road import INITIATOR, RESPONDER, START, Road
from tests.diagnose.playbook import around
from tests.flow.wire import MS, End, Link, Wire, tell

LETTERS = ((SYN, "S"), (FIN, "F"), (RST, "R"), (0x10, "A"))


def opinions(road: Road, left: float = 30.0) -> list[Opinion | None]:
    """Judge every point's packets as if there were no others; ``left`` seconds are to come."""
    return [_opinion(road, point, left) if rows else None for point, rows in enumerate(road.rows)]


def _opinion(road: Road, point: int, left: float) -> Opinion:
    wire = Wire()
    link = Link(wire, End(*INITIATOR, 0, b"\2\0\0\0\0\1"), End(*RESPONDER, 0, b"\2\0\0\0\0\2"))
    for row in road.rows[point]:
        flags = "".join(letter for bit, letter in LETTERS if row.flags & bit)
        send = link.c if row.from_initiator else link.s
        at = (row.time - START) / MS
        send(
            at, flags, row.seq, row.ack, b"x" * row.length,
            absolute=True, ttl=row.ttl, ip_id=row.ip_id, window=row.window,
        )  # fmt: skip
    story = tell(wire).only
    context = replace(around(story, left=left), final=True)
    judgement = judge(story, context)
    attribution = attribute(story, judgement, context)
    return Opinion(story, refine(judgement, attribution, story, context), attribution, context)


def outcome(road: Road, spans: list[Span] | None = None) -> Outcome:
    """Judge with all points; it must have failed."""
    found = judge_points(road.journey(spans), opinions(road), road.labels[: road.points])
    assert found is not None
    texts_of(found, opinions(road))
    return found


def texts_of(found: Outcome, given: list[Opinion | None]) -> Texts:
    """The verdict's texts; each of their words must be known."""
    opinion = given[found.point]
    assert opinion is not None
    return fill(kind_of(found.judgement.code), found.judgement, opinion.story)


def evidence(found: Outcome, signal: str) -> Evidence:
    """The one piece of evidence with that name."""
    (one,) = [each for each in found.attribution.evidence if each.signal == signal]
    return one
