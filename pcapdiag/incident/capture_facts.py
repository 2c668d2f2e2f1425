"""The report's ``capture`` part: what was read, and what was odd about it."""

from __future__ import annotations

from pcapdiag.capture import Capture, FileFacts
from pcapdiag.decode.results import UNREAD
from pcapdiag.flow.tracker import Tracker
from pcapdiag.incident.analysis import Analysis
from pcapdiag.model.report import (
    CaptureCounts,
    CaptureFile,
    CaptureSummary,
    FileError,
    UnreadableFile,
)
from pcapdiag.model.units import format_known

UNREAD_SHARE = 0.05
"""Share of the packets from which what is recognised and not read is worth a word."""


def summarize_capture(analysis: Analysis) -> CaptureSummary:
    """Return what is to be said of the input as a whole."""
    capture, tracker = analysis.capture, analysis.tracker
    return CaptureSummary(
        files=[_file(facts) for facts in capture.files],
        packets=capture.packets,
        bytes=capture.wire_bytes,
        first_time=format_known(capture.first_time),
        last_time=format_known(capture.last_time),
        link_types=capture.link_types,
        truncated_packets=capture.truncated,
        duplicate_packets=tracker.copies.count,
        undecoded_packets=tracker.undecoded,
        complete=capture.complete,
        vantage=analysis.places.conclude(analysis.surroundings),
        counts=_counts(capture, tracker, analysis),
        unreadable=[
            UnreadableFile(path=error.path, message=error.told) for error in capture.warnings
        ],
        notes=_unread(capture, tracker)
        + _blocked(tracker)
        + analysis.key_notes()
        + analysis.unjudged.notes(),
    )


def _unread(capture: Capture, tracker: Tracker) -> list[str]:
    links = [
        f"packets of link type {name} were not looked into: it is not read"
        for name in capture.unread_link_types
    ]
    return links + [
        f"{number:,} packet{'s were' if number > 1 else ' was'} not looked into: {what}"
        for what, number in zip(UNREAD, tracker.packet.unread, strict=True)
        if number and number >= UNREAD_SHARE * capture.packets
    ]


def _blocked(tracker: Tracker) -> list[str]:
    number = tracker.packet.blocked
    return [f"the firewall whose log this is blocked {number:,} packets of it"] if number else []


def _counts(capture: Capture, tracker: Tracker, analysis: Analysis) -> CaptureCounts:
    limits = capture.limits | {
        "hosts": tracker.table.hosts_left_out,
        "endpoints": tracker.table.endpoints_left_out,
        "kept_packets": tracker.kept.left_out,
        "heads": tracker.turns.left_out,
        "transcripts": tracker.lanes.left_out,
        "names": analysis.names.left_out,
        "dns": analysis.dns.left_out,
        "fragments": analysis.fragments.given_up,
        "callers": tracker.callers.left_out,
        "connections_at_once": tracker.callers.uncounted,
        "legs": analysis.legs.left_out,
        "certificates": analysis.certificates.left_out,
        "tls_servers": analysis.surroundings.tls_servers.left_out,
        "recurrences": analysis.surroundings.recurrences.left_out,
        "second_judgements": analysis.archive.left_out,
        "nat_twins": analysis.twins.left_out,
        "prints": analysis.prints.left_out if analysis.options.keep_prints else 0,
    }
    return CaptureCounts(
        lost_by_capture=tracker.lost_by_capture(),
        dropped_by_kernel=capture.drops,
        disordered=capture.disordered,
        clock_steps=capture.clock_steps,
        slight_clock_steps=capture.slight_clock_steps,
        super_segments=tracker.super_segments,
        bad_checksums=tracker.bad_checksums,
        midstream=tracker.endings.midstream,
        one_direction=tracker.endings.one_direction,
        evicted=tracker.endings.evicted,
        unjudged=analysis.unjudged.count,
        fragments=tracker.fragments,
        other_protocols=tracker.other_protocols,
        limits={name: count for name, count in limits.items() if count},
    )


def _file(facts: FileFacts) -> CaptureFile:
    file = CaptureFile(
        path=facts.path,
        format="pcapng" if facts.format == "pcapng" else "pcap",
        compression=facts.compression,
        first_time=format_known(facts.first_time),
        last_time=format_known(facts.last_time),
        packets=facts.packets,
        size=facts.size,
        interfaces=facts.interfaces,
        complete=facts.complete,
    )
    if facts.error is not None:
        file.error = FileError(byte=facts.error.byte, message=facts.error.message)
    return file
