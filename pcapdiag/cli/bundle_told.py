"""What is said on the terminal of a bundle that was made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapdiag.model.report import Connection
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.escape import shown
from pcapdiag.report.overview import samples

if TYPE_CHECKING:
    from pcapdiag.bundle.build import Made

_WIDTH = {
    "implicated": "",
    "endpoints": ", with all connections to the same endpoints",
    "hosts": ", with all connections of the same hosts",
    "everything": ": all there are",
}
MAX_FLOWS = 5
"""Connections whose original ends are told, one of each kind."""


def told(made: Made, output: str) -> Iterator[str]:
    """Yield what was put in, what was proven, and where the file is."""
    report, manifest = made.report, made.manifest
    cut, proof = manifest.capture, manifest.proof
    failed, connections = report.summary.failed, report.summary.connections
    yield (
        f"PUT IN  {failed:,} of {counted(connections, 'connection')} failed; "
        f"{cut.packets:,} of {counted(cut.packets_of_originals, 'packet')}{_WIDTH[cut.width]}"
    )
    if cut.not_chosen:
        more = counted(cut.not_chosen, "connection")
        yield f"        {more} not chosen: other legs, causes, and what the evidence rests on"
    if cut.not_in_it:
        more = counted(cut.not_in_it, "more failed connection")
        yield f"        {more} of the same kinds not"
    yield (
        f"PROVEN  {counted(proof.connections, 'connection')} compared: the same code, side, "
        "party, ending, frames and causes"
    )
    if proof.scanned:
        yield f"        {counted(proof.scanned, 'file')} searched: nothing of the original left"
    marks = manifest.key_log.connections
    if marks:
        yield f"KEYS    {counted(len(marks), 'connection')} judged without their TLS secrets"
    if manifest.sanitised:
        yield from _flows(made)
    size = words.size(os.path.getsize(output))
    yield f"WROTE   {shown(output)}, {size}, {counted(len(manifest.members) + 1, 'file')}"


def _flows(made: Made) -> Iterator[str]:
    """Yield who is who in the README's table: for the sender alone."""
    told = samples(made.report, MAX_FLOWS).values()
    originals = {match.stream: match.original_stream for match in made.manifest.connections}
    wanted = {originals[one.stream] for one in told if one.stream in originals}
    known = {one.stream: one for one in made.original.report.connections if one.stream in wanted}
    label = "YOURS   "
    for one in told:
        before = known.get(originals.get(one.stream, -1))
        if before is not None:
            yield f"{label}{_ends(before)} is {_ends(one)} in it"
            label = " " * len(label)


def _ends(connection: Connection) -> str:
    one, other = connection.initiator, connection.responder
    return f"{one.host_port} -> {other.host_port}"
