"""Counting failures by what they are and whom they called."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from pcapdiag.model.report_outcome import UpstreamCount

MAX_UPSTREAMS = 1_000
"""Kinds of failure at an upstream that are counted by name, the most frequent ones."""
OTHERS = "others"
"""What the upstreams beyond those are called together."""


class Kind(NamedTuple):
    """What is counted together."""

    code: str
    party: str
    upstream: str | None


def most_frequent(kinds: Counter[Kind]) -> list[UpstreamCount]:
    """Return kinds as counts, the most frequent first; those over the limit as one per kind."""
    ranked = sorted(kinds.items(), key=lambda item: (-item[1], str(item[0])))
    rest: Counter[Kind] = Counter()
    for kind, count in ranked[MAX_UPSTREAMS:]:
        rest[kind._replace(upstream=OTHERS)] += count
    return [
        UpstreamCount(code=kind.code, party=kind.party, upstream=kind.upstream, connections=count)
        for kind, count in [*ranked[:MAX_UPSTREAMS], *sorted(rest.items())]
    ]
