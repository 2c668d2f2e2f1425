"""Which points would have shown a connection that they do not show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from msgspec.structs import replace

from pcapdiag.incident.point_study import PointStudy
from pcapdiag.incident.reach import Reaches
from pcapdiag.model.points import Match, PointClock, Print
from tests.correlate.crossing import SERVER, START, connection

pytestmark = pytest.mark.once

BACKEND = ("10.9.9.9", 8443)


def study(number: int, prints: list[Print], *, known: bool = True) -> PointStudy:
    tracker = SimpleNamespace(first_time=START - 10**10, last_time=START + 10**12)
    by_stream = {one.stream: one for one in prints}
    made = SimpleNamespace(
        number=number,
        clock=PointClock(known=known),
        analysis=SimpleNamespace(prints=prints, tracker=tracker),
        print_of=by_stream.get,
    )
    return cast("PointStudy", made)


def silent(stream: int, **changes: object) -> Print:
    """A connection that never came up."""
    return replace(connection(stream, at=stream), established_time=0, isn_responder=None, **changes)


def reaches(ours: list[Print], theirs: list[Print], shared: int, *, known: bool = True) -> Reaches:
    """The first ``shared`` connections are at both points."""
    studies = [study(0, ours), study(1, theirs, known=known)]
    return Reaches(studies, [Match((n, n), ("numbers",), (0, 0), (0, 0)) for n in range(shared)])


def test_a_point_that_has_others_to_that_port_or_host() -> None:
    up = [connection(n, at=n) for n in range(2)]
    lost, port = silent(2), silent(3, responder=(SERVER[0], 9))
    found = reaches([*up, lost, port], up, 2)
    assert found.of(((2,), ())) == ("seen", "port")
    assert found.of(((3,), ())) == ("seen", "host")


def test_behind_a_virtual_address_others_may_serve() -> None:
    up = [connection(n, at=n) for n in range(20)]
    behind = [replace(one, responder=BACKEND) for one in up]
    port = silent(30, responder=(SERVER[0], 9))
    one = reaches([*up, silent(20), port], behind, 20)
    assert one.of(((20,), ())) == ("seen", "port")
    assert one.of(((30,), ())) == ("seen", "none")
    many = reaches([*up, *(silent(n) for n in range(20, 40))], behind, 20)
    assert many.of(((20,), ())) == ("seen", "none")


def test_what_came_up_elsewhere_is_told_and_proves_that_there_are_others() -> None:
    up = [connection(n, at=n) for n in range(3)]
    found = reaches([*up, silent(3)], up[:2], 2)
    assert found.of(((3,), ())) == ("seen", "none")
    assert found.elsewhere(0, 2) == [1]
    assert found.elsewhere(0, 0) == []
    filtered = connection(2, at=2, responder=(SERVER[0], 9))
    assert reaches([*up[:2], filtered], up[:2], 2).elsewhere(0, 2) == []


def test_of_a_client_that_reached_nothing_the_servers_own_connections_tell() -> None:
    theirs = [connection(n, at=n) for n in range(5, 8)]
    found = reaches([silent(0), silent(1, responder=(SERVER[0], 9))], theirs, 0, known=False)
    assert found.of(((0,), ())) == ("seen", "port")
    assert found.of(((1,), ())) == ("seen", "none")
