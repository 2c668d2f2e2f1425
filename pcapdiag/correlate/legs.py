"""Which failed calls of a proxy can be why it failed a client: found by ends, time and kind.

A client's request fails at the proxy a moment after the proxy's own call failed, and that call was
made while the request waited. Request ids, traces and paths tell calls apart where they are read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import msgspec

from pcapdiag.correlate.fitting import LEFT, REPLIES, STALLS, fits
from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.model.addresses import is_loopback
from pcapdiag.model.units import MS

SAME_MOMENT = 5 * MS
"""Two packets of one decision, whichever was captured first."""
AT_ONCE = 50 * MS
"""A proxy hands a failure from one leg to the other within this time."""
UNUSED_APART = 2 * MS
UNANSWERED = frozenset(
    {
        "tcp.closed_before_request",
        "tcp.closed_before_response",
        "tcp.reset_before_request",
        "tcp.reset_before_response",
    }
)
"""How a TCP proxy ends a client's connection for which its own call failed."""
DELAYED_CLOSE = 1_200 * MS
"""Envoy ends a broken answer's connection this late: delayed_close_timeout, 1 s (measured)."""
GAVE_UP = 200 * MS
"""No proxy gives up on a silent upstream sooner."""
MAX_COMPARED = 64
"""Failures at about one moment among which a cause is looked for; of more nobody can tell."""

MAX_SILENT = 16
"""Calls without any answer, from a request's beginning, among which its own is looked for."""

_ID, _TRACE, _SAME_PATH = 8, 4, 1


class Legs(msgspec.Struct):
    """All failures of a capture, by the host at whose proxy legs meet."""

    own: frozenset[str] = frozenset()
    """Addresses of the capturing host: they count as one, and with its loopback."""
    ended: dict[str, list[LegFailure]] = {}
    """Calls by the caller's host, in the order in which they were decided."""
    silent: dict[str, list[LegFailure]] = {}
    """Those that nobody decided, in the order in which they were asked."""
    by_id: dict[str, list[LegFailure]] = {}
    clients: dict[str, list[LegFailure]] = {}
    """By the called host: clients that left it, or read too slowly, in the order of their end."""

    @classmethod
    def of(cls, failures: Iterable[LegFailure], own: frozenset[str]) -> Legs:
        """Sort failures; those of health checks and behind a NAT explain nothing."""
        legs = cls(own)
        for failure in failures:
            if failure.health_check or failure.same_as is not None:
                continue
            calls = legs.silent if failure.is_silent else legs.ended
            calls.setdefault(legs.host(failure.opener), []).append(failure)
            if failure.request_id:
                legs.by_id.setdefault(failure.request_id, []).append(failure)
            if failure.code == LEFT or failure.code in STALLS:
                legs.clients.setdefault(legs.host(failure.answerer), []).append(failure)
        for found in (*legs.ended.values(), *legs.clients.values()):
            found.sort(key=decided)
        for found in legs.silent.values():
            found.sort(key=asked)
        return legs

    def host(self, address: str) -> str:
        """Return one name for all addresses of a host, as far as they are known."""
        is_own = address in self.own or is_loopback(address)
        return "own" if is_own else address

    def calls(self, opener: str, low: int, high: int, since: int, until: int) -> list[LegFailure]:
        """Return failed calls of a host: ended from ``low`` to ``high`` (ns), or silent ones.

        Those of which nobody decided the end are told by their beginning, ``since`` to ``until``:
        MAX_SILENT at most. Of the others all or, where they are too many to tell, none.
        """
        host = self.host(opener)
        ended, silent = self.ended.get(host, []), self.silent.get(host, [])
        first, last = bisect_left(ended, low, key=decided), bisect_right(ended, high, key=decided)
        begun, over = bisect_left(silent, since, key=asked), bisect_right(silent, until, key=asked)
        if last - first > MAX_COMPARED:
            first = last
        return [*ended[first:last], *silent[begun : min(over, begun + MAX_SILENT)]]

    def candidates(self, effect: LegFailure) -> list[LegFailure]:
        """Return failed calls that may be why a client's leg failed; on a busy host the nearest."""
        since, until = effect.since - SAME_MOMENT, effect.decided - GAVE_UP
        low, high = effect.decided - DELAYED_CLOSE, effect.decided + AT_ONCE
        found = self.calls(effect.answerer, low, high, since, until)
        if all(call.is_silent for call in found):
            # There may have been too many: then those are looked at that ended with the request.
            low, high = effect.decided - SAME_MOMENT, effect.decided + SAME_MOMENT
            found = self.calls(effect.answerer, low, high, since, until)
        if effect.request_id:
            # Addresses of one host that nothing else shows to be one.
            same = self.by_id.get(effect.request_id, [])[:MAX_COMPARED]
            found += [call for call in same if self._may_go_on(effect, call)]
        return list({call.key: call for call in found if may_cause(effect, call)}.values())

    def _may_go_on(self, effect: LegFailure, call: LegFailure) -> bool:
        """Return whether a call with a request's id may lead on from it.

        Not one that the same proxy made for it (a retry, a copy to a mirror), nor the one by which
        the request came to who asks here: an id is kept along a chain of proxies.
        """
        caller = self.host(effect.opener)
        tries = self.host(call.opener) == caller != self.host(effect.answerer)
        return not tries and self.host(call.answerer) != caller


