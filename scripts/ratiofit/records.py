"""What was asked and answered in one capture, beside the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Case:
    """One question of who did it: what is true, what was weighed, and what was answered."""

    scenario: str
    split: str
    capture: str
    ground: str
    """What kind of question it is: signals are compared where they can be asked at all."""
    truth: str
    fired: dict[str, str]
    """Signals, and whom they accused."""
    side: str
    best: str
    """The side itself, or with ``unknown`` the likeliest candidate."""
    confidence: float
    frame: int
    """The RST's; 0 for a failure without one."""
    told: bool
    """The report shows the evidence: connections that worked are told without."""

    def __str__(self) -> str:
        return (
            f"{self.scenario}/{self.capture} {self.ground}, frame {self.frame}: by {self.side} "
            f"({self.confidence:.2f}, best {self.best}); true: {self.truth}"
        )


@dataclass(slots=True)
class Verdict:
    """One connection's side as the score judges it."""

    scenario: str
    split: str
    capture: str
    connection: str
    expected: str
    code: str
    side: str
    best: str
    confidence: float
    accepted: list[str]
    can_tell: bool

    @property
    def right(self) -> bool:
        """Whether the answer is accepted."""
        return self.side in self.accepted

    @property
    def truth(self) -> str | None:
        """Who did it, where the truth names one."""
        return only_side(self.accepted)

    @property
    def answers(self) -> bool:
        """Whether it can be told if the answer, or the likeliest candidate, is right."""
        failed = self.code not in ("ok", "capture.partial")
        return failed and (self.side != "unknown" or self.truth is not None)

    @property
    def hits(self) -> bool:
        """Whether the side, or else the likeliest candidate, is right."""
        return self.right if self.side != "unknown" else self.best == self.truth

    def __str__(self) -> str:
        where = f"{self.scenario}/{self.capture} {self.connection}"
        told = "" if self.can_tell else ", cannot be told"
        return (
            f"{where}: {self.code} by {self.side} ({self.confidence:.2f}, best {self.best}); "
            f"true: {self.expected} by {' or '.join(self.accepted)}{told}"
        )


@dataclass(slots=True)
class Observed:
    """What was found in the captures; ``skipped``: those of commands that are not there yet."""

    cases: list[Case] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, other: Observed) -> None:
        self.cases += other.cases
        self.verdicts += other.verdicts
        self.skipped += other.skipped


def only_side(sides: Iterable[str]) -> str | None:
    """The one side beside ``unknown``, which is only accepted as an answer."""
    named = {side for side in sides if side != "unknown"}
    return named.pop() if len(named) == 1 else None
