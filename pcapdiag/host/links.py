"""Interfaces and their queues of this network namespace, by rtnetlink(7) and ethtool's ioctl."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator

from pcapdiag.host import netlink
from pcapdiag.host.kernel import Reading
from pcapdiag.model.snapshot import Interface

MAX_INTERFACES = 500
_GET_LINK, _GET_ADDRESS, _GET_QDISC = 18, 22, 38
_LINK_HEAD, _ADDRESS_HEAD, _QDISC_HEAD = 16, 8, 20
_MAC, _NAME, _MTU, _QUEUE_LENGTH, _STATE, _INFO, _STATS64 = 1, 3, 4, 13, 16, 18, 23
_LOCAL = {socket.AF_INET: 2, socket.AF_INET6: 1}
"""IFA_LOCAL of IPv4 (a peer's address is in IFA_ADDRESS), IFA_ADDRESS of IPv6."""
_OPER_STATES = (
    "unknown", "not present", "down", "lower layer down", "testing", "dormant", "up",
)  # fmt: skip
_STATS = (
    "rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped",
    "tx_dropped", "multicast", "collisions", "rx_length_errors", "rx_over_errors",
    "rx_crc_errors", "rx_frame_errors", "rx_fifo_errors", "rx_missed_errors",
    "tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors", "tx_heartbeat_errors",
    "tx_window_errors",
)  # fmt: skip
"""linux/if_link.h struct rtnl_link_stats64."""
_OFFLOADS = {
    "rx_checksum": 0x14, "tx_checksum": 0x16, "tso": 0x1E, "gso": 0x23, "gro": 0x2B,
}  # fmt: skip
"""Get requests of linux/ethtool.h; ETHTOOL_GFLAGS has the others."""
_GET_FLAGS, _LRO = 0x25, 1 << 15
_SIOCETHTOOL = 0x8946
_QDISC_STATS2, _QDISC_KIND, _QUEUE = 7, 1, 3
"""TCA_STATS2, TCA_KIND, and TCA_STATS_QUEUE within the former."""


def read_interfaces(reading: Reading) -> list[Interface]:
    """Return the interfaces with their addresses and offloads; raises OSError."""
    found = {index: _interface(data, more) for index, data, more in _links()}
    for family, at in _LOCAL.items():
        for data in netlink.dump(netlink.ROUTE, _GET_ADDRESS, _asked(family)):
            of_family, prefix, _, _, index = struct.unpack_from("=BBBBI", data)
            if of_family == family and index in found:
                address = netlink.address(netlink.attributes(data, _ADDRESS_HEAD).get(at))
                found[index].addresses.append(f"{address}/{prefix}")
    interfaces = list(found.values())
    reading.left_out("interfaces", len(interfaces) - MAX_INTERFACES)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for one in interfaces[:MAX_INTERFACES]:
            one.offloads = _offloads(asked, one.name)
    return interfaces[:MAX_INTERFACES]


def interface_names() -> dict[int, str]:
    """Return the names of interfaces by index; raises OSError."""
    return {index: netlink.word(more.get(_NAME)) for index, _, more in _links()}


def interface_counters() -> dict[str, dict[str, int]]:
    """Return what each interface counted, without zeros; raises OSError."""
    found: dict[str, dict[str, int]] = {}
    for _, _, more in _links():
        raw = more.get(_STATS64, b"")
        count = min(len(raw) // 8, len(_STATS))
        values = struct.unpack_from(f"={count}Q", raw)
        counted = {name: value for name, value in zip(_STATS, values, strict=False) if value}
        if counted and len(found) < MAX_INTERFACES:
            found[netlink.word(more.get(_NAME))] = counted
    return found


def queue_counters() -> dict[str, dict[str, int]]:
    """Return drops, requeues and overlimits of the queues of each interface; raises OSError."""
    names = interface_names()
    found: dict[str, dict[str, int]] = {}
    for data in netlink.dump(netlink.ROUTE, _GET_QDISC, bytes(_QDISC_HEAD)):
        _, index = struct.unpack_from("=B3xi", data)
        more = netlink.attributes(data, _QDISC_HEAD)
        nested = netlink.attributes(more.get(_QDISC_STATS2, b""), 0)
        queue = nested.get(_QUEUE, b"")
        if index not in names or len(queue) < 20:
            continue
        # linux/gen_stats.h struct gnet_stats_queue
        _, _, drops, requeues, overlimits = struct.unpack_from("=5I", queue)
        known = {"drops": drops, "requeues": requeues, "overlimits": overlimits}
        name = f"{names[index]} {netlink.word(more.get(_QDISC_KIND))}"
        if any(known.values()) and len(found) < MAX_INTERFACES:
            sums = found.setdefault(name, {})
            for key, value in known.items():
                if value:
                    sums[key] = sums.get(key, 0) + value
    return found


def _asked(family: int) -> bytes:
    return struct.pack("=B15x", family)


def _links() -> Iterator[tuple[int, bytes, dict[int, bytes]]]:
    for data in netlink.dump(netlink.ROUTE, _GET_LINK, _asked(socket.AF_UNSPEC)):
        if len(data) >= _LINK_HEAD:
            index: int = struct.unpack_from("=BxHi", data)[2]
            yield index, data, netlink.attributes(data, _LINK_HEAD)


def _interface(data: bytes, more: dict[int, bytes]) -> Interface:
    state = netlink.number(more.get(_STATE))
    info = netlink.attributes(more.get(_INFO, b""), 0)
    is_up = bool(struct.unpack_from("=I", data, 8)[0] & 1)
    known = _OPER_STATES[state] if state < len(_OPER_STATES) else str(state)
    return Interface(
        name=netlink.word(more.get(_NAME)),
        mtu=netlink.number(more.get(_MTU)),
        mac=":".join(f"{byte:02x}" for byte in more.get(_MAC, b"")[:8]),
        state=known if is_up else "administratively down",
        kind=netlink.word(info.get(1)),
        queue_length=netlink.number(more.get(_QUEUE_LENGTH)),
    )


def _offloads(asked: socket.socket, name: str) -> dict[str, bool]:
    found = {}
    for what, command in _OFFLOADS.items():
        value = _ethtool(asked, name, command)
        if value is not None:
            found[what] = bool(value)
    flags = _ethtool(asked, name, _GET_FLAGS)
    if flags is not None:
        found["lro"] = bool(flags & _LRO)
    return found


def _ethtool(asked: socket.socket, name: str, command: int) -> int | None:
    """Ask for one value (linux/ethtool.h struct ethtool_value); None where it is not told."""
    import fcntl  # Only here: Windows, where a snapshot is refused in a sentence, has none.

    value = (ctypes.c_uint32 * 2)(command, 0)
    request = struct.pack("16sP16x", name.encode()[:15], ctypes.addressof(value))
    try:
        fcntl.ioctl(asked, _SIOCETHTOOL, request)
    except OSError:
        return None
    return int(value[1])
