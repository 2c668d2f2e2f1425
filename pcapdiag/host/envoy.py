"""What Envoy's admin interface says of its clusters, listeners, certificates and counters.

/config_dump is not asked for: it holds keys and credentials. Answers are another program's text:
bounded, and taken member by member.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from typing import Any
from urllib.parse import quote, urlsplit

from pcapdiag.errors import UsageError
from pcapdiag.host.kernel import Reading
from pcapdiag.model.snapshot_envoy import (
    Envoy,
    EnvoyCertificate,
    EnvoyCluster,
    EnvoyHost,
    EnvoyListener,
)

MAX_ANSWER = 64 * 1024 * 1024
MAX_SECONDS = 10.0
"""For one answer."""
MAX_CLUSTERS = 500
MAX_HOSTS = 200
"""Endpoints of one cluster that are kept, unhealthy ones first."""
MAX_LISTENERS = 200
MAX_CERTIFICATES = 200
MAX_NAME = 300
_FLAGS = (
    "failed_active_health_check", "failed_outlier_check", "failed_active_degraded_check",
    "pending_dynamic_removal", "pending_active_hc", "excluded_via_immediate_hc_fail",
    "active_hc_timeout",
)  # fmt: skip
_HOST_STATS = frozenset({
    "cx_active", "cx_connect_fail", "cx_total", "rq_active", "rq_error", "rq_timeout", "rq_total",
})  # fmt: skip
_LIMITS = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
_CLUSTER = re.compile(
    r"cluster\.(.+)\.((?:upstream_(?:cx_connect_fail|cx_connect_timeout|cx_overflow|cx_destroy_remote|"
    r"cx_pool_overflow|cx_none_healthy|cx_connect_attempts_exceeded|cx_max_requests|cx_idle_timeout|"
    r"cx_protocol_error|cx_active|cx_total|"
    r"rq_pending_overflow|rq_pending_failure_eject|rq_retry|rq_retry_overflow|rq_retry_limit_exceeded|"
    r"rq_timeout|rq_per_try_timeout|rq_rx_reset|rq_tx_reset|rq_maintenance_mode|rq_5xx|rq_503|rq_504|"
    r"rq_active|rq_total|flow_control_paused_reading_total)"
    r"|membership_(?:healthy|total|degraded|excluded)"
    r"|lb_healthy_panic|update_failure|update_no_rebuild|update_rejected"
    r"|outlier_detection\.ejections_(?:active|enforced_total|overflow)"
    r"|health_check\.(?:failure|attempt|network_failure)|circuit_breakers\.default\.\w+_open"
    r"|ssl\.(?:connection_error|fail_verify_\w+)))"
)
_LISTENER = re.compile(
    r"listener\.(.+)\.(downstream_(?:cx_overflow|cx_overload_reject|global_cx_overflow|cx_active|"
    r"cx_total|pre_cx_timeout|listener_filter_error)|no_filter_chain_match|"
    r"ssl\.(?:connection_error|fail_verify_\w+|no_certificate))"
)
_SERVER = re.compile(
    r"(?:server\.(?:live|state|uptime|days_until_first_cert_expiring|memory_allocated|concurrency|"
    r"total_connections)|overload\..*|cluster_manager\.(?:active_clusters|warming_clusters)|"
    r"listener_manager\.(?:listener_create_failure|total_listeners_(?:active|draining|warming)))"
)
_FILTER = quote("cluster\\.|listener|^server\\.|^overload", safe="")


def check_admin(url: str) -> tuple[str, int]:
    """Return host and port of an admin address; raises UsageError for what is none."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or not port or parts.username:
        raise UsageError(
            f"{url!r} is no address of Envoy's admin interface", "as http://127.0.0.1:15000"
        )
    return parts.hostname, port


def read_envoy(url: str, reading: Reading) -> Envoy | None:
    """Return what Envoy says; None where it does not answer, which is noted."""
    host, port = check_admin(url)
    asked = _Asked(host, port, reading)
    info = asked.json("/server_info")
    if info is None:
        return None
    version = str(info.get("version", ""))[:MAX_NAME]
    # Commit, version, state of its tree, kind of build, TLS library.
    version = version.split("/")[1] if version.count("/") >= 2 else version
    node = _member(info, "node")
    envoy = Envoy(
        admin=f"{host}:{port}",
        version=version,
        state=str(info.get("state", ""))[:MAX_NAME],
        node=str(node.get("id", ""))[:MAX_NAME],
        cluster=str(node.get("cluster", ""))[:MAX_NAME],
        uptime=_seconds(info.get("uptime_current_epoch")),
    )
    envoy.clusters = _clusters(asked.json("/clusters?format=json") or {}, reading)
    envoy.listeners = _listeners(asked.json("/listeners?format=json") or {}, reading)
    envoy.certificates = _certificates(asked.json("/certs") or {}, reading)
    _add_stats(envoy, asked.json(f"/stats?format=json&filter={_FILTER}") or {})
    return envoy


class _Asked:
    def __init__(self, host: str, port: int, reading: Reading) -> None:
        self._host, self._port, self._reading = host, port, reading

    def json(self, path: str) -> dict[str, Any] | None:
        """Return the answer to a GET; None where there is none, which is noted."""
        what = f"Envoy admin {path.partition('?')[0]}"
        connection = http.client.HTTPConnection(self._host, self._port, timeout=MAX_SECONDS)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            body = _read_all(answer)
        except (OSError, http.client.HTTPException) as error:
            self._reading.missing(what, f"{self._host}:{self._port}: {error}"[:MAX_NAME], _HOW)
            return None
        finally:
            connection.close()
        if answer.status != 200:
            self._reading.missing(what, f"status {answer.status}", _HOW)
            return None
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            self._reading.missing(what, "the answer is no JSON object", _HOW)
            return None
        return found


