"""Checking the stored set: truth against its schema, captures with tshark."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from failurelab.truth import FIXTURES, Truth, problems

_FIELDS = ("ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport")
_LARGE = 30_000
_ALL = 25_000_000


def check_all(names: list[str], root: Path = FIXTURES) -> tuple[list[str], list[str]]:
    """Problems, and remarks about size."""
    wrong: list[str] = []
    remarks: list[str] = []
    total = 0
    for folder in sorted(path.parent for path in root.glob("*/truth.json")):
        total += sum(file.stat().st_size for file in folder.iterdir())
        if names and folder.name not in names:
            continue
        wrong += [f"{folder.name}: {problem}" for problem in check_one(folder)]
        large = [file for file in folder.iterdir() if file.stat().st_size > _LARGE]
        remarks += [f"{folder.name}/{f.name} has {f.stat().st_size} bytes" for f in sorted(large)]
    if total > _ALL:
        wrong.append(f"the set has {total} bytes")
    return wrong, remarks


def check_one(folder: Path) -> list[str]:
    """Problems of one scenario."""
    data = json.loads((folder / "truth.json").read_text())
    found = problems(data)
    if found:
        return found
    truth = Truth.from_json(data)
    if truth.scenario != folder.name:
        found.append(f"truth is of {truth.scenario}")
    listed = {file for capture in truth.captures for file in capture.files}
    known = {"truth.json", *(capture.key_log for capture in truth.captures)}
    known |= {log.file for log in truth.logs}
    strays = {file.name for file in folder.iterdir()} - listed - known
    found += [f"{name} is not in the truth" for name in sorted(strays)]
    pairs: dict[str, set[frozenset[str]]] = {}
    for file in sorted(listed):
        try:
            pairs[file] = tshark_pairs(folder / file)
        except RuntimeError as error:
            found.append(str(error))
            pairs[file] = set()
    return found + _missing(truth, pairs)


def _missing(truth: Truth, pairs: dict[str, set[frozenset[str]]]) -> list[str]:
    found = []
    for capture in truth.captures:
        held = set().union(*(pairs[file] for file in capture.files))
        for connection in truth.connections:
            found += [
                f"{capture.name} lacks {seen.initiator} -> {seen.responder}"
                for seen in connection.seen.get(capture.name, [])
                if frozenset({seen.initiator, seen.responder}) not in held
            ]
    return found


def tshark_pairs(file: Path) -> set[frozenset[str]]:
    """The endpoints of every TCP connection, as tshark reads them; also from ICMP quotes."""
    fields = [word for name in _FIELDS for word in ("-e", name)]
    command = [
        "tshark",
        "-n",
        "-r",
        str(file),
        "-Y",
        "tcp",
        "-T",
        "fields",
        "-E",
        "occurrence=l",
        *fields,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "cut short" not in done.stderr:
        raise RuntimeError(f"tshark on {file.name}: {done.stderr.strip()}")
    found = set()
    for row in done.stdout.splitlines():
        src4, src6, sport, dst4, dst6, dport = row.split("\t")
        source = f"[{src6}]:{sport}" if src6 else f"{src4}:{sport}"
        target = f"[{dst6}]:{dport}" if dst6 else f"{dst4}:{dport}"
        found.add(frozenset({source, target}))
    return found