def may_cause(effect: LegFailure, call: LegFailure) -> bool:
    """Return whether a failed call fits a client's failure by its ends, its time and its kind."""
    return (
        not is_same_leg(effect, call)
        and effect.since - SAME_MOMENT <= _begun(effect, call) <= effect.decided
        and _in_time(effect, call)
        and not _is_anothers(effect, call)
        and fits(effect, call)
        and (not call.suspected or call.exchange is not None or _opened_for_it(effect, call))
    )


def _begun(effect: LegFailure, call: LegFailure) -> int:
    """Return when a call began that may be why an effect failed.

    One that ended before it had asked was made for the connection, and asked, if at all, in vain.
    """
    in_vain = effect.decided < call.asked and 0 < call.decided < call.asked
    return call.opened if in_vain else call.asked


def _opened_for_it(effect: LegFailure, call: LegFailure) -> bool:
    """Return whether a connection that was not used was opened for a request and ended with it.

    A health check of the proxy's that came by chance looks the same.
    """
    at_once = abs(effect.decided - call.decided) <= UNUSED_APART
    told = effect.code in REPLIES or effect.code in UNANSWERED
    return at_once and told and call.opened >= effect.since - UNUSED_APART


def is_same_leg(one: LegFailure, other: LegFailure) -> bool:
    """Return whether two failures are of one leg: a connection, its NAT twin, a client's next."""
    if one.stream in {other.stream, other.same_as} or one.same_as == other.stream:
        return True
    return one.opener == other.opener and calls_the_same(one, other)


def calls_the_same(one: LegFailure, other: LegFailure) -> bool:
    """Return whether two failures are of calls to one address and port."""
    return (one.answerer, one.answerer_port) == (other.answerer, other.answerer_port)


def likeness(effect: LegFailure, call: LegFailure) -> int:
    """Return how far what can be read of two requests shows them to be one; negative: it is not."""
    alike = 0
    for weight, mine, theirs in (
        (_ID, effect.request_id, call.request_id),
        (_TRACE, effect.trace, call.trace),
        (_SAME_PATH, effect.target, call.target),
        (_SAME_PATH, effect.method, call.method),
    ):
        if mine and theirs:
            alike += weight if mine == theirs else -weight
    return alike


def _is_anothers(effect: LegFailure, call: LegFailure) -> bool:
    """Return whether what can be read says that the call was for another request.

    A proxy may rewrite a path, and replace an id that a stranger sent; not both at once.
    """
    if effect.method and call.method and effect.method != call.method:
        return {effect.method, call.method} != {"GET", "HEAD"}
    other_id = _differ(effect.request_id, call.request_id) or _differ(effect.trace, call.trace)
    return other_id and likeness(effect, call) < 0 and effect.target != call.target


def _differ(mine: str | None, theirs: str | None) -> bool:
    return bool(mine and theirs and mine != theirs)


def _in_time(effect: LegFailure, call: LegFailure) -> bool:
    if call.is_silent:
        # Who is not told that its client has left goes on trying (docker-proxy, measured).
        waits = call.came_up or effect.by == "initiator"
        tried_until = effect.decided + SAME_MOMENT
        return effect.decided - call.asked >= GAVE_UP and (waits or call.last_try <= tried_until)
    late = effect.decided - call.decided
    ahead = AT_ONCE if call.by == "initiator" else SAME_MOMENT
    return -ahead <= late <= _longest_delay(effect, call)


def _longest_delay(effect: LegFailure, call: LegFailure) -> int:
    """Return how long after a call's failure its client may see it, nanoseconds.

    A proxy that passes an upload on notices when it writes again. To Envoy a tunnel's end is a cut
    answer, too (measured: FIN 1 s after the upstream's RST).
    """
    begun = effect.tunnel or effect.phase in {"in_response", "closing", "idle"}
    cut = begun and effect.by == "responder"
    return DELAYED_CLOSE if cut or call.phase == "in_request" else AT_ONCE


def decided(failure: LegFailure) -> int:
    """Return when a failure was decided, for sorting."""
    return failure.decided


def asked(failure: LegFailure) -> int:
    """Return when a failed request began, for sorting."""
    return failure.asked
