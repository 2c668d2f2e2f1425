"""A DNS server for the lab: answers by rules, over UDP and TCP.

Usage: dns_peer.py ADDRESS RULES.json. Rules by name: {"addresses": [...], "ttl": 30, "delay": 1.5,
"rcode": 2, "cut": true}. A name that has none does not exist.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

_A, _AAAA = 1, 28
_FLAGS = 0x8580
_TRUNCATED = 0x0200
_NXDOMAIN = 3


def answer(query: bytes, rules: dict[str, Any], over_tcp: bool) -> bytes:
    """The response to a query."""
    at = 12
    labels: list[str] = []
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    question = query[12 : at + 5]
    kind = struct.unpack_from("!H", query, at + 1)[0]
    rule = rules.get(".".join(labels).lower())
    if rule is None:
        return query[:2] + struct.pack("!HHHHH", _FLAGS | _NXDOMAIN, 1, 0, 0, 0) + question
    time.sleep(rule.get("delay", 0))
    addresses = [ipaddress.ip_address(text) for text in rule.get("addresses", ())]
    wanted = [one for one in addresses if one.version == (6 if kind == _AAAA else 4)]
    if kind not in (_A, _AAAA):
        wanted = []
    flags = _FLAGS | rule.get("rcode", 0)
    if rule.get("cut") and not over_tcp:
        flags, wanted = flags | _TRUNCATED, []
    records = b"".join(_record(one, rule.get("ttl", 30)) for one in wanted)
    return query[:2] + struct.pack("!HHHHH", flags, 1, len(wanted), 0, 0) + question + records


def _record(address: ipaddress.IPv4Address | ipaddress.IPv6Address, ttl: int) -> bytes:
    kind = _AAAA if address.version == 6 else _A
    head = struct.pack("!HHHIH", 0xC00C, kind, 1, ttl, len(address.packed))
    return head + address.packed


def _serve_udp(server: socket.socket, rules: dict[str, Any]) -> None:
    while True:
        query, client = server.recvfrom(4096)
        threading.Thread(target=_reply, args=(server, query, client, rules), daemon=True).start()


def _reply(
    server: socket.socket, query: bytes, client: tuple[str, int], rules: dict[str, Any]
) -> None:
    server.sendto(answer(query, rules, False), client)


def _serve_tcp(server: socket.socket, rules: dict[str, Any]) -> None:
    while True:
        connection, _ = server.accept()
        with connection:
            while size := connection.recv(2, socket.MSG_WAITALL):
                query = connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
                response = answer(query, rules, True)
                connection.sendall(len(response).to_bytes(2, "big") + response)


def main() -> None:
    """Serve until killed."""
    address, rules = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    tcp = socket.create_server((address, 53), family=family)
    threading.Thread(target=_serve_tcp, args=(tcp, rules), daemon=True).start()
    _serve_udp(udp, rules)


if __name__ == "__main__":
    main()
