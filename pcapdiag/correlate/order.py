"""In which order the points lie between a connection's two ends.

The strongest first: TTLs fall on the way. Without routers between, a packet and the other end's
next one are further apart the further the other end is; that needs no common clock. Then the
clocks, where they are known well enough; then what other connections and the user's labels say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from statistics import median_high, median_low

from pcapdiag.correlate.alignment import Row, Seen
from pcapdiag.correlate.labels import role_of_label
from pcapdiag.model.points import PointClock, Trace

NOISE = 15_000
"""Differences of times (ns) that a capture's own timestamps make."""
MOST_PAIRS = 400
"""Pairs of packets that are compared for one pair of points."""
MAX_ORDERS = 50_000
"""Addresses whose connections' order is remembered."""
ROLE = {"client": 0, "proxy": 1, "upstream": 2}
"""Who is where, from the first initiator to the last responder."""


def order_of(
    rows: Sequence[Row],
    present: Sequence[int],
    clocks: Sequence[PointClock],
    known: Sequence[int] = (),
) -> tuple[int, ...]:
    """Return the points from initiator to responder; those of which nothing tells are left out.

    ``known`` is an order that other connections showed; points that do not have this connection
    are placed by it alone.
    """
    nearer: dict[tuple[int, int], bool] = {}
    # Those that have the connection first: a stranger must not take the place of one of them.
    points = [*sorted(present), *sorted({*known} - {*present})]
    for a, b in combinations(points, 2):
        first = _is_first(rows, clocks, a, b) if {a, b} <= {*present} else None
        if first is None and a in known and b in known:
            first = known.index(a) < known.index(b)
        if first is not None:
            nearer[a, b] = first
            nearer[b, a] = not first
    if len(points) == 1:
        return tuple(points)
    return _sorted(points, nearer)


def order_by_labels(labels: Sequence[str]) -> tuple[int, ...]:
    """Return the points whose labels say where they are, from the client's end on."""
    told = {point: ROLE.get(role_of_label(label) or "", -1) for point, label in enumerate(labels)}
    return tuple(sorted((point for point in told if told[point] >= 0), key=told.__getitem__))


class Orders:
    """In which order connections pass the points, by whom they call and who calls.

    Learnt from those that several points have, for those that one of them lacks. Two hosts may each
    open connections to the other: so there is no one order of the points.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._by_labels = order_by_labels(labels)
        self._known: dict[tuple[str, int, str], tuple[int, ...]] = {}

    def of(self, traces: Sequence[Trace | None]) -> tuple[int, ...]:
        """Return the order for a connection by others like it, else by the points' labels."""
        known = (self._known.get(key) for key in _alike(traces))
        return next((order for order in known if order is not None), self._by_labels)

    def learn(self, traces: Sequence[Trace | None], order: tuple[int, ...]) -> None:
        """Take note of the order of a connection that every point of it has."""
        present = sum(trace is not None for trace in traces)
        if 1 < present == len(order) and len(self._known) < MAX_ORDERS:
            for key in _alike(traces):
                self._known[key] = order


def _alike(traces: Sequence[Trace | None]) -> Iterator[tuple[str, int, str]]:
    for trace in traces:
        if trace is not None:
            yield "to", trace.point, trace.responder[0]
    for trace in traces:
        if trace is not None:
            yield "from", trace.point, trace.initiator[0]


def _sorted(points: list[int], nearer: dict[tuple[int, int], bool]) -> tuple[int, ...]:
    """Sort points of which each two are ordered; leave out those that are not."""
    placed: list[int] = []
    for point in points:
        if not any((point, other) in nearer for other in points):
            continue
        if any((point, other) not in nearer for other in placed):
            continue
        before = [other for other in placed if nearer[other, point]]
        if before != placed[: len(before)]:
            continue
        placed.insert(len(before), point)
    return tuple(placed) if len(placed) > 1 else ()


def _is_first(rows: Sequence[Row], clocks: Sequence[PointClock], a: int, b: int) -> bool | None:
    for answer in (_by_ttl(rows, a, b), _by_halves(rows, a, b), _by_clock(rows, clocks, a, b)):
        if answer is not None:
            return answer
    return None


def _by_ttl(rows: Sequence[Row], a: int, b: int) -> bool | None:
    """Return whether ``a`` is nearer the initiator by TTLs; None where they do not say."""
    votes = []
    for initiator in (True, False):
        falls = [
            x.packet.ttl - y.packet.ttl
            for row, x, y in _pairs(rows, a, b)
            if row.from_initiator == initiator and not x.packet.is_rst
        ]
        fall = median_low(falls) if falls else 0
        if fall:
            votes.append((fall > 0) == initiator)
    return votes[0] if votes and len(set(votes)) == 1 else None


def _by_halves(rows: Sequence[Row], a: int, b: int) -> bool | None:
    """Return whether an answer takes longer to come at ``a`` than at ``b`` (no clock is needed)."""
    longer_to_responder: list[int] = []
    longer_to_initiator: list[int] = []
    seen = sorted(
        ((x.packet.time, y.packet.time, row.from_initiator) for row, x, y in _pairs(rows, a, b)),
    )
    for one, other in pairwise(seen[:MOST_PAIRS]):
        if one[2] == other[2]:
            continue
        more = (other[0] - one[0]) - (other[1] - one[1])
        (longer_to_responder if one[2] else longer_to_initiator).append(more)
    votes = []
    if longer_to_responder:
        votes.append(median_low(longer_to_responder))
    if longer_to_initiator:
        votes.append(-median_low(longer_to_initiator))
    told = [vote for vote in votes if abs(vote) > NOISE]
    if not told or len({vote > 0 for vote in told}) > 1:
        return None
    return told[0] > 0


def _by_clock(rows: Sequence[Row], clocks: Sequence[PointClock], a: int, b: int) -> bool | None:
    if not (clocks[a].known and clocks[b].known):
        return None
    forward: list[int] = []
    back: list[int] = []
    bound = 0
    for row, x, y in _pairs(rows, a, b):
        (forward if row.from_initiator else back).append(y.time - x.time)
        error = clocks[a].error_at(x.packet.time) + clocks[b].error_at(y.packet.time)
        bound = max(bound, error + NOISE)
    usual = [median_low(forward)] if forward else []
    usual += [-median_high(back)] if back else []
    told = [time for time in usual if abs(time) > bound]
    return told[0] > 0 if told and len({time > 0 for time in told}) == 1 else None


def _pairs(rows: Sequence[Row], a: int, b: int) -> Iterator[tuple[Row, Seen, Seen]]:
    for row in rows:
        x, y = row.seen[a], row.seen[b]
        if x is not None and y is not None:
            yield row, x, y
