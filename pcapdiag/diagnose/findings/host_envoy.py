"""host.envoy_cluster: Envoy's own numbers say why a cluster's requests fail.

What happened
    Envoy answered itself because the cluster had no endpoint in use, or its limits were reached.

How pcapdiag can tell
    A snapshot with Envoy's admin interface (`--envoy-admin`) shows a cluster without a healthy
    endpoint where clients got "no healthy upstream", or one whose circuit breaker overflowed where
    they got "overflow".

Usual causes
    - Health checks that fail, or outlier detection that ejected (`failed_outlier_check`).
    - No endpoints: a selector, a readiness probe, DNS.
    - Limits of 1,024 connections and requests, Envoy's defaults.

Fixes
    - First: which flag has put the endpoint out? `/clusters` of the admin interface.
    - Envoy: `outlier_detection`, `health_checks`, `circuit_breakers.thresholds`.
    - Istio: DestinationRule `outlierDetection`, `connectionPool`.
    - Kubernetes: `kubectl get endpointslices`; readiness probes.

Can be confused with
    - http.no_healthy_upstream: what clients get of it.
    - http.overflow: the same for limits.
    - health.endpoint_out: the checks, as the capture shows them.

What would settle it
    - `/clusters` and `/stats?filter=cluster.NAME` of the admin interface while it fails.

References
    - Envoy documentation: Administration interface, Cluster statistics, Outlier detection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import Failure, host_finding
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.harmless import is_command_word
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.snapshot_envoy import EnvoyCluster
from pcapdiag.model.units import counted

NO_HEALTHY = "http.no_healthy_upstream"
OVERFLOW = "http.overflow"
MAX_CLUSTERS = 5
_OVERFLOWS = (
    "upstream_rq_pending_overflow", "upstream_cx_overflow", "upstream_cx_pool_overflow",
    "upstream_rq_retry_overflow",
)  # fmt: skip


def clusters(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding for each cluster that explains failures."""
    if state.snapshot.envoy is None:
        return
    here = [one for one in failures if one.responder in state.own]
    healthless = [one for one in here if one.is_of({NO_HEALTHY})]
    overflowed = [one for one in here if one.is_of({OVERFLOW})]
    found = 0
    for cluster in state.snapshot.envoy.clusters:
        healthy = [host for host in cluster.hosts if host.healthy]
        if healthless and not healthy and state.fresh:
            found += 1
            yield _unhealthy(state, cluster, healthless)
        if overflowed and any(cluster.stats.get(name) for name in _OVERFLOWS):
            found += 1
            yield _overflown(state, cluster, overflowed)
        if found >= MAX_CLUSTERS:
            return


def _unhealthy(state: HostState, cluster: EnvoyCluster, failed: list[Failure]) -> Finding:
    out = [host for host in cluster.hosts if not host.healthy]
    names = ", ".join(f"{host.host_port} ({', '.join(host.flags)})" for host in out[:3])
    endpoints = f"{len(out)} of {counted(cluster.hosts_total, 'endpoint')} out"
    ejected = cluster.stats.get("outlier_detection.ejections_enforced_total", 0)
    parts = [f"{endpoints}: {names}" if names else "it has no endpoints"]
    if ejected:
        parts.append(f"{counted(ejected, 'ejection')} since Envoy started")
    connect_fails = cluster.stats.get("upstream_cx_connect_fail", 0)
    if connect_fails:
        parts.append(f"{counted(connect_fails, 'failed connect')}")
    return host_finding(
        state,
        failed,
        code="host.envoy_cluster",
        severity=state.severity(strong=True),
        title=f"Envoy's cluster {cluster.name} has no healthy endpoint",
        detail="; ".join(parts),
        explanation=(
            "Envoy sends requests only to endpoints that its health checks and its outlier "
            "detection leave in use; with none left it answers 503, no healthy upstream."
        ),
        endpoint=out[0].host_port if out else None,
        numbers={"endpoints": cluster.hosts_total, "out": len(out), "ejections": ejected},
        fixes=[
            "failed_active_health_check: what does the check's path answer from here? "
            "failed_outlier_check: which errors ejected it (consecutive_5xx, resets)?",
            "no endpoints: EDS, DNS of the cluster, Kubernetes readiness and selectors",
        ],
        commands=_ask(state, "/clusters"),
    )


def _overflown(state: HostState, cluster: EnvoyCluster, failed: list[Failure]) -> Finding:
    counts = {name: cluster.stats[name] for name in _OVERFLOWS if cluster.stats.get(name)}
    limits = ", ".join(f"{name} {value:,}" for name, value in cluster.limits.items())
    words = ", ".join(f"{name} {value:,}" for name, value in counts.items())
    return host_finding(
        state,
        failed,
        code="host.envoy_cluster",
        severity=state.severity(strong=True),
        title=f"Envoy's cluster {cluster.name} is at its limits",
        detail=f"{words} since Envoy started; its limits: {limits or 'not told'}",
        explanation=(
            "A circuit breaker refuses what is over its limit at once, with 503 and the flag UO."
        ),
        numbers={**counts, **{f"limit_{name}": value for name, value in cluster.limits.items()}},
        fixes=[
            "raise circuit_breakers.thresholds (Istio: connectionPool) to what the upstream takes",
            "is the upstream slow? then requests pile up, and the limit is right",
        ],
        commands=_ask(state, "/stats?filter=circuit_breakers"),
    )


def _ask(state: HostState, path: str) -> list[str]:
    envoy = state.snapshot.envoy
    if envoy is None or not is_command_word(envoy.admin):
        return []
    return [f"curl -s 'http://{envoy.admin}{path}'  # on {state.name}"]
