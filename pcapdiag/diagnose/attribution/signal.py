"""What a signal is: one observation, whom it accuses, and how strongly."""

from __future__ import annotations

import math
from functools import cache

import msgspec
from msgspec.structs import replace

from pcapdiag.diagnose.attribution.fitted import FITTED
from pcapdiag.diagnose.attribution.ratios import CONFOUNDED, RATIOS
from pcapdiag.model.ends import Actor
from pcapdiag.model.report import Evidence


class Signal(msgspec.Struct, frozen=True):
    """One observation about who did it.

    ``weight`` is log10 of P(observation | ``says``) / P(observation | not); 0 means that it was
    weighed and tells nothing. Of one ``family`` only the strongest signal counts.
    """

    name: str
    family: str
    says: Actor
    weight: float
    detail: str
    frames: tuple[int, ...] = ()

    def evidence(self) -> Evidence:
        """Return the signal as the report shows it."""
        return Evidence(
            signal=self.name,
            says=self.says,
            weight=round(self.weight, 2),
            detail=self.detail,
            frames=list(dict.fromkeys(self.frames)),
        )


def signal(
    name: str,
    says: Actor,
    detail: str,
    frames: tuple[int, ...] = (),
    confounded: bool = False,
) -> Signal:
    """Return a signal with its ratio: the fitted one, or the judgement where no capture showed it.

    ``confounded`` says that an innocent cause of the same observation is present (judgement): the
    ratio is divided by 5, and never turned round.
    """
    family, weight = _weight(name, confounded)
    return Signal(name, family, says, weight, detail, frames)


def doubted(item: Signal) -> Signal:
    """Return a signal with an innocent cause of the same observation taken into account."""
    return replace(item, weight=max(0.0, item.weight - math.log10(CONFOUNDED)))


@cache
def _weight(name: str, confounded: bool) -> tuple[str, float]:
    row = RATIOS[name]
    ratio = FITTED[name].ratio if name in FITTED else row.ratio
    if confounded:
        ratio = max(1.0, ratio / CONFOUNDED)
    return row.family, math.log10(ratio)
