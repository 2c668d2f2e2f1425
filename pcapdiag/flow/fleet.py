"""The tracker's tables of callers and endpoints as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from pcapdiag.flow.callers import BUCKET, CAME_UP, Ask, Caller
from pcapdiag.flow.records import Endpoint, Host
from pcapdiag.flow.story import address_text
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import AskFacts, AskKind, CallerFacts, LossFacts, SpanFacts

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
        most, at = _most_in_use(caller)
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
            drop_episodes=len(caller.drop_marks),
            reused=caller.reused,
            most_in_use=most,
            most_at=at,
        )


def _most_in_use(caller: Caller) -> tuple[int, int]:
    """Return how many ports were in use at most, and when (ns)."""
    if not caller.in_use:
        return 0, 0
    moments = sorted(caller.in_use)
    levels = list(accumulate(caller.in_use[moment] for moment in moments))
    most = max(levels)
    return most, moments[levels.index(most)] * BUCKET


def spans_of(endpoint: Endpoint) -> list[SpanFacts]:
    """Return when an endpoint took connections and when not; empty where it always did.

    In the order of their beginnings: that a single SYN was not answered is known late.
    """
    if all(span.outcome == CAME_UP for span in endpoint.spans):
        return []
    found: list[SpanFacts] = []
    for span in sorted(endpoint.spans, key=lambda span: span.first):
        last = found[-1] if found else None
        if last is not None and last.outcome == span.outcome:
            last.last = max(last.last, span.last)
            last.count += span.count
        else:
            found.append(SpanFacts(span.outcome, span.first, span.last, span.count))
    return found


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
