"""Whatever two captures hold: no exception, and probabilities that are some."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pcapdiag.diagnose.findings.lost_between import LostBetween
from pcapdiag.diagnose.points import judge_points
from pcapdiag.model.points import Span
from tests.correlate.road import MS, START, Road
from tests.diagnose.points.scene import opinions, texts_of

pytestmark = pytest.mark.once

packets = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 9000),
        st.sampled_from(["A", "PA", "FA", "R", "RA"]),
        st.integers(0, 400),
        st.integers(0, 300),
        st.integers(0, 200),
        st.sampled_from([(0,), (1,), (0, 1)]),
    ),
    max_size=15,
)


@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(packets, st.booleans(), st.sampled_from([100, 3000, 20_000]))
def test_any_packets_are_judged(
    rows: list[tuple[bool, int, str, int, int, int, tuple[int, ...]]], known: bool, last: int
) -> None:
    road = Road(known=known)
    road.handshake()
    for initiator, at, flags, seq, ack, length, seen in rows:
        (road.c if initiator else road.s)(40 + at, flags, seq, ack, length, seen=seen)
    spans = [Span(START, START + 20_000 * MS), Span(START, START + last * MS)]
    way = road.way(spans)
    given = opinions(road)
    found = judge_points(way.journey, given, way.labels)
    watch = LostBetween()
    watch.look(way, found)
    assert all(0 <= one.numbers["share"] <= 1 for one in watch.findings())
    if found is None:
        return
    assert texts_of(found, given).title
    for attribution in (found.attribution, *found.resets.values()):
        assert 0 <= attribution.confidence <= 0.995
        assert (attribution.side == "unknown") == (attribution.confidence < 0.8)
