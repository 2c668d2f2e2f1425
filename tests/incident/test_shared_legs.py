"""The failures of several points joined: on one clock, by one name for each host, or by request id."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from msgspec.structs import replace

from pcapdiag.correlate.leg_failure import APART, LegFailure, number_at
from pcapdiag.incident.legs import ProxyLegs
from pcapdiag.incident.point_study import PointStudy
from pcapdiag.incident.shared_legs import share_legs
from pcapdiag.model.points import PointClock
from tests.correlate.legs import MS, refused, reply, reset


def study(
    number: int,
    label: str,
    clock: PointClock,
    *failures: LegFailure,
    own: tuple[str, ...] = (),
    calls: Sequence[tuple[str, str]] = (),
) -> PointStudy:
    legs = ProxyLegs()
    legs.take_over(list(failures))
    surroundings = SimpleNamespace(capture_hosts=frozenset(own), calls=lambda: calls)
    analysis = SimpleNamespace(legs=legs, surroundings=surroundings)
    return cast(
        PointStudy, SimpleNamespace(number=number, label=label, clock=clock, analysis=analysis)
    )


FIRST = PointClock(known=True)


def causes(*studies: PointStudy) -> dict[int, list[tuple[str, int]]]:
    """Return the causes by the number of what they explain, as place and frame."""
    joined = share_legs(studies, number_at)._joined
    return {
        number: [(cause.place, cause.frame) for cause in found.causes]
        for (number, _), found in joined.explained.items()
    }


def test_a_call_at_another_point_is_the_cause_by_the_clocks() -> None:
    ahead = PointClock(offset=-5_000 * MS, known=True)
    there = refused(7, asked=5_011, decided=5_019)
    found = causes(study(0, "client", FIRST, reply()), study(1, "upstream", ahead, there))
    assert found == {0: [("stream 7 at upstream", 5_019)]}


def test_a_call_at_another_time_is_not() -> None:
    there = refused(7, asked=5_011, decided=5_019)
    exact = PointClock(known=True)
    assert causes(study(0, "client", FIRST, reply()), study(1, "upstream", exact, there)) == {}


def test_without_a_common_clock_equal_times_mean_nothing() -> None:
    there = refused(7, asked=11, decided=19)
    unknown = PointClock()
    assert causes(study(0, "client", FIRST, reply()), study(1, "upstream", unknown, there)) == {}


def test_without_a_common_clock_a_request_id_ties() -> None:
    unknown = PointClock()
    there = reset(7, asked=99_011, decided=99_019, request_id="r-1")
    here = reply(request_id="r-1", exchange=1, reason="connection termination")
    found = causes(study(0, "client", FIRST, here), study(1, "upstream", unknown, there))
    assert found == {0: [("stream 7 at upstream", 99_019)]}
    other = reply(request_id="r-2", exchange=1, reason="connection termination")
    assert causes(study(0, "client", FIRST, other), study(1, "upstream", unknown, there)) == {}


def test_the_addresses_of_a_capturing_host_are_one_proxy() -> None:
    there = refused(7, asked=11, decided=19, opener="10.9.9.9")
    known = PointClock(known=True)
    client = study(0, "client", FIRST, reply())
    assert causes(client, study(1, "proxy", known, there)) == {}
    client = study(0, "client", FIRST, reply())
    proxy = study(1, "proxy", known, there, own=("10.9.9.9", "10.0.1.5"))
    assert causes(client, proxy) == {0: [("stream 7 at proxy", 19)]}


def test_a_router_that_changes_addresses_is_no_end_though_it_bears_them() -> None:
    virtual, inside = "203.0.113.9", "10.0.3.1"
    known = PointClock(known=True)
    before = replace(reply(), answerer=virtual)
    after = replace(reply(1), opener=inside)
    call = refused(1, opener="10.9.9.9")
    studies = (
        study(0, "client", FIRST, before),
        study(1, "router", known, before, replace(after, same_as=0), own=(virtual, inside)),
        study(2, "proxy", known, replace(after, stream=0), call, own=("10.0.1.5", "10.9.9.9")),
    )

    def numbers(point: int, stream: int) -> int:
        """The client's request is one connection at all three."""
        return 0 if point < 2 or stream == 0 else number_at(point, stream)

    found = share_legs(studies, numbers)._joined.explained
    (why,) = found.values()
    assert [cause.place for cause in why.causes] == ["stream 1 at proxy"]


def test_a_cause_at_a_point_with_an_unknown_clock_keeps_its_own_time() -> None:
    unknown = PointClock()
    here = study(1, "upstream", unknown, reply(), refused(1))
    joined = share_legs((study(0, "client", FIRST), here), number_at)._joined
    (why,) = joined.explained.values()
    assert why.last.ended_at == refused().decided
    assert why.last.decided > APART


def test_loopback_at_two_points_is_not_one_host() -> None:
    known = PointClock(known=True)
    here = reply(client="127.0.0.1")
    there = refused(7, asked=11, decided=19, opener="127.0.0.1")
    first = study(0, "a", FIRST, replace(here, answerer="127.0.0.1"))
    assert causes(first, study(1, "b", known, there)) == {}


def test_behind_a_leg_that_cannot_be_read_it_is_who_was_called_that_counts() -> None:
    """A sidecar's words come over TLS, and are handed on; its own call is at another point."""
    there = refused(7, asked=11, decided=19, opener="127.0.0.6")
    pod = "10.9.9.9"
    for called, found in ((pod, {0: [("stream 7 at pod", 19)]}), ("10.9.9.8", {})):
        told = study(0, "client", FIRST, reply(handed_on=True), calls=[("10.0.1.5", called)])
        assert causes(told, study(1, "pod", FIRST, there, own=(pod,))) == found
