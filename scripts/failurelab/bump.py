"""The bump in the wire: passes frames between two interfaces, and interferes on request.

It runs as a thread that owns two raw sockets in the bump's namespace, so that a scenario may
add rules at any time. A rule sees each packet and says what becomes of it.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from failurelab import namespaces
from failurelab.connections import Connection
from failurelab.packets import ACK, TCP, Packet, build_ip, build_tcp, flag_bits, parse

_ETH_P_ALL = 3
_PACKET_IGNORE_OUTGOING = 23
_SOL_PACKET = 263


@dataclass(frozen=True, slots=True)
class Forge:
    """How a forged RST looks. `ttl` and `ip_id` may be "match": as the real end's packets."""

    flags: str = "RA"
    ttl: int | str = "match"
    ip_id: int | str = "match"
    seq_offset: int = 0
    spray: tuple[int, ...] = (0,)
    window: int = 0
    options: bytes = b""


class Bump:
    """Forwards; `rules` are asked in order, each may swallow the packet by returning True."""

    def __init__(self, namespace: str) -> None:
        self.rules: list[Callable[[Bump, Packet], bool]] = []
        self.delay = 0.0
        self.log: list[str] = []
        with namespaces.inside(namespace):
            self._left, self._right = self._open("left"), self._open("right")
        self._queue: list[tuple[float, int, socket.socket, bytes]] = []
        self._sent = 0
        self._seen: dict[tuple[str, int, str, int], Packet] = {}
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        self._running = True
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    @staticmethod
    def _open(name: str) -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        made.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        made.bind((name, _ETH_P_ALL))
        return made

    def add(self, rule: Callable[[Bump, Packet], bool]) -> None:
        """Add a rule; see `failurelab.rules` for ready ones."""
        self.rules.append(rule)

    def clear(self) -> None:
        """Only forward from now on."""
        self.rules.clear()

    def send(self, data: bytes, direction: str, after: float = 0.0) -> None:
        """Send a frame on, `forward` or `back`, after so many seconds."""
        out = self._right if direction == "forward" else self._left
        with self._lock:
            self._sent += 1
            heapq.heappush(self._queue, (time.monotonic() + after, self._sent, out, data))
        os.write(self._wake_write, b"x")

    def reset(self, connection: Connection, to: str = "both", forge: Forge | None = None) -> None:
        """Forge RSTs on an existing connection now, to `initiator`, `responder` or `both`."""
        first, second = connection.initiator, connection.responder
        for name, source, target in (("initiator", second, first), ("responder", first, second)):
            if to in (name, "both"):
                model = self._seen[(*source, *target)]
                other = self._seen[(*target, *source)]
                self.forge(model, model.end, other.end, forge or Forge())

    def forge_reply(self, packet: Packet, forge: Forge) -> None:
        """RST to the sender of this packet, in its peer's name."""
        model = self._seen.get((packet.dst, packet.dport, packet.src, packet.sport))
        back = "back" if packet.direction == "forward" else "forward"
        self._emit(
            packet,
            back,
            (packet.dst, packet.dport, packet.src, packet.sport),
            packet.ack,
            packet.end,
            forge,
            model,
        )

    def forge_onward(self, packet: Packet, forge: Forge, *, instead: bool) -> None:
        """RST to the receiver of this packet, in its sender's name."""
        seq = packet.seq if instead else packet.end
        self._emit(packet, packet.direction, packet.flow, seq, packet.ack, forge, packet)

    def forge(self, model: Packet, seq: int, ack: int, forge: Forge) -> None:
        """RST that follows the packets of `model`'s sender."""
        self._emit(model, model.direction, model.flow, seq, ack, forge, model)

    def _emit(
        self,
        frame: Packet,
        direction: str,
        flow: tuple[str, int, str, int],
        seq: int,
        ack: int,
        forge: Forge,
        model: Packet | None,
    ) -> None:
        ttl = forge.ttl if isinstance(forge.ttl, int) else (model.ttl if model else 64)
        follow = (model.ip_id + 1) & 0xFFFF if model else 0
        ip_id = forge.ip_id if isinstance(forge.ip_id, int) else follow
        flags = flag_bits(forge.flags)
        link = frame.data[:14]
        if direction != frame.direction:
            link = link[6:12] + link[:6] + link[12:]
        for count, step in enumerate(forge.spray):
            segment = build_tcp(
                *flow,
                seq=seq + forge.seq_offset + step,
                ack=ack if flags & ACK else 0,
                flags=flags,
                window=forge.window,
                options=forge.options,
            )
            packet = build_ip(flow[0], flow[2], TCP, segment, ttl=ttl, ip_id=ip_id + count)
            self.send(link + packet, direction, self.delay)
        self.log.append(f"forged RST {flow}")

    def _loop(self) -> None:
        sources = {self._left: "forward", self._right: "back"}
        while self._running:
            with self._lock:
                due = self._queue[0][0] - time.monotonic() if self._queue else 1.0
            waiting: list[socket.socket | int] = [*sources, self._wake_read]
            ready, _, _ = select.select(waiting, [], [], max(0.0, due))
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
            for source, direction in sources.items():
                if source in ready:
                    self._receive(source, direction)
            self._flush()

    def _receive(self, source: socket.socket, direction: str) -> None:
        try:
            data = source.recv(65600)
        except OSError:
            return
        kind = data[12:14]
        packet = parse(data) if kind in (b"\x08\x00", b"\x86\xdd") else None
        if packet is None:
            self.send(data, direction)
            return
        packet.direction = direction
        swallowed = any(rule(self, packet) for rule in list(self.rules))
        if packet.protocol == TCP:
            self._remember(packet)
        if not swallowed:
            self.send(packet.data, direction, self.delay)

    def _remember(self, packet: Packet) -> None:
        """The last packet of each direction, but never an older one (a repeated segment)."""
        known = self._seen.get(packet.flow)
        if known is None or (packet.end - known.end) & 0xFFFFFFFF < 1 << 31:
            self._seen[packet.flow] = packet

    def _flush(self) -> None:
        while True:
            with self._lock:
                if not self._queue or self._queue[0][0] > time.monotonic():
                    return
                _, _, out, data = heapq.heappop(self._queue)
            with contextlib.suppress(OSError):
                out.send(data)

    def close(self) -> None:
        """Stop forwarding."""
        self._running = False
        os.write(self._wake_write, b"x")
        self._thread.join(2)
        for sock in (self._left, self._right):
            sock.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
