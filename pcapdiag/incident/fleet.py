"""The tracker's tables of hosts and endpoints as plain data, at the end of a capture."""

from __future__ import annotations

from itertools import islice

from pcapdiag.flow.story import endpoint_facts, host_facts
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.surroundings import MAX_COMPARED_HOSTS
from pcapdiag.model.fleet import Fleet

MAX_ENDPOINTS = 20_000
"""Endpoints over which findings are looked for."""


def collect_fleet(analysis: Analysis) -> Fleet:
    """Return what is known of the whole capture."""
    tracker, table = analysis.tracker, analysis.tracker.table
    return Fleet(
        first_time=tracker.first_time,
        last_time=tracker.last_time,
        hosts=[host_facts(one) for one in islice(table.hosts.values(), MAX_COMPARED_HOSTS)],
        endpoints=[endpoint_facts(one) for one in islice(table.endpoints.values(), MAX_ENDPOINTS)],
        too_big=analysis.surroundings.too_big.facts(),
        filtered=analysis.options.is_filtered,
    )
