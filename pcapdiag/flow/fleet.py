"""The tracker's tables of callers and endpoints as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from msgspec.structs import replace

from pcapdiag.flow.callers import CAME_UP, Ask, Caller, Level
from pcapdiag.flow.records import Endpoint, Host
from pcapdiag.flow.spans import Span
from pcapdiag.flow.story import address_text
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import (
    AskFacts,
    AskKind,
    CallerFacts,
    LeakFact,
    LossFacts,
    PlaceFacts,
    Served,
    SpanFacts,
)

_KINDS: tuple[AskKind, ...] = ("request", "check", "bare", "path", "connect")


def endpoint_name(endpoint: Endpoint) -> str:
    """Return address and port as one word."""
    return join_port(address_text(endpoint.version, endpoint.high, endpoint.low), endpoint.port)


def asks_of(endpoint: Endpoint) -> Iterator[AskFacts]:
    """Yield what was asked of an endpoint, by caller and kind."""
    address = address_text(endpoint.version, endpoint.high, endpoint.low)
    name = join_port(address, endpoint.port)
    for host, caller in endpoint.callers.items():
        who = address_text(host.version, host.high, host.low)
        for number, kind in enumerate(_KINDS):
            ask = caller.ask(number)
            if ask is not None:
                ask.settle()
                yield _ask_facts(ask, kind, who, name, address, endpoint.port)


def _ask_facts(ask: Ask, kind: AskKind, who: str, name: str, address: str, port: int) -> AskFacts:
    return AskFacts(
        kind=kind,
        caller=who,
        endpoint=name,
        address=address,
        port=port,
        head=ask.head,
        count=ask.count,
        good=ask.good,
        errors=ask.errors,
        alone=ask.alone,
        same=ask.same,
        first=ask.first,
        last=ask.last,
        period=ask.gap_sum // ask.gaps if ask.gaps else 0,
        steady=ask.steady / (ask.gaps - 1) if ask.gaps > 1 else 0.0,
        outcomes=dict(ask.statuses),
        changes=sorted(ask.changes),
    )


def callers_of(endpoint: Endpoint) -> Iterator[CallerFacts]:
    """Yield the ports that each caller of an endpoint used."""
    name = endpoint_name(endpoint)
    address = address_text(endpoint.version, endpoint.high, endpoint.low)
    for host, caller in endpoint.callers.items():
        in_use, at = _most(caller.open)
        at_once = in_use
        if caller.waiting is not None:
            in_use, at = _most(caller.open, caller.waiting)
        yield CallerFacts(
            caller=address_text(host.version, host.high, host.low),
            endpoint=name,
            connections=caller.connections,
            lowest_port=caller.lowest_port,
            highest_port=caller.highest_port,
            address=address,
            came_up=caller.came_up,
            dropped=caller.dropped,
            first_dropped=caller.first_dropped,
            last_dropped=caller.last_dropped,
            drop_episodes=len(caller.drop_marks or ()),
            reused=caller.reused,
            cured=caller.cured,
            first=caller.first,
            last=caller.last,
            most_open=at_once,
            most_in_use=in_use,
            most_at=at,
        )


def most_open(caller: Caller) -> int:
    """Return how many connections a caller had open at once at most; as exact as ``open_at``."""
    return _most(caller.open)[0]


def open_at(caller: Caller, time: int) -> int | None:
    """Return how many connections a caller had open at a time (ns); None where none was counted.

    To the second at best: what began and ended within one is not in it.
    """
    level = caller.open
    if level is None or not level.changes:
        return None
    return sum(change for step, change in level.changes.items() if step <= time // level.step)


def _most(*levels: Level | None) -> tuple[int, int]:
    """Return how many there were at most of all levels together, and when (ns)."""
    known = [level for level in levels if level is not None and level.changes]
    if not known:
        return 0, 0
    step = max(level.step for level in known)
    changes = known[0].changes if len(known) == 1 else _together(known, step)
    moments = sorted(changes)
    totals = list(accumulate(map(changes.__getitem__, moments)))
    most = max(totals)
    return most, (moments[totals.index(most)] + 1) * step


def _together(levels: list[Level], step: int) -> dict[int, int]:
    changes: dict[int, int] = {}
    for level in levels:
        for moment, change in level.changes.items():
            moment = moment * level.step // step
            changes[moment] = changes.get(moment, 0) + change
    return changes


def spans_of(endpoint: Endpoint) -> list[SpanFacts]:
    """Return when an endpoint took connections and when not; empty where it always did.

    In the order of their beginnings: that a single SYN was not answered is known late.
    """
    if all(span.outcome == CAME_UP for span in endpoint.spans):
        return []
    found: list[SpanFacts] = []
    for span in sorted(_parts(endpoint.spans), key=lambda span: span.first):
        last = found[-1] if found else None
        if last is not None and last.outcome == span.outcome:
            last.last = max(last.last, span.last)
            last.count += span.count
            last.served = last.served.and_then(span.served)
        else:
            found.append(span)
    return found


def _parts(spans: list[Span]) -> Iterator[SpanFacts]:
    """Yield spans, those that took connections in two where one that failed began in its pause."""
    failed = [span.first for span in spans if span.outcome != CAME_UP]
    for span in spans:
        begins = span.pause_end - span.pause
        told = SpanFacts(span.outcome, span.first, span.last, span.count)
        told.served = Served(span.served, span.served_first, span.served_last, span.served_gap)
        if span.outcome == CAME_UP and any(begins < one < span.pause_end for one in failed):
            yield replace(told, first=span.pause_end, count=span.count - span.before_pause)
            told.last, told.count = begins, span.before_pause
            told.served = Served(
                span.pause_served,
                span.pause_served_first,
                span.pause_served_last,
                span.pause_served_gap,
            )
        yield told


def losses_of(host: Host) -> LossFacts:
    """Return what was lost between a host and the capture point."""
    return LossFacts(
        address=address_text(host.version, host.high, host.low),
        sent=host.sent_segments,
        sent_lost=host.sent_lost,
        sent_lossy=host.sent_lossy,
        taken=host.taken_segments,
        taken_lost=host.taken_lost,
        taken_lossy=host.taken_lossy,
        seconds=dict(host.loss_seconds or {}),
        streams=list(host.lossy_streams or []),
    )


def places_of(host: Host, claims: dict[tuple[int, int], tuple[int, int]]) -> list[PlaceFacts]:
    """Return where an address answered from; ``claims`` are the tracker's."""
    found = []
    for place in sorted(host.places or [], key=lambda place: place.first):
        mac = place.key >> 8
        time, frame = claims.get((host.low, mac), (0, 0)) if host.version == 4 else (0, 0)
        found.append(
            PlaceFacts(
                mac=mac,
                ttl=place.key & 0xFF,
                connections=place.connections,
                packets=place.packets,
                first=place.first,
                last=place.last,
                claimed=time,
                claim_frame=frame,
            )
        )
    return found


def leaks_of(rows: list[tuple[int, ...]]) -> list[LeakFact]:
    """Return the rows of :class:`~pcapdiag.flow.leaks.Leaks` as plain data."""
    return [
        LeakFact(
            host=address_text(row[5], row[6], row[7]),
            port=row[8],
            stranger=address_text(row[5], row[9], row[10]),
            stranger_port=row[11],
            known=address_text(row[5], row[12], row[13]),
            known_port=row[14],
            stream=row[2],
            of_stream=row[4],
            frames=[row[3], row[0]],
            time=row[1],
        )
        for row in rows
    ]
