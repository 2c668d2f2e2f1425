"""``pcapdiag triage --watch`` as a service runs it: with tcpdump, signals, scrapes, a full disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from pcapdiag.cli.main import cli
from tests.parts import split
from tests.triage.several import REFUSED

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of Unix"),
]

PATIENCE = 60.0


class Program:
    """A running ``pcapdiag triage --watch``; what it says is in ``told``."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "pcapdiag", "triage", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.printed: list[str] = []
        self.told: list[str] = []
        self._threads = [
            threading.Thread(target=target.extend, args=(stream,))
            for target, stream in (
                (self.printed, self.process.stdout),
                (self.told, self.process.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()
        return status


@contextmanager
def running(*arguments: object) -> Iterator[Program]:
    program = Program(*arguments)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.end(signal.SIGKILL)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def scraped(program: Program) -> dict[str, float]:
    until(lambda: any("metrics at" in line for line in program.told))
    (url,) = re.findall(r"http://127\.0\.0\.1:\d+/metrics", "".join(program.told))
    with urlopen(url) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {
        sample.name: sample.value
        for family in families
        for sample in family.samples
        if not sample.labels or sample.labels.get("status") == "examined"
    }


def printed(program: Program, text: str) -> bool:
    return text in "".join(program.printed)


def test_wrong_use_is_told(tmp_path: Path) -> None:
    for arguments, words in (
        ([REFUSED, "--watch", tmp_path], "takes the place of SOURCE"),
        ([], "no SOURCE given"),
        ([REFUSED, "--keep", "none"], "is never deleted"),
        (["--watch", tmp_path / "none"], "is no directory"),
        (["--watch", tmp_path, "--junit", "x.xml"], "are for a run that ends"),
    ):
        done = CliRunner().invoke(cli, ["triage", *map(str, arguments), "-o", str(tmp_path / "o")])
        assert done.exit_code == 2
        assert words in done.stderr


def test_it_goes_on_where_it_was_ended_and_where_it_was_killed(tmp_path: Path) -> None:
    files = split(REFUSED, tmp_path / "all", 4)
    folder = tmp_path / "ring"
    folder.mkdir()
    arguments = ["--watch", folder, "-o", tmp_path / "out", "--jobs", 1, "-q", "--settle", 0]
    examined: list[str] = []
    for number, sent in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGINT)):
        shutil.copyfile(files[number], folder / files[number].name)
        if sent == signal.SIGINT:
            shutil.copyfile(files[3], folder / files[3].name)
        with running(*arguments) as program:
            wanted = files[3 if sent == signal.SIGINT else number].name
            until(partial(printed, program, wanted))
            status = program.end(sent)
        assert status == (-signal.SIGKILL if sent == signal.SIGKILL else 0), program.told
        assert "Traceback" not in "".join(program.told)
        examined += [json.loads(line)["outcome"]["status"] for line in program.printed]
    assert set(examined) == {"examined"}
    summary = json.loads((tmp_path / "out" / "summary.json").read_bytes())
    done = CliRunner().invoke(cli, ["triage", str(REFUSED), "-o", str(tmp_path / "whole")])
    assert done.exit_code == 1
    whole = json.loads((tmp_path / "whole" / "summary.json").read_bytes())
    for member in ("packets", "bytes", "connections", "failed", "failed_requests"):
        assert summary[member] == whole[member]


def serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            while connection.recv(100):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.needs(program="tcpdump", root=True)
def test_tcpdump_rotates_and_a_connection_crosses_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    folder.mkdir()
    folder.chmod(0o777)
    server = socket.create_server(("127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0)) as other:
        closed = other.getsockname()[1]
    address = server.getsockname()
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    pattern = f"tcp port {address[1]} or tcp port {closed}"
    target = folder / "cap-%H%M%S.pcap"
    tcpdump = subprocess.Popen(
        ["tcpdump", "-i", "lo", "-U", "-Z", "root", "-G", "1", "-w", target, pattern],
        stderr=subprocess.PIPE,
    )
    assert tcpdump.stderr is not None
    tcpdump.stderr.readline()
    arguments = ["--watch", folder, "-o", tmp_path / "out", "--settle", 3, "--keep", "none"]
    try:
        with running(*arguments, "--jobs", 1, "--metrics-listen", ":0") as program:
            long = socket.create_connection(address)
            for _ in range(5):
                long.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert long.recv(100)
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", closed))
                time.sleep(1.1)
            long.close()
            time.sleep(0.3)
            tcpdump.terminate()
            tcpdump.wait()
            until(lambda: scraped(program)["pcapdiag_connections_total"] == 6)
            found = scraped(program)
            assert program.end() == 0, program.told
    finally:
        tcpdump.kill()
        tcpdump.wait()
        tcpdump.stderr.close()
        server.close()
    assert found["pcapdiag_failed_connections_total"] == 5
    assert found["pcapdiag_captures_total"] >= 4
    assert 0 < found["pcapdiag_lag_seconds"] < 600
    assert len(list(folder.iterdir())) == 1
    summary = json.loads((tmp_path / "out" / "summary.json").read_bytes())
    assert (summary["connections"], summary["failed"]) == (6, 5)


@pytest.mark.needs(program="mount umount", root=True)
def test_a_full_disk_is_said_once_and_caught_up_with(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    try:
        filler = disk / "filler"
        files = split(REFUSED, tmp_path / "ring", 3)
        with running(
            "--watch", tmp_path / "ring", "-o", disk / "out", "--jobs", 1, "--settle", 0,
            "--keep", "none", "--metrics-listen", ":0",
        ) as program:  # fmt: skip
            fill(filler)
            until(lambda: scraped(program)["pcapdiag_output_failing"] == 1)
            assert all(path.exists() for path in files)
            filler.unlink()
            until(lambda: scraped(program)["pcapdiag_captures_total"] == 3)
            until(lambda: scraped(program)["pcapdiag_output_failing"] == 0)
            assert program.end() == 0, program.told
        trouble = [line for line in program.told if "No space left on device" in line]
        assert len(trouble) == 1
        assert [path.exists() for path in files] == [False, False, True]
        summary = json.loads((disk / "out" / "summary.json").read_bytes())
        assert summary["failed"] == 10
    finally:
        subprocess.run(["umount", disk], check=True)


def fill(path: Path) -> None:
    """Write until there is no room for another byte."""
    with path.open("wb", buffering=0) as file:
        for size in (4096, 512, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
