"""One TCP connection of the probe: every wait has an end, every read a limit, all is recorded."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress

from pcapdiag.probe import kernel
from pcapdiag.probe.budget import MAX_READ, Budget
from pcapdiag.probe.kernel import TcpInfo
from pcapdiag.probe.recording import Clock, Event, Happening, IcmpError, Recording

CHUNK = 16 * 1024
FAREWELL = 0.3
"""Seconds that the other end gets to close, after the probe did."""
_ANSWERS: tuple[Happening, ...] = ("refused", "icmp", "syn_ack", "reset")
_RESETS = (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED)


class Deadline:
    """A moment by which something must be over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds until then, 0 at least."""
        return max(0.0, self._end - time.monotonic())


class Connection:
    """A TCP connection; whatever the other end does becomes an event and never an error."""

    def __init__(self, address: str, port: int, budget: Budget, clock: Clock) -> None:
        budget.take()
        self._budget = budget
        self._clock = clock
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        # What is said in two calls goes out at once, as programs have it.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._target = (address, port)
        self.recording = Recording("", 0, address.partition("%")[0], port)
        self.errno: int | None = None
        """Why the connect failed, or what broke the connection later."""
        self.info: TcpInfo | None = None
        self.path_mtu: int | None = None
        self.established = False
        self.over = False
        """The other end has closed or reset, or the limit of reading is reached."""

    def connect(self) -> bool:
        """Open it; return whether that worked. ``errno`` says why not (ETIMEDOUT after a wait)."""
        kernel.queue_errors(self._socket, True)
        self._socket.settimeout(max(self._budget.step(), 0.001))
        self._note("syn")
        try:
            self._socket.connect(self._target)
        except TimeoutError:
            self.errno = errno.ETIMEDOUT
        except OSError as error:
            self.errno = error.errno or errno.EIO
            self._note_refusal()
        else:
            self.established = True
            self._note("syn_ack")
            kernel.queue_errors(self._socket, False)
        self._know_ends()
        self._ask_kernel()
        if not self.established:
            self.recording.syns += self.info.repeats if self.info else 0
            self.close()
        return self.established

    @property
    def never_left(self) -> bool:
        """The system refused the connect by itself: no SYN was sent, as far as it tells."""
        failed = self.errno is not None and not self.established
        answered = any(event.kind in _ANSWERS for event in self.recording.events)
        return failed and not answered and self.errno != errno.ETIMEDOUT

    def send(self, data: bytes) -> bool:
        """Send bytes; return whether the kernel took them all in time."""
        try:
            self._socket.settimeout(max(self._budget.step(), 0.001))
            self._socket.sendall(data)
        except TimeoutError:
            self.recording.cut = "the server did not read what was sent"
            return False
        except OSError as error:
            self._broken(error)
            return False
        self._note("sent", data)
        return True

    def receive(self, deadline: Deadline) -> bytes:
        """Return the next bytes; none when the other end is done, or the time is up."""
        if self.over or not deadline.left():
            return b""
        try:
            self._socket.settimeout(deadline.left() or 0.001)
            data = self._socket.recv(CHUNK)
        except TimeoutError:
            self._ask_kernel()
            self.recording.unacked = self.info.unacked if self.info else 0
            return b""
        except OSError as error:
            self._broken(error)
            return b""
        if not data:
            self._note("fin")
            self.over = True
            return b""
        self._note("received", data)
        self.recording.unacked = 0
        self.recording.server_data += len(data)
        if self.recording.server_data >= MAX_READ:
            self.recording.cut = f"the probe reads no more than {MAX_READ:,} bytes"
            self.over = True
        return data

    def read_until(self, deadline: Deadline, limit: int = MAX_READ) -> bytes:
        """Return what comes until the other end is done, the time is up, or ``limit`` is there."""
        found = bytearray()
        while len(found) < limit:
            data = self.receive(deadline)
            if not data:
                break
            found += data
        return bytes(found)

    def finish(self) -> None:
        """Close as a client does: FIN, then see what the other end does, for a moment."""
        if not self.established or self.recording.ended:
            return
        self._ask_kernel()
        if not self._was_reset():
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
                self._note("fin_sent")
            self.read_until(Deadline(min(FAREWELL, self._budget.step())))
        self.close()

    def close(self) -> None:
        """Let go of the socket."""
        if not self.recording.ended:
            self.recording.ended = self._clock.now()
            self._socket.close()

    def _ask_kernel(self) -> None:
        info = kernel.tcp_info(self._socket)
        self.info = info or self.info
        if self.established:
            self.path_mtu = (info.path_mtu if info else 0) or self.path_mtu

    def _know_ends(self) -> None:
        with suppress(OSError):
            local = self._socket.getsockname()
            self.recording.local = str(local[0]).partition("%")[0]
            self.recording.local_port = int(local[1])
        if self.recording.local in ("", "0.0.0.0", "::"):
            self.recording.local = kernel.source_address(self._socket.family, self._target)

    def _note_refusal(self) -> None:
        error = kernel.queued_error(self._socket)
        if error is not None:
            self._note("icmp", icmp=error)
        elif self.errno == errno.ECONNREFUSED:
            self._note("refused")
        elif self.errno == errno.ECONNRESET:
            # The SYN-ACK had come, and the RST behind it before the call returned.
            self._note("syn_ack")
            self._note("reset")

    def _broken(self, error: OSError) -> None:
        self.errno = error.errno
        self.over = True
        if error.errno in _RESETS:
            if not self._was_reset():
                self._note("reset")
            return
        told = kernel.queued_error(self._socket)
        if told is not None:
            self._note("icmp", icmp=told)

    def _was_reset(self) -> bool:
        return any(event.kind == "reset" for event in self.recording.events)

    def _note(self, kind: Happening, data: bytes = b"", icmp: IcmpError | None = None) -> None:
        self.recording.events.append(Event(kind, self._clock.now(), data, icmp))
