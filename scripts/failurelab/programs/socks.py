"""Dante, a SOCKS proxy of versions 4 and 5."""

from __future__ import annotations

from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_DANTE = """logoutput: stderr
internal: {ip} port = {port}
external: {external}
socksmethod: {method}
clientmethod: none
user.privileged: root
user.unprivileged: nobody
timeout.connect: 3
client pass {{
  from: 0/0 to: 0/0
}}
{rules}
socks pass {{
  from: 0/0 to: 0/0
}}
"""
BLOCK = """socks block {{
  from: 0/0 to: 0/0 port = {port}
}}
"""


def dante(lab: Lab, host: Host, port: int, method: str = "none", rules: str = "") -> Process:
    """Dante that calls targets from its second interface; `method` is who may log in how."""
    lab.used("dante", "danted", "-v")
    text = _DANTE.format(ip=host.ip, external=host.ips[1], port=port, method=method, rules=rules)
    settings = lab.file("danted.conf", text)
    return host.spawn(["danted", "-f", str(settings), "-p", str(lab.directory / "pid")], port=port)
