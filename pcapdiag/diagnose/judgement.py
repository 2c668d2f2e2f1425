"""What one connection's verdict is, before anybody asks who did it and before any text is made.

``judge()`` (judge.py) makes a :class:`Judgement` from a story; attribution/ adds who; text.py fills
the title, the explanation, the fixes and the commands from the kind's templates and ``facts``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.model.ends import Actor
from pcapdiag.model.packet import PacketFact

Phase = Literal[
    "connect",
    "tls_handshake",
    "before_request",
    "in_request",
    "before_response",
    "in_response",
    "idle",
    "closing",
]


class SideHint(msgspec.Struct, frozen=True):
    """Who may have done it, as far as the kind of failure itself tells (a prior).

    For a kind without a decisive RST the hints are the answer; they need not sum to 1, the rest is
    unknown. ``why`` is a sentence for the evidence; ``frames`` are those that show it.
    """

    side: Actor
    probability: float
    why: str
    frames: tuple[int, ...] = ()


class OtherCode(msgspec.Struct, frozen=True):
    """A code that the evidence does not exclude, with its probability."""

    code: str
    confidence: float


class Observed(msgspec.Struct, frozen=True):
    """What Envoy itself said of the failure, in its reply: as its access log would print it."""

    flag: str | None
    reset_reason: str | None
    details: str | None


class Judgement(msgspec.Struct, frozen=True):
    """What happened to a connection: the code and what it rests on."""

    code: str
    failed: bool
    phase: Phase | None
    confidence: float
    """Probability that the code is right (what, not who)."""
    frames: tuple[int, ...] = ()
    """The decisive frames, in time order."""
    ended_by: Actor | None = None
    """Whose packet ended the connection, taken at face value; None when nobody ended it."""
    reset: PacketFact | None = None
    """The decisive RST, when the kind is about one: attribution weighs who sent it."""
    candidates: tuple[SideHint, ...] = ()
    """Who did it by the kind's own logic. With ``reset`` set they are the prior that the signals
    move; empty then means the prior of any reset."""
    alternatives: tuple[OtherCode, ...] = ()
    exchange: int | None = None
    """``Exchange.index`` of the request that failed, where the failure is of one request."""
    alike: str = ""
    """Beside code and phase, what equal failures of one connection share: they are folded."""
    observed: Observed | None = None
    notes: tuple[str, ...] = ()
    fix_at: tuple[Actor, ...] = ()
    """Where this one can be mended, likeliest first; empty: where the kind says."""
    fixes: tuple[str, ...] = ()
    """What to do about this one, as templates; empty: what the kind says."""
    commands: tuple[str, ...] = ()
    """As ``fixes``."""
    envoy: tuple[str, str] | None = None
    """Envoy's response flag and reset reason for this one; None: those of the kind."""
    numbers: dict[str, float] = {}
    """What was measured and the texts name, for programs: names in snake_case, sizes in bytes."""
    facts: dict[str, str] = {}
    """Words for the kind's templates, beyond those that every connection has (text.py)."""
