"""Which snapshots of hosts go with a capture: by the hosts' addresses, and by time."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pcapdiag.diagnose.timing import duration
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report_snapshots import SnapshotFile
from pcapdiag.model.snapshot import Counters, Snapshot
from pcapdiag.model.units import SECOND, parse_seconds

if TYPE_CHECKING:
    from pcapdiag.host.load import Loaded

FRESH = 60 * SECOND
"""Before or after the capture, that what a snapshot shows may be what the capture met."""
NEAR = 600 * SECOND
"""The same for what was counted."""
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
MAX_ADDRESSES = 16
"""That are named in the report."""


def host_states(loaded: Sequence[Loaded], fleet: Fleet) -> list[HostState]:
    """Return the snapshots whose hosts the capture shows."""
    if not loaded:
        return []
    captured = {host.address for host in fleet.hosts}
    captured |= {one.address for one in fleet.endpoints}
    captured |= {one.caller for one in fleet.callers}
    captured |= fleet.capture_hosts
    states = [_state(one, captured, fleet) for one in loaded]
    return [state for state in states if state.seen or state.on_path]


def best_fits(states: Sequence[HostState]) -> list[HostState]:
    """Return each snapshot once, as it lies by the clock of the point that it fits best."""
    found: dict[str, HostState] = {}
    for one in states:
        known = found.get(one.path)
        if known is None or _fit(one) > _fit(known):
            found[one.path] = one
    return list(found.values())


def _fit(state: HostState) -> tuple[bool, bool, bool]:
    return state.fresh, state.near, state.within


def _state(one: Loaded, captured: set[str], fleet: Fleet) -> HostState:
    snapshot = one.snapshot
    own = frozenset(addresses_of(snapshot))
    seen = frozenset(address for address in own & captured if not _is_local(address))
    if not seen and captured and all(_is_local(address) for address in captured):
        # A capture of the loopback interface: which host's it is cannot be seen.
        seen = own & captured
    taken = parse_seconds(snapshot.time)
    state = HostState(
        path=one.path,
        snapshot=snapshot,
        own=own,
        seen=seen,
        on_path=_hands_on(snapshot, own, fleet),
        when=_when(taken, fleet),
        fresh=_is_near(taken, fleet, FRESH),
        near=_is_near(taken, fleet, NEAR),
    )
    _count(state, fleet)
    return state


def addresses_of(snapshot: Snapshot) -> Iterable[str]:
    """Yield the addresses of a host's interfaces; what is none is left out."""
    for interface in snapshot.interfaces:
        for text in interface.addresses:
            try:
                yield str(ipaddress.ip_interface(text).ip)
            except ValueError:
                continue


def _is_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _hands_on(snapshot: Snapshot, own: frozenset[str], fleet: Fleet) -> bool:
    """Return whether packets of others left by one of the host's interfaces."""
    macs = set()
    for interface in snapshot.interfaces:
        digits = interface.mac.replace(":", "")
        if len(digits) == 12 and all(digit in "0123456789abcdef" for digit in digits):
            macs.add(int(digits, 16))
    macs.discard(0)
    return any(macs & host.macs.keys() for host in fleet.hosts if host.address not in own)


def _count(state: HostState, fleet: Fleet) -> None:
    """Choose the counters that tell most of the capture's time, and say which time that is."""
    from pcapdiag.host.counters import growth  # Only here: it reads this host, too.

    snapshot = state.snapshot
    now, before = snapshot.counters, snapshot.earlier
    state.counters, state.over = now, _since(snapshot)
    last = parse_seconds(now.time or snapshot.time)
    if last < fleet.first_time:
        state.counters = Counters()
    elif before is not None and before.time:
        first = parse_seconds(before.time)
        if first <= fleet.last_time:
            state.counters, state.over = growth(before, now), f"within {_long(last - first)}"
            state.within = last - first <= fleet.last_time - fleet.first_time + 2 * NEAR
        elif first <= fleet.last_time + FRESH:
            # What was counted by the first reading has all of the capture's time in it.
            state.counters, state.after = before, growth(before, now)
            state.after_over = f"within {_long(last - first)} right after it"


def _since(snapshot: Snapshot) -> str:
    if snapshot.host.hints:
        return "since its network namespace came up"
    return f"since it came up, {_long(round(snapshot.host.uptime * SECOND))} before"


def _long(time: int) -> str:
    """Return nanoseconds in words, in days where there are some."""
    seconds = time / SECOND
    if seconds < 2 * _MINUTE:
        return duration(time)
    if seconds >= 2 * _DAY:
        return f"{seconds / _DAY:,.0f} days"
    if seconds >= 2 * _HOUR:
        return f"{seconds / _HOUR:.0f} hours"
    return f"{seconds / _MINUTE:.0f} minutes"


def _is_near(taken: int, fleet: Fleet, most: int) -> bool:
    return fleet.first_time - most <= taken <= fleet.last_time + most


def _when(taken: int, fleet: Fleet) -> str:
    before, after = fleet.first_time - taken, taken - fleet.last_time
    for apart, side in ((before, "before"), (after, "after")):
        if apart > 0:
            return f"taken {_long(apart)} {side} the capture"
    return "taken while the capture ran"


def described(loaded: Sequence[Loaded], states: Sequence[HostState]) -> list[SnapshotFile]:
    """Return every snapshot that was read, and whether it was used."""
    by_path = {state.path: state for state in states}
    return [_described(one, by_path.get(one.path)) for one in loaded]


def _described(one: Loaded, state: HostState | None) -> SnapshotFile:
    snapshot = one.snapshot
    file = SnapshotFile(
        path=one.path,
        host=snapshot.host.name,
        kernel=snapshot.host.kernel,
        time=snapshot.time,
        earlier=snapshot.earlier.time if snapshot.earlier else None,
        used=state is not None,
        unread=len(snapshot.unread),
    )
    if state is not None:
        file.addresses = sorted(state.seen)[:MAX_ADDRESSES]
        file.on_path = state.on_path
        file.when = f"{state.when}; counted {state.over}"
    return file


def notes(files: Sequence[SnapshotFile]) -> list[str]:
    """Return a line for each snapshot that goes with no address of the capture."""
    return [
        f"snapshot {file.path} of {file.host}: left aside, the capture has none of its addresses"
        for file in files
        if not file.used
    ]
