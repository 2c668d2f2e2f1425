"""What usually makes a path's MTU what it is (arithmetic of the headers' sizes)."""

from __future__ import annotations

import msgspec

ETHERNET = 1500


class Tunnel(msgspec.Struct, frozen=True):
    """A largest IP packet, and what leaves that much room."""

    mtu: int
    name: str


TUNNELS = (
    Tunnel(1492, "PPPoE (8 bytes)"),
    Tunnel(1480, "IPIP or 6in4 (20)"),
    Tunnel(1476, "GRE (24)"),
    Tunnel(1472, "IPIP or 6in4 over PPPoE (28)"),
    Tunnel(1460, "IPIP or 6in4 in each other (40), or a GCP VPC's default"),
    Tunnel(1450, "VXLAN (50)"),
    Tunnel(1442, "Geneve with options (58)"),
    Tunnel(1430, "VXLAN over IPv6 (70)"),
    Tunnel(1420, "WireGuard (60 to 80)"),
    Tunnel(1400, "IPsec, or a VPN's usual setting"),
    Tunnel(1280, "IPv6's smallest MTU"),
)
MANY = 3
"""More tunnels than this that fit say nothing."""


def explain(passes: int, vanishes: int) -> str:
    """Return what an MTU from ``passes`` to less than ``vanishes`` (IP bytes) may come from.

    Empty where too many fit, or none.
    """
    fitting = [tunnel for tunnel in TUNNELS if passes <= tunnel.mtu < vanishes]
    if not fitting or len(fitting) > MANY:
        return ""
    return " or ".join(f"{tunnel.mtu}, {tunnel.name}" for tunnel in fitting)
