"""The lab as a scenario sees it: hosts, captures, programs, and the truth it states."""

from __future__ import annotations

import contextlib
import platform
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from failurelab.bump import Bump
from failurelab.capfile import find, read_contents
from failurelab.capture import Capture, Point
from failurelab.certs import Authority
from failurelab.connections import Connection, Leg, endpoint
from failurelab.hosts import Host, wait_until
from failurelab.logs import Logs
from failurelab.network import Network
from failurelab.registry import Scenario
from failurelab.roles import Judgement, Roles, Words, listed
from failurelab.secrets_inside import holds_secrets, inject, share
from failurelab.snapshots import Snapshots
from failurelab.truth import (
    Accepted,
    Born,
    Clock,
    Lost,
    Sighting,
    Together,
    TrueCapture,
    TrueConnection,
    TrueFindings,
    Truth,
)


class Lab:
    """One run of one scenario."""

    def __init__(self, scenario: Scenario, directory: Path) -> None:
        self.scenario = scenario
        self.directory = directory
        self.others = "ok"
        self.options: list[str] = []
        self.findings = TrueFindings()
        self._versions = {
            "linux": platform.release().split("-")[0],
            "python": platform.python_version(),
        }
        self._judgements: list[Judgement] = []
        self._captures: dict[str, Capture] = {}
        self._together: list[TrueCapture] = []
        self._with_keys: list[str] = []
        self._mixed: list[str] = []
        self.key_log = directory / "keylog.txt"
        """Programs write their TLS secrets here; stored beside the captures."""
        self.logs = Logs(directory)
        """Logs of proxies, stored beside the captures."""
        self.snapshots = Snapshots(directory)
        """What `pcapdiag snapshot` says of hosts, stored beside the captures."""
        self._closing: list[Callable[[], None]] = []
        self._authority: Authority | None = None
        self._bump: Bump | None = None
        self.network = Network(
            scenario.path,
            scenario.name,
            family=scenario.family,
            branches=scenario.branches,
            bump=scenario.bump,
            offload=scenario.offload,
        )
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> Lab:
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _build(self) -> None:
        self.network.build()
        for name, node in self.network.nodes.items():
            self.hosts[name] = Host(node, self.scenario.family, self.directory)
        if self.scenario.bump:
            self._bump = Bump(self.network.bump_namespace)
        for point in self.scenario.points:
            self.add_point(point)

    def close(self) -> None:
        """End what was started, remove the namespaces; not to be interrupted."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
        try:
            self._close()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _close(self) -> None:
        for close in reversed(self._closing):
            with contextlib.suppress(Exception):
                close()
        for host in self.hosts.values():
            host.close()
        if self._bump:
            self._bump.close()
        self.network.remove()

    # hosts

    @property
    def client(self) -> Host:
        """The client."""
        return self.hosts["client"]

    @property
    def proxy(self) -> Host:
        """The proxy."""
        return self.hosts["proxy"]

    @property
    def upstream(self) -> Host:
        """The upstream."""
        return self.hosts["upstream"]

    @property
    def router(self) -> Host:
        """The router next to the client."""
        return self.hosts["router"]

    @property
    def router2(self) -> Host:
        """The router between proxy and upstream."""
        return self.hosts["router2"]

    @property
    def bump(self) -> Bump:
        """The bump in the wire."""
        if self._bump is None:
            raise RuntimeError("this scenario was declared without a bump")
        return self._bump

    @property
    def authority(self) -> Authority:
        """A certificate authority of this run."""
        if self._authority is None:
            self._authority = Authority(self.directory)
        return self._authority

    @staticmethod
    def sleep(seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    @staticmethod
    def wait_until(condition: Callable[[], bool], timeout: float = 10) -> None:
        """Poll until the condition holds; raise when it does not in time."""
        wait_until(condition, timeout, "a condition of the scenario")

    def at_end(self, close: Callable[[], None]) -> None:
        """Call this when the run ends, however it ends."""
        self._closing.append(close)

    def file(self, name: str, text: str | bytes) -> Path:
        """Write a file into the run's temporary directory."""
        path = self.directory / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    # captures

    def add_point(self, point: Point) -> None:
        """Capture at one more point."""
        capture = Capture(point, self.hosts[point.host], self.directory)
        self._captures[point.label] = capture
        tool = "dumpcap" if point.format == "pcapng" or point.rotate_packets else "tcpdump"
        self.used(tool)
        if not point.later:
            capture.start()

    def start_capture(self, name: str) -> None:
        """Start a capture that was declared with `later=True`."""
        self._captures[name].start()

    def capture(self, name: str) -> Capture:
        """A capture by name: to stop it before the scenario ends, or pause it."""
        return self._captures[name]

    def mix(self, *names: str) -> None:
        """These captures are given to `analyze` as if they were one; not judged by themselves."""
        self._together.append(TrueCapture("mixed", " and ".join(names), list(names), ""))
        self._mixed += names

    def correlate(
        self,
        *names: str,
        lost: Sequence[Lost] | None = None,
        clocks: dict[str, Clock] | None = None,
        findings: TrueFindings | None = None,
    ) -> None:
        """These captures shall also be judged together; each name is the point's label.

        `lost`: what left one point and never reached another (empty: nothing; None: not judged).
        `clocks`: by name, where they differ by something else than the points' `clock_shift`.
        """
        first = self._captures[names[0]].point.clock_shift
        shifts = {name: self._captures[name].point.clock_shift for name in names[1:]}
        known = {name: Clock(round(first - shift, 9)) for name, shift in shifts.items()}
        self._together.append(
            TrueCapture(
                "correlate",
                "+".join(names),
                list(names),
                "",
                command="correlate",
                together=Together(
                    {name: [] for name in names},
                    {**known, **(clocks or {})},
                    None if lost is None else list(lost),
                    findings or TrueFindings(),
                ),
            )
        )

    def with_keys(self, *names: str) -> None:
        """Store these captures a second time, as `<name>-keys`, with the TLS secrets inside."""
        self._with_keys += names

    # truth

    def leg(self, host: Host | str, port: int, nth: int = 0) -> Leg:
        """The nth connection to this host and port, by the captures' order: for programs."""
        return Leg((host if isinstance(host, str) else self._facing(host), port), nth)

    @staticmethod
    def _facing(host: Host) -> str:
        return host.ip

    def judge(
        self,
        who: Connection | Leg,
        codes: Words,
        side: Words,
        *,
        party: Words = (),
        ended_by: Sequence[str | None] = (),
        caused_by: Connection | Leg | None = None,
        at: dict[str, Accepted] | None = None,
        born: Mapping[str, Words] | None = None,
        also: Connection | Leg | None = None,
    ) -> None:
        """State what is right about a connection: codes (the best first) and sides.

        The parties follow from the sides and the roles unless given. `ended_by`: accepted values,
        None for nobody. `at`: by capture name, what else is right there. `born`: by the end whose
        address resets bear, the sides that they came from. `also`: the connection as the other end
        knows it, where a device changes addresses and sequence numbers both.
        """
        self._judgements.append(
            Judgement(
                who,
                listed(codes),
                listed(side),
                listed(party),
                list(ended_by),
                caused_by,
                at or {},
                dict(born or {}),
                also,
            )
        )

    def healthy(self, who: Connection | Leg, *, also: Connection | Leg | None = None) -> None:
        """State that a connection worked."""
        self.judge(who, "ok", "unknown", party="unknown", also=also)

    def used(self, program: str, *version: str) -> None:
        """Note a program's version in the truth."""
        if program not in self._versions:
            self._versions[program] = _version(list(version) or [program, "--version"])

    def finish(self) -> Truth:
        """Stop the captures and write down the truth."""
        time.sleep(max((c.settle for c in self._captures.values()), default=0))
        for capture in self._captures.values():
            capture.stop()
        contents = {name: read_contents(c.files) for name, c in self._captures.items()}
        roles = Roles(self.hosts, {name: c.point for name, c in self._captures.items()})
        connections = []
        keys = []
        for judgement in self._judgements:
            seen, sightings = find(judgement.who, contents)
            if judgement.also is not None:
                sightings = {**find(judgement.also, contents)[1], **sightings}
            keys.append(seen)
            connections.append(
                TrueConnection(
                    endpoint(seen.initiator),
                    endpoint(seen.responder),
                    judgement.codes,
                    judgement.sides,
                    judgement.parties or roles.parties(judgement.sides, seen),
                    judgement.ended_by,
                    seen={
                        name: [
                            Sighting(
                                endpoint(s.initiator),
                                endpoint(s.responder),
                                s.occurrence,
                                contents[name].first_frame(s),
                            )
                            for s in found
                        ]
                        for name, found in sightings.items()
                    },
                    at={name: roles.there(there, seen) for name, there in judgement.at.items()},
                    born=[Born(end, listed(sides)) for end, sides in judgement.born.items()],
                )
            )
        for connection, judgement in zip(connections, self._judgements, strict=True):
            if judgement.caused_by is not None:
                cause, _ = find(judgement.caused_by, contents)
                connection.caused_by = keys.index(cause)
            roles.assume(connection, judgement)
        return self._truth(connections, roles)

    def _truth(self, connections: list[TrueConnection], roles: Roles) -> Truth:
        for together in self._together:
            names = together.files
            files = {name: [f.name for f in self._captures[name].files] for name in names}
            together.files = [file for listed in files.values() for file in listed]
            if together.together is not None:
                together.together.points = files
            for connection in connections:
                found = [s for name in names for s in connection.seen.get(name, [])]
                if found:
                    connection.seen[together.name] = found
                if found and together.together is not None:
                    roles.know_client(connection, together.name)
        for connection in connections:
            for name in self._mixed:
                connection.seen.pop(name, None)
                connection.at.pop(name, None)
        captures = self._true_captures()
        for capture in [c for c in captures if c.name in self._with_keys]:
            self.used("editcap")
            copy = inject(capture, self.key_log)
            share(connections, copy.name)
            captures.append(copy)
        return Truth(
            self.scenario.name,
            self.scenario.title,
            self.scenario.how,
            self.scenario.split,
            list(self.scenario.layers),
            list(self.hosts),
            self._versions,
            [*captures, *self._together],
            connections,
            self.findings,
            self.options,
            self.logs.store(),
            self.snapshots.files,
        )

    def _true_captures(self) -> list[TrueCapture]:
        return [
            TrueCapture(
                name,
                f"{c.point.host} {c.point.interface}",
                [f.name for f in c.files],
                c.point.describes,
                can_tell=c.point.can_tell,
                others=self.others,
                notes=c.point.remarks,
                key_log=self.key_log.name if holds_secrets(self.key_log) else "",
            )
            for name, c in self._captures.items()
            if name not in self._mixed
        ]


def _version(command: list[str]) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    found = re.search(r"\d+\.\d+(\.\d+)?[\w.]*", done.stdout)
    return found.group() if found else done.stdout.strip()[:40]
