"""Caddy and lighttpd in front of an upstream."""

from __future__ import annotations

from failurelab.connections import Address
from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_CADDY = """{{
  admin off
  auto_https off
  storage file_system {directory}/caddy
}}
http://:{port} {{
  reverse_proxy http://{upstream}:{upstream_port}
}}
"""
_LIGHTTPD = """server.modules = ("mod_proxy")
server.port = {port}
server.document-root = "{directory}"
server.max-read-idle = 2
proxy.server = ("" => (("host" => "{upstream}", "port" => {upstream_port})))
"""


def caddy(lab: Lab, host: Host, port: int, upstream: Address) -> Process:
    """Caddy that hands everything on, with no timeout of its own."""
    lab.used("caddy", "caddy", "version")
    words = ["caddy", "run", "--adapter", "caddyfile", "--config"]
    return host.spawn([*words, _settings(lab, "Caddyfile", _CADDY, port, upstream)], port=port)


def lighttpd(lab: Lab, host: Host, port: int, upstream: Address) -> Process:
    """Start lighttpd that hands everything on and waits 2 s for a request."""
    lab.used("lighttpd", "lighttpd", "-v")
    settings = _settings(lab, "lighttpd.conf", _LIGHTTPD, port, upstream)
    return host.spawn(["lighttpd", "-D", "-f", settings], port=port)


def _settings(lab: Lab, name: str, text: str, port: int, upstream: Address) -> str:
    ip, upstream_port = upstream
    values = {"upstream": ip, "upstream_port": upstream_port, "directory": lab.directory}
    return str(lab.file(name, text.format(port=port, **values)))
