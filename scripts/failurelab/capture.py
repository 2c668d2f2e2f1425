"""Capturing at a point, in the formats that people use."""

from __future__ import annotations

import gzip
import re
import signal
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

from failurelab.hosts import Host, Process
from failurelab.transform import Change, change_file

_BUFFER = "65536"
"""KiB: in immediate mode each packet takes a slot of the snap length, 256 KiB by default."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where and how to capture."""

    host: str
    interface: str = "eth0"
    """`any` for all of them; several, with spaces between, for pcapng."""
    name: str = ""
    """Name of the capture and of its file; the host's by default."""
    format: str = "pcap"
    """`pcapng` is written by dumpcap, `pcap` by tcpdump."""
    snaplen: int = 0
    nanoseconds: bool = False
    gzip: bool = False
    rotate_packets: int = 0
    """Start a new file after so many packets (dumpcap)."""
    arguments: tuple[str, ...] = ()
    """More arguments of tcpdump or dumpcap; -C, -G and -W may make several files."""
    flush: bool = True
    """Without: tcpdump buffers, and is killed outright at the end."""
    may_drop: bool = False
    """The capture loses packets on purpose."""
    change: Change | None = None
    """Done to the finished capture; said in its notes."""
    filter: str = ""
    direction: str = ""
    """`in` or `out` only."""
    clock_shift: float = 0.0
    """Seconds added to all timestamps afterwards (pcap only)."""
    later: bool = False
    """Not started with the others: the scenario calls `lab.start_capture(name)`."""
    can_tell: bool = True
    """Whether the failure can be told from this point."""
    notes: str = ""

    @property
    def label(self) -> str:
        """Its name."""
        return self.name or self.host

    @property
    def remarks(self) -> str:
        """Its notes, and how it was changed afterwards."""
        derived = f"Derived from a real capture: {self.change.says}" if self.change else ""
        return " ".join(filter(None, (self.notes, derived)))

    @property
    def describes(self) -> str:
        """The format in words."""
        words = [self.format, f"-i {self.interface}"]
        words += [f"snaplen {self.snaplen}"] if self.snaplen else []
        words += ["nanoseconds"] if self.nanoseconds else []
        words += ["gzip"] if self.gzip else []
        words += [f"a new file every {self.rotate_packets} packets"] if self.rotate_packets else []
        words += [f"filter {self.filter}"] if self.filter else []
        words += [f"only {self.direction}"] if self.direction else []
        words += [f"clock shifted by {self.clock_shift} s"] if self.clock_shift else []
        words += ["started in the middle"] if self.later else []
        words += [" ".join(self.arguments)] if self.arguments else []
        words += ["buffered and killed"] if not self.flush else []
        words += ["changed afterwards"] if self.change else []
        return ", ".join(words)


@dataclass(slots=True)
class Capture:
    """A running or finished capture."""

    point: Point
    host: Host
    directory: Path
    process: Process | None = None
    files: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Start and wait until it really captures."""
        point = self.point
        dumpcap = point.format == "pcapng" or point.rotate_packets
        command = self._dumpcap() if dumpcap else self._tcpdump()
        log = self.directory / f"{point.label}.log"
        ready = "File:" if dumpcap else "listening on"
        self.process = self.host.spawn(command, text=ready, log=log)
        if dumpcap:
            time.sleep(0.2)

    @property
    def _path(self) -> Path:
        return self.directory / f"{self.point.label}.{self.point.format}"

    def _tcpdump(self) -> list[str]:
        point = self.point
        command = [
            "tcpdump",
            "-n",
            "-i",
            point.interface,
            *(["--immediate-mode", "-U", "-B", _BUFFER] if point.flush else []),
            "-Z",
            "root",
            "-w",
            str(self._path) + ("%s" if "-G" in point.arguments else ""),
        ]
        command += ["-s", str(point.snaplen)] if point.snaplen else []
        command += ["--time-stamp-precision=nano"] if point.nanoseconds else []
        command += ["-Q", point.direction] if point.direction else []
        command += point.arguments
        return [*command, point.filter] if point.filter else command

    def _dumpcap(self) -> list[str]:
        point = self.point
        interfaces = [word for name in point.interface.split() for word in ("-i", name)]
        command = ["dumpcap", *interfaces, "-w", str(self._path), *point.arguments]
        command += ["-P"] if point.format == "pcap" else []
        command += ["-s", str(point.snaplen)] if point.snaplen else []
        command += ["-f", point.filter] if point.filter else []
        command += ["-b", f"packets:{point.rotate_packets}"] if point.rotate_packets else []
        return command

    def stop(self) -> None:
        """End it and finish its files. The last packets must have had time to arrive."""
        if self.process is None:
            raise RuntimeError(f"capture {self.point.label} was never started")
        if self.files:
            return
        self.process.stop(signal.SIGINT if self.point.flush else signal.SIGKILL)
        lost = re.search(r"([1-9]\d*) packets? dropped by kernel", self.process.output)
        if lost and not self.point.may_drop:
            raise RuntimeError(f"capture {self.point.label}: {lost.group()}")
        self.files = self._rotated() or [self._path]
        if self.point.change:
            for file in self.files:
                change_file(file, self.point.change)
        if self.point.clock_shift:
            for file in self.files:
                shift_clock(file, self.point.clock_shift)
        if self.point.gzip:
            self.files = [_compress(file) for file in self.files]

    def pause(self) -> None:
        """Stop the program (SIGSTOP) until `resume`: its kernel buffer overflows."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.process is None:
            raise RuntimeError(f"capture {self.point.label} was never started")
        self.process.popen.send_signal(number)

    def _rotated(self) -> list[Path]:
        """The files in order, named by their number only; nothing when there is just one."""
        if self.point.rotate_packets:
            found = sorted(self.directory.glob(f"{self.point.label}_*.{self.point.format}"))
        elif {"-C", "-G"} & set(self.point.arguments):
            found = sorted(self.directory.glob(f"{self._path.name}*"), key=_rotation_order)
        else:
            return []
        return [
            file.rename(file.with_name(f"{self.point.label}_{number:02}.{self.point.format}"))
            for number, file in enumerate(found, 1)
        ]

    @property
    def settle(self) -> float:
        """How long its last packets need to be written."""
        return 0.15 if self.process and "tcpdump" in str(self.process.popen.args) else 0.7


def _rotation_order(file: Path) -> tuple[int, str]:
    """tcpdump -C appends 1, 2 and so on; with -W and -G the names sort by themselves."""
    end = file.name.rpartition(".pcap")[2]
    return (int(end) if end.isdigit() else 0), file.name


def shift_clock(file: Path, seconds: float) -> None:
    """Add seconds to every timestamp of a classic pcap file."""
    data = bytearray(file.read_bytes())
    unit = 10**9 if bytes(data[:4]) in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 10**6
    order = "<" if data[0] in (0x4D, 0xD4) else ">"
    at = 24
    while at + 16 <= len(data):
        whole, part, length = struct.unpack_from(order + "III", data, at)
        moved = whole * unit + part + round(seconds * unit)
        struct.pack_into(order + "II", data, at, moved // unit, moved % unit)
        at += 16 + length
    file.write_bytes(data)


def _compress(file: Path) -> Path:
    target = file.with_name(file.name + ".gz")
    target.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    file.unlink()
    return target
