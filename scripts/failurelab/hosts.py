"""A host of the lab: run programs, open sockets and set rules inside its namespace."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from failurelab import namespaces
from failurelab.connections import TIMEOUT, Address, Connection, Listener
from failurelab.network import Node

Handler = Callable[[Connection], None]


class Process:
    """A program in a host's namespace, its output kept in a file."""

    def __init__(self, command: Sequence[str], namespace: str, log: Path) -> None:
        self.log = log
        with log.open("ab") as out, namespaces.inside(namespace):
            self.popen = subprocess.Popen(
                list(command), stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(errors="replace")

    def wait(self, timeout: float = 20) -> int:
        """Wait for its end; kill it when that takes too long."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()

    def wait_for(self, text: str, timeout: float = 10) -> None:
        """Wait until the output holds `text`."""
        wait_until(lambda: text in self.output or self.ended(), timeout, f"{text!r} in {self.log}")

    def ended(self) -> bool:
        """False while it runs; raises when it ended, for it should not have."""
        if self.popen.poll() is None:
            return False
        raise RuntimeError(f"{self.popen.args!r} ended early: {self.output[-2000:]}")

    def stop(self, number: int = 15) -> None:
        """Signal it and wait for its end."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
            self.wait(5)


class Host:
    """One namespace as the scenarios see it."""

    def __init__(self, node: Node, family: int, directory: Path) -> None:
        self.name = node.name
        self.namespace = node.namespace
        self.node = node
        self._family = family
        self._directory = directory
        self._closing: list[Callable[[], None]] = []
        self._count = 0

    @property
    def ip(self) -> str:
        """Its address on the first interface (towards the client)."""
        return self.ips[0]

    @property
    def ips(self) -> list[str]:
        """Its address on each interface, in the scenario's family."""
        return [i.ip6 if self._family == 6 else i.ip4 for i in self.node.interfaces]

    @property
    def ip6(self) -> str:
        """Its IPv6 address on the first interface."""
        return self.node.interfaces[0].ip6

    def run(self, command: str | Sequence[str], *, check: bool = True, timeout: float = 20) -> str:
        """Run a command to its end and return what it printed."""
        words = shlex.split(command) if isinstance(command, str) else list(command)
        with namespaces.inside(self.namespace):
            done = subprocess.run(
                words,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
                stdin=subprocess.DEVNULL,
                errors="replace",
                check=False,
            )
        if check and done.returncode:
            raise RuntimeError(f"{words} on {self.name}: {done.stdout.strip()}")
        return done.stdout

    def spawn(
        self,
        command: str | Sequence[str],
        *,
        port: int | None = None,
        text: str | None = None,
        log: Path | None = None,
    ) -> Process:
        """Start a program; wait until it listens on `port` or printed `text`."""
        words = shlex.split(command) if isinstance(command, str) else list(command)
        self._count += 1
        log = log or self._directory / f"{self.name}-{self._count}-{Path(words[0]).name}.log"
        process = Process(words, self.namespace, log)
        self._closing.append(process.stop)
        if text is not None:
            process.wait_for(text)
        if port is not None:
            wait_until(lambda: self.listening(port) or process.ended(), 15, f"{words[0]} on {port}")
        return process

    def python(self, code: str, *arguments: object, port: int | None = None) -> Process:
        """Start a Python program given as text."""
        command = [sys.executable, "-u", "-c", code, *map(str, arguments)]
        return self.spawn(command, port=port)

    def curl(self, *arguments: str, timeout: float = 10) -> str:
        """Run curl, quietly and without verifying certificates unless told otherwise."""
        command = ["curl", "-s", "-S", "--max-time", str(timeout), *arguments]
        return self.run(command, check=False, timeout=timeout + 5)

    def iptables(self, rule: str) -> None:
        """Apply an iptables rule (ip6tables in an IPv6 scenario), given without the program."""
        program = "ip6tables" if self._family == 6 else "iptables"
        self.run(f"{program} -w 5 {rule}")

    def nft(self, rules: str) -> None:
        """Load an nft ruleset given as text."""
        file = self._directory / f"{self.name}.nft"
        file.write_text(rules)
        self.run(["nft", "-f", str(file)])

    def forget_connections(self) -> None:
        """Empty this host's connection tracking table."""
        self.run("conntrack -F")

    def sysctl(self, name: str, value: object) -> None:
        """Set a kernel setting of this namespace."""
        namespaces.set_sysctl(self.namespace, name, value)

    def socket(self, ip: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """An unconnected socket of the family of `ip` inside the namespace."""
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        with namespaces.inside(self.namespace):
            made = socket.socket(family, kind)
        made.settimeout(TIMEOUT)
        self._closing.append(made.close)
        return made

    def connect(
        self,
        address: Address,
        *,
        timeout: float = TIMEOUT,
        port: int = 0,
        options: Sequence[tuple[int, int, int | bytes]] = (),
    ) -> Connection:
        """Connect; a failure is kept in the connection's `error` and not raised."""
        made = self.socket(address[0])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for level, name, value in options:
            made.setsockopt(level, name, value)
        made.bind((self._source(address[0]), port))
        made.settimeout(timeout)
        error = None
        try:
            made.connect(address)
        except OSError as failure:
            error = failure
        connection = Connection(made, accepted=False, error=error)
        connection.peer = address
        made.settimeout(TIMEOUT)
        return connection

    def _source(self, towards: str) -> str:
        """The local address that the route to `towards` gives."""
        with self.socket(towards, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((towards, 9))
            except OSError:
                return self.ip
            return str(probe.getsockname()[0])

    def listen(self, port: int = 0, *, backlog: int = 16, ip: str | None = None) -> Listener:
        """Listen on a port (0: any free one) of this host's first address."""
        where = ip or self.ip
        made = self.socket(where)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((where, port))
        made.listen(backlog)
        listener = Listener(made)
        self._closing.append(listener.close)
        return listener

    def serve(self, port: int, handler: Handler, *, ip: str | None = None) -> Listener:
        """Listen and call the handler in a thread for each connection."""
        listener = self.listen(port, ip=ip)
        threading.Thread(target=_serve, args=(listener, handler), daemon=True).start()
        return listener

    def listening(self, port: int) -> bool:
        """Whether something listens on the TCP port; sends no packet to find out."""
        wanted = f":{port:04X}"
        with namespaces.inside(self.namespace):
            for name in ("tcp", "tcp6"):
                path = Path("/proc/thread-self/net", name)
                rows = path.read_text().splitlines()[1:] if path.exists() else []
                for fields in map(str.split, rows):
                    if fields[1].endswith(wanted) and fields[3] == "0A":
                        return True
        return False

    def close(self) -> None:
        """Stop what was started and close what was opened, last first."""
        for close in reversed(self._closing):
            with contextlib.suppress(OSError):
                close()
        self._closing.clear()


def _serve(listener: Listener, handler: Handler) -> None:
    while True:
        try:
            connection = listener.accept(timeout=120)
        except OSError:
            return
        threading.Thread(target=_handle, args=(handler, connection), daemon=True).start()


def _handle(handler: Handler, connection: Connection) -> None:
    with contextlib.suppress(OSError):
        handler(connection)


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Poll until the condition holds; raise when it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s for {what}")
        time.sleep(0.01)
