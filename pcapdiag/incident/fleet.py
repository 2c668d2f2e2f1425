"""The tracker's tables of hosts and endpoints as plain data, at the end of a capture."""

from __future__ import annotations

from itertools import islice

from pcapdiag.flow.fleet import (
    asks_of,
    callers_of,
    endpoint_name,
    leaks_of,
    losses_of,
    places_of,
    spans_of,
)
from pcapdiag.flow.records import Host
from pcapdiag.flow.story import address_text, endpoint_facts
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.surroundings import MAX_COMPARED_HOSTS
from pcapdiag.model.fleet import Fleet, FragmentFacts, PlaceFacts
from pcapdiag.model.report_summary import Topology

MAX_ENDPOINTS = 20_000
"""Endpoints over which findings are looked for."""


def collect_fleet(analysis: Analysis, topology: Topology) -> Fleet:
    """Return what is known of the whole capture; ``topology`` is who is who in it."""
    tracker, table = analysis.tracker, analysis.tracker.table
    hosts = list(islice(table.hosts.values(), MAX_COMPARED_HOSTS))
    endpoints = list(islice(table.endpoints.values(), MAX_ENDPOINTS))
    fleet = Fleet(
        first_time=tracker.first_time,
        last_time=tracker.last_time,
        hosts=[analysis.surroundings.host(one) for one in hosts],
        endpoints=[endpoint_facts(one) for one in endpoints],
        proxies=_proxies(analysis, topology),
        asks=[ask for one in endpoints for ask in asks_of(one)],
        callers=[caller for one in endpoints for caller in callers_of(one)],
        spans={endpoint_name(one): spans for one in endpoints if (spans := spans_of(one))},
        certificates=analysis.certificates.facts(),
        fragments=_fragments(analysis),
        too_big=analysis.surroundings.too_big.facts(),
        dns=analysis.dns.facts(tracker.last_time),
        losses=[losses_of(one) for one in hosts if one.sent_segments + one.taken_segments],
        places=_places(analysis, hosts),
        leaks=leaks_of(tracker.closing.leaks.found),
        capture_hosts=analysis.surroundings.capture_hosts,
        filtered=analysis.options.is_filtered,
    )
    if analysis.snapshots:
        from pcapdiag.incident.snapshots import host_states  # Only here: most runs have none.

        fleet.host_states = host_states(analysis.snapshots, fleet)
    return fleet


def _places(analysis: Analysis, hosts: list[Host]) -> dict[str, list[PlaceFacts]]:
    claims = analysis.tracker.neighbours.claims
    return {
        address_text(one.version, one.high, one.low): places_of(one, claims)
        for one in hosts
        if one.places is not None and len(one.places) > 1
    }


def _proxies(analysis: Analysis, topology: Topology) -> frozenset[str]:
    """Return the addresses of proxies; a host that is one is so under all its addresses."""
    if topology.assumed:
        return frozenset()
    own = analysis.surroundings.capture_hosts
    proxies = frozenset(topology.proxies)
    return proxies | own if proxies & own else proxies


def _fragments(analysis: Analysis) -> list[FragmentFacts]:
    fragments = analysis.fragments
    fragments.finish(analysis.tracker.last_time)
    return [
        FragmentFacts(
            sender=address_text(version, *ends[:2]),
            receiver=address_text(version, *ends[2:]),
            whole=way.whole,
            lost=way.lost,
            first=way.first_lost,
            last=way.last_lost,
            only_first=fragments.behind == 0,
        )
        for (version, *ends), way in fragments.ways.items()
        if way.lost
    ]
