"""The legs of a proxy captured at several points: the client's leg at one, the call at another.

Every failure is moved to the first point's clock and gets one number, whatever point it was seen
at; then the legs are joined as those of one capture are. Hosts are known by their addresses, and
the capturing hosts by all of theirs. Between points whose clocks cannot be compared a request id
alone ties a call to a request.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial

import msgspec

from pcapdiag.correlate.leg_failure import APART, Key, LegFailure, point_of
from pcapdiag.diagnose.capture.partial import KIND as PARTIAL
from pcapdiag.incident.legs import ProxyLegs
from pcapdiag.incident.point_study import PointStudy
from pcapdiag.model.addresses import is_loopback
from pcapdiag.model.ends import join_port

Numbers = Callable[[int, int], int]
"""From point and stream to the number of the connection among those of all points."""

_Rank = tuple[bool, bool, bool, int]
"""The less, the more a point's account is worth; ends with the point."""


def share_legs(studies: Sequence[PointStudy], numbers: Numbers) -> ProxyLegs:
    """Join the failures of all points, and let each point tell the causes that were found."""
    hosts = _host_names(studies)
    noted: dict[Key, list[tuple[_Rank, LegFailure]]] = {}
    for study in studies:
        failures = study.analysis.legs.failures
        forwarded = {one.same_as for one in failures} | {
            one.stream for one in failures if one.same_as is not None
        }
        for failure in failures:
            moved = _moved(failure, study, numbers, hosts)
            rank = _rank(failure, study, forwarded)
            noted.setdefault(moved.key, []).append((rank, moved))
    joined = ProxyLegs()
    joined.take_over(_tied_by_id([_one_of(seen) for seen in noted.values()]))
    joined.conclude(frozenset(), reach=_reach(studies, hosts))
    for study in studies:
        study.analysis.legs.share(joined, partial(numbers, study.number))
    return joined


def _rank(failure: LegFailure, study: PointStudy, forwarded: Container[int | None]) -> _Rank:
    ends = {failure.opener, failure.answerer}
    at_an_end = not ends.isdisjoint(study.analysis.surroundings.capture_hosts)
    # What changes addresses bears them, and is no end all the same.
    at_an_end = at_an_end and failure.stream not in forwarded
    return failure.suspected, failure.code == PARTIAL.code, not at_an_end, study.number


def _one_of(seen: list[tuple[_Rank, LegFailure]]) -> LegFailure:
    """Return the most telling one of what several points noted of one failure.

    It goes by the stream and frame of the point that the report tells the connection by.
    """
    _, best = min(seen, key=lambda one: one[0])
    point = point_of(best.stream)
    for (*_, number), failure in seen:
        if number == point:
            return msgspec.structs.replace(
                best,
                there=failure.there,
                frame=failure.frame,
                label=failure.label,
                at_first=failure.at_first,
            )
    return best


def _host_names(studies: Sequence[PointStudy]) -> dict[str, str]:
    """Return one name for each address of a capturing host that has several."""
    names: dict[str, str] = {}
    for study in studies:
        for address in sorted(study.analysis.surroundings.capture_hosts):
            if not is_loopback(address):
                names.setdefault(address, _own(study))
    return names


def _reach(studies: Sequence[PointStudy], names: dict[str, str]) -> dict[str, set[str]]:
    """Return to which hosts each one opened connections, as far as the points remember."""
    found: dict[str, set[str]] = {}
    for study in studies:
        for opener, peer in study.analysis.surroundings.calls():
            if not is_loopback(opener) and not is_loopback(peer):
                found.setdefault(names.get(opener, opener), set()).add(names.get(peer, peer))
    return found


def _own(study: PointStudy) -> str:
    return f"host of point {study.number}"


def _moved(
    failure: LegFailure, study: PointStudy, numbers: Numbers, hosts: dict[str, str]
) -> LegFailure:
    def host(address: str) -> str:
        return _own(study) if is_loopback(address) else hosts.get(address, address)

    def time(ns: int) -> int:
        if not ns:
            return 0
        return study.clock.to_first(ns) if study.clock.known else ns + study.number * APART

    same_as = failure.same_as
    return msgspec.structs.replace(
        failure,
        stream=numbers(study.number, failure.stream),
        opener=host(failure.opener),
        answerer=host(failure.answerer),
        called=join_port(failure.answerer, failure.answerer_port),
        since=time(failure.since),
        asked=time(failure.asked),
        decided=time(failure.decided),
        opened=time(failure.opened),
        last_try=time(failure.last_try),
        same_as=None if same_as is None else numbers(study.number, same_as),
        there=failure.stream,
        label=study.label,
        at_first=study.number == 0,
    )


def _tied_by_id(failures: list[LegFailure]) -> list[LegFailure]:
    """Bring calls to the time of the one request with their id, where clocks are not known."""
    first_of: dict[str, list[LegFailure]] = {}
    for failure in failures:
        if failure.request_id and failure.asked < APART:
            first_of.setdefault(failure.request_id, []).append(failure)
    return list(_brought(failures, first_of))


def _brought(
    failures: list[LegFailure], first_of: dict[str, list[LegFailure]]
) -> Iterator[LegFailure]:
    for failure in failures:
        same = first_of.get(failure.request_id or "", [])
        if failure.asked < APART or len(same) != 1:
            yield failure
            continue
        by = same[0].asked - failure.asked
        yield msgspec.structs.replace(
            failure,
            since=failure.since + by,
            asked=failure.asked + by,
            decided=failure.decided + by if failure.decided else 0,
            opened=failure.opened + by if failure.opened else 0,
            last_try=failure.last_try + by if failure.last_try else 0,
        )
