"""HAProxy in a host of the lab."""

from __future__ import annotations

import shutil

from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_MAIN = """\
global
  maxconn 200
  nbthread 1
  log stdout format raw local0
defaults
  log global
  option {kind}log
  mode {mode}
  timeout connect {connect}
  timeout client {client}
  timeout server {server}
{body}
"""


def start(
    lab: Lab,
    host: Host,
    body: str,
    *,
    port: int,
    mode: str = "http",
    connect: str = "1s",
    client: str = "10s",
    server: str = "2s",
) -> Process:
    """Start HAProxy with these frontends and backends; wait for `port`."""
    program = shutil.which("haproxy") or "haproxy"
    lab.used("haproxy", program, "-v")
    text = _MAIN.format(
        mode=mode, kind=mode, connect=connect, client=client, server=server, body=body
    )
    file = lab.file(f"haproxy-{host.name}.cfg", text)
    process = host.spawn([program, "-db", "-f", str(file)], port=port)
    lab.logs.keep(host, "haproxy", "mixed", process)
    return process


def simple(listen: int, upstream: str, *, server: str = "", backend: str = "") -> str:
    """A frontend on a port and a backend with one server `ip:port`."""
    return f"""
frontend in
  bind :::{listen} v4v6
  default_backend out
backend out
  {backend}
  server one {upstream} {server}
"""
