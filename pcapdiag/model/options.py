"""What a user asks of one analysis: which connections to report, and who is who."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

from pcapdiag.model.ends import split_port
from pcapdiag.model.logs import LogSource

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    Network = IPv4Network | IPv6Network

Progress = Callable[[int, int | None], None]
"""Called now and then with the bytes read so far and the bytes there are (None: not known)."""


class EndPattern(NamedTuple):
    """An address or a network, with or without a port."""

    network: Network
    """A single address is a network of one."""
    port: int | None = None
    """None: any."""

    @classmethod
    def parse(cls, text: str) -> EndPattern:
        """Read ``10.0.0.5``, ``10.0.0.0/24``, ``10.0.0.5:443`` or ``[2001:db8::1]:443``.

        Raises ValueError for anything else.
        """
        from ipaddress import ip_network  # Only here: most runs name no ends.

        address, port = split_port(text)
        return cls(ip_network(address, strict=False), port)

    def matches(self, ip: str, port: int) -> bool:
        """Return whether an end of a connection is meant; False for an address that is none."""
        if self.port is not None and self.port != port:
            return False
        from ipaddress import ip_address

        try:
            return ip_address(ip) in self.network
        except ValueError:
            return False


class TimeBound(msgspec.Struct, frozen=True):
    """A moment: nanoseconds since the epoch, or since the capture's first packet."""

    ns: int
    """Nanoseconds."""
    from_start: bool = False
    """Since the capture's first packet, and not since the epoch."""

    def absolute(self, capture_start: int) -> int:
        """Return nanoseconds since the epoch, given the time of the capture's first packet."""
        return self.ns + capture_start if self.from_start else self.ns


class Stop:
    """Asks a reading to end as if the input ended there; a signal handler may set it."""

    def __init__(self) -> None:
        self._asked = False

    def set(self) -> None:
        """Ask for the end."""
        self._asked = True

    def is_set(self) -> bool:
        """Return whether it was asked for."""
        return self._asked


class CapturePoint(msgspec.Struct, frozen=True):
    """Where a capture was taken, in the user's word for it, and the files of that capture."""

    label: str
    paths: tuple[str, ...]


class AnalyzeOptions(msgspec.Struct, frozen=True):
    """Options of ``pcapdiag analyze`` that change what is analysed, not how it is printed.

    The filters (``hosts`` to ``time_to``) choose which connections are reported, see
    ``correlate/selection.py``; everything else in the capture is still used.
    """

    hosts: tuple[EndPattern, ...] = ()
    """An end has one of these addresses, with that port where one is named."""
    ports: tuple[int, ...] = ()
    """An end has one of these ports."""
    nets: tuple[EndPattern, ...] = ()
    """An end is in one of these networks."""
    streams: tuple[int, ...] = ()
    """Numbers as Wireshark's ``tcp.stream``; of several points the first one's."""
    time_from: TimeBound | None = None
    """Not over before."""
    time_to: TimeBound | None = None
    """Begun by then."""
    proxies: tuple[EndPattern, ...] = ()
    """These are proxies, whatever the capture looks like; so with the next two."""
    clients: tuple[EndPattern, ...] = ()
    """These are clients."""
    upstreams: tuple[EndPattern, ...] = ()
    """These are upstream servers."""
    names: str | None = None
    """Path of a names file (``correlate/names.py`` reads it)."""
    keylog: str | None = None
    """Path of a TLS key log (``correlate/secrets.py`` reads it)."""
    use_secrets: bool = True
    """Open TLS records with what ``keylog`` and the capture itself hold for that."""
    logs: tuple[LogSource, ...] = ()
    """Logs of proxies (``logs/`` reads them)."""
    snapshots: tuple[str, ...] = ()
    """Paths of host snapshots (``host/`` reads them)."""
    all_connections: bool = False
    """Report the healthy connections too."""
    keep_prints: bool = False
    """Keep of every connection what it is known by in the capture of another point."""
    pictures: bool = False
    """Keep of each reported connection what its charts draw (``Connection.series``)."""
    follow: bool = False
    """The input still grows: verdicts are wanted as soon as they are certain."""
    progress: Progress | None = None
    """Called now and then with the bytes read so far and the bytes there are."""
    stop: Stop | None = None
    """Ends the reading when it is set, as if the input ended there."""

    def without_filters(self) -> AnalyzeOptions:
        """Return the same options for all connections."""
        return replace(self, hosts=(), ports=(), nets=(), streams=(), time_from=None, time_to=None)

    def with_progress(self, progress: Progress | None) -> AnalyzeOptions:
        """Return the same options for somebody who wants to know how far the reading is."""
        return replace(self, progress=progress)

    def with_stop(self, stop: Stop | None) -> AnalyzeOptions:
        """Return the same options with something that ends the reading."""
        return replace(self, stop=stop)

    @property
    def is_filtered(self) -> bool:
        """True when only some connections are to be reported."""
        chosen = (self.hosts, self.ports, self.nets, self.streams)
        return any(chosen) or self.time_from is not None or self.time_to is not None
