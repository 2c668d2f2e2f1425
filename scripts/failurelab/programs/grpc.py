"""grpcio's server and client in a host of the lab."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from failurelab.connections import Address, endpoint
from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_PEER = Path(__file__).resolve().parent.parent / "grpc_peer.py"


def _note(lab: Lab) -> None:
    lab.used("grpcio", "echo", metadata.version("grpcio"))


def server(lab: Lab, host: Host, port: int, *options: str) -> Process:
    """A server with the methods of `grpc_peer`; options as in `grpc.max_connection_age_ms=500`."""
    _note(lab)
    command = [sys.executable, "-u", str(_PEER), "server", endpoint((host.ip, port)), *options]
    return host.spawn(command, port=port)


def health(lab: Lab, host: Host, port: int, status: Path) -> Process:
    """A server that says how it is: what the file holds at the time, 1 SERVING, 2 NOT_SERVING."""
    _note(lab)
    address = endpoint((host.ip, port))
    return host.spawn([sys.executable, "-u", str(_PEER), "health", address, str(status)], port=port)


def call(
    lab: Lab, host: Host, address: Address, method: str, *options: str, seconds: float = 5
) -> str:
    """Call a method once; what came of it, as text."""
    _note(lab)
    family = "ipv6" if ":" in address[0] else "ipv4"
    target = f"{family}:{endpoint(address)}"
    command = [sys.executable, "-u", str(_PEER), "client", target, method, str(seconds)]
    return host.run([*command, *options], check=False, timeout=seconds + 15)