_HOW = "is this Envoy's admin address? Istio's sidecar has 127.0.0.1:15000"


def _read_all(answer: http.client.HTTPResponse) -> bytes:
    until = time.monotonic() + MAX_SECONDS
    parts: list[bytes] = []
    size = 0
    while part := answer.read1(1 << 16):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            raise OSError(f"more than {MAX_ANSWER >> 20} MB")
        if time.monotonic() > until:
            raise TimeoutError(f"not answered within {MAX_SECONDS:.0f} s")
    return b"".join(parts)


def _member(value: object, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _items(value: object, name: str) -> list[dict[str, Any]]:
    found = value.get(name) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _whole(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 20 else 0


def _seconds(value: object) -> int | None:
    text = str(value).removesuffix("s")
    return int(text) if text.isdecimal() and len(text) < 20 else None


def _address(value: object) -> tuple[str, int]:
    address = _member(value, "socket_address")
    return str(address.get("address", ""))[:MAX_NAME], _whole(address.get("port_value", 0))


def _clusters(answer: dict[str, Any], reading: Reading) -> list[EnvoyCluster]:
    found = _items(answer, "cluster_statuses")
    reading.left_out("Envoy clusters", len(found) - MAX_CLUSTERS)
    return [_cluster(one, reading) for one in found[:MAX_CLUSTERS]]


def _cluster(one: dict[str, Any], reading: Reading) -> EnvoyCluster:
    hosts = [_host(host) for host in _items(one, "host_statuses")]
    hosts.sort(key=lambda host: host.healthy)
    reading.left_out("Envoy endpoints", len(hosts) - MAX_HOSTS)
    thresholds = _items(_member(one, "circuit_breakers"), "thresholds")
    default = next((t for t in thresholds if t.get("priority", "DEFAULT") == "DEFAULT"), {})
    return EnvoyCluster(
        name=str(one.get("name", ""))[:MAX_NAME],
        hosts=hosts[:MAX_HOSTS],
        hosts_total=len(hosts),
        limits={name: _whole(default[name]) for name in _LIMITS if name in default},
    )


def _host(one: dict[str, Any]) -> EnvoyHost:
    address, port = _address(one.get("address"))
    status = _member(one, "health_status")
    flags = [name for name in _FLAGS if status.get(name) is True]
    eds = str(status.get("eds_health_status", "HEALTHY"))
    if eds not in ("HEALTHY", "UNKNOWN"):
        flags.append(f"eds_{eds.lower()}"[:MAX_NAME])
    stats = {
        str(stat.get("name")): _whole(stat.get("value"))
        for stat in _items(one, "stats")
        if stat.get("name") in _HOST_STATS and _whole(stat.get("value"))
    }
    out = [flag for flag in flags if flag not in ("pending_dynamic_removal", "eds_degraded")]
    return EnvoyHost(address=address, port=port, healthy=not out, flags=flags, stats=stats)


def _listeners(answer: dict[str, Any], reading: Reading) -> list[EnvoyListener]:
    found = _items(answer, "listener_statuses")
    reading.left_out("Envoy listeners", len(found) - MAX_LISTENERS)
    listeners = []
    for one in found[:MAX_LISTENERS]:
        address, port = _address(one.get("local_address"))
        name = str(one.get("name", ""))[:MAX_NAME]
        listeners.append(EnvoyListener(name=name, address=address, port=port))
    return listeners


def _certificates(answer: dict[str, Any], reading: Reading) -> list[EnvoyCertificate]:
    found = [
        _certificate(one, is_ca=kind == "ca_cert")
        for pair in _items(answer, "certificates")
        for kind in ("cert_chain", "ca_cert")
        for one in _items(pair, kind)
    ]
    reading.left_out("Envoy certificates", len(found) - MAX_CERTIFICATES)
    return found[:MAX_CERTIFICATES]


def _certificate(one: dict[str, Any], *, is_ca: bool) -> EnvoyCertificate:
    names = [
        str(value)[:MAX_NAME]
        for name in _items(one, "subject_alt_names")
        for value in list(name.values())[:1]
    ]
    days = one.get("days_until_expiration")
    return EnvoyCertificate(
        subject_alt_names=names[:20],
        not_after=str(one.get("expiration_time", ""))[:40],
        days=None if days is None else _whole(days),
        is_ca=is_ca,
    )


def _add_stats(envoy: Envoy, answer: dict[str, Any]) -> None:
    clusters = {one.name: one for one in envoy.clusters}
    listeners = {f"{one.address}_{one.port}": one for one in envoy.listeners}
    listeners |= {one.name: one for one in envoy.listeners}
    for stat in _items(answer, "stats"):
        name, value = str(stat.get("name", "")), _whole(stat.get("value"))
        if not value:
            continue
        if match := _CLUSTER.fullmatch(name):
            if match[1] in clusters:
                clusters[match[1]].stats[match[2]] = value
        elif match := _LISTENER.fullmatch(name):
            if match[1] in listeners:
                listeners[match[1]].stats[match[2]] = value
        elif _SERVER.fullmatch(name) and len(envoy.stats) < MAX_CLUSTERS:
            envoy.stats[name] = value
