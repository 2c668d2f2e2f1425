"""What a person reads: order, density, width, colour, and that nothing captured does harm."""

from __future__ import annotations

import re

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from pcapdiag.model.report import (
    Alternative,
    BySide,
    Candidate,
    CaptureCounts,
    Cause,
    Connection,
    Evidence,
    FileError,
    Report,
    TimelineEntry,
)
from pcapdiag.model.report_http import GrpcCall, HttpExchange
from pcapdiag.report.clock import Clock
from pcapdiag.report.layout import Page
from pcapdiag.report.requests import exchange_text
from pcapdiag.report.text import FULL_ENTRIES, SHORT_ENTRIES, render_connection, render_text
from tests.report.fabricate import finding, healthy, refused, replied, report, seconds, summary_of

HOSTILE = "x\x1b[31m\x1b]0;t\x07\u202egnp.exe\u2066\r\n\x9b2J"


def lines(shown: Report, width: int = 100, *, everything: bool = False) -> list[str]:
    return list(render_text(shown, Page(width), show_all=everything))


def text(shown: Report, width: int = 100, *, everything: bool = False) -> str:
    return "\n".join(lines(shown, width, everything=everything))


def unknown_culprit() -> Connection:
    connection = refused()
    who = connection.verdict.attribution
    who.side, who.party, who.address, who.confidence = "unknown", "unknown", None, 0.55
    who.candidates = [
        Candidate(side="path", party="middlebox", confidence=0.55),
        Candidate(side="responder", party="upstream", confidence=0.4),
    ]
    return connection


def test_one_failure_reads_from_what_to_where() -> None:
    output = text(report(ok=41))
    assert output.startswith(
        """\
CAPTURE capture.pcap: 1,234 packets, 88.9 kB, 1 min from 2023-11-14T22:13:20.000Z
SUMMARY 42 connections: 1 failed, 41 worked
        1  tcp.connection_refused
WHO     upstream 1
"""
    )
    entry = output[output.index("FAILED") :].splitlines()
    assert entry[0] == (
        "FAILED  1 of 42 connections: 10.0.1.5:40017 -> 10.0.2.7:8443 at 22:13:21.204Z (frame 291)"
    )
    assert entry[1].startswith("WHAT    10.0.1.5 could not connect to 10.0.2.7:8443: refused  ")
    assert entry[1].endswith("  tcp.connection_refused  0.99")
    assert len(entry[1]) == 100
    labels = [line[:8].strip() for line in entry if line[:8].strip()]
    assert labels == [
        "FAILED", "WHAT", "WHO", "CHAIN", "FOR", "AGAINST", "SCOPE", "FIX", "NEXT", "SEE", "Numbers",
    ]  # fmt: skip
    assert "CHAIN   #291 proxy SYN > #292 upstream RST,ACK +0.31 ms" in entry
    assert "NEXT    ss -ltnp 'sport = :8443'" in entry
    assert "SCOPE   1 of 15 connections to :8443 failed, 14 worked before" in entry
    assert "SEE     tcp.stream==17   Envoy log: UF, remote connection failure" in entry


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_no_line_is_wider_than_asked_but_commands_stay_whole(width: int) -> None:
    command = (
        "tcpdump -ni any 'host 10.0.1.5 and host 10.0.2.7 and tcp port 8443' -w again.pcap -s 0"
    )
    failed = refused()
    failed.verdict.commands = [command]
    output = lines(report([failed, healthy()], ok=3, findings=[finding()]), width)
    assert f"NEXT    {command}" in output
    assert [line for line in output if len(line) > width and command not in line] == []


def test_a_thousand_equal_failures_are_one_entry() -> None:
    output = text(report([refused(n, offset=n) for n in range(1000)], ok=500))
    assert output.count("FAILED") == 1
    assert "FAILED  1,000 connections to 10.0.2.7:8443, 22:13:20.000Z to 22:29:59.000Z" in output
    assert "; the lines above are of stream 0" in output
    assert "SEE     tcp.stream in {0, 1, 2, 3, 4, 5, 6, 7} and 992 more" in output


def test_many_kinds_of_failure_become_short_lines_and_then_a_count() -> None:
    total = FULL_ENTRIES + SHORT_ENTRIES + 7
    failed = [refused(n) for n in range(total)]
    for number, connection in enumerate(failed):
        connection.verdict.code = f"tcp.kind_{number}"
    output = lines(report(failed))
    heads = [line for line in output if line.startswith("FAILED")]
    assert len(heads) == FULL_ENTRIES + SHORT_ENTRIES
    assert sum(line.startswith("WHAT") for line in output) == FULL_ENTRIES
    assert "and 7 more kinds of failure (in the JSON)" in output


def test_a_healthy_capture_says_so_in_two_lines() -> None:
    assert lines(report([], ok=42)) == [
        "CAPTURE capture.pcap: 1,234 packets, 88.9 kB, 1 min from 2023-11-14T22:13:20.000Z",
        "SUMMARY nothing failed: 42 connections, all worked",
    ]


def test_all_lists_what_worked_one_line_each() -> None:
    output = text(report([healthy(3)]), everything=True)
    assert (
        "OK      10.0.1.5:50003 -> 10.0.2.7:9090  250 ms, 517 B out, 4.1 kB back  tcp.stream==3"
    ) in output
    assert "OK  " not in text(report([healthy(3)]))


def test_what_cannot_be_told_is_not_called_healthy() -> None:
    partial = healthy(2)
    partial.verdict.code = "capture.partial"
    output = text(report([partial], ok=3), everything=True)
    assert "nothing failed, 3 worked, 1 not told (the capture holds too little" in output
    assert "PARTIAL 10.0.1.5:50002" in output


def test_an_empty_capture_and_one_without_tcp_say_so() -> None:
    assert "the capture holds no packets" in text(report([], capture=summary_of("e.pcap", 0)))
    assert "no TCP connection among 1,234 packets" in text(report([]))
    output = "\n".join(render_text(report([]), Page(), filtered=True))
    assert "no connection in the capture matches the options" in output


def test_an_unknown_culprit_is_named_with_every_candidate_and_no_confidence() -> None:
    output = text(report([unknown_culprit()]))
    assert (
        "WHO     this capture cannot tell: a device between 10.0.1.5 and 10.0.2.7 0.55 or the "
        "upstream\n        10.0.2.7 0.40; mend at upstream or proxy"
    ) in output
    assert "WHO     cannot be told 1" in output


def test_signs_of_an_unknown_culprit_say_whom_they_point_to() -> None:
    failed = unknown_culprit()
    same = "both look the same from here"
    failed.verdict.attribution.evidence = [
        Evidence(signal="ttl", says="responder", weight=0.6, detail="TTL as ever"),
        Evidence(signal="idle", says="path", weight=-0.5, detail="never idle"),
        Evidence(signal="prior", says="path", weight=0.1, detail=f"{same}; settle it with X"),
        Evidence(signal="prior", says="responder", weight=-0.1, detail=same),
    ]
    output = text(report([failed]))
    assert "SIGNS   upstream: TTL as ever" in output
    assert "SIGNS   not device: never idle" in output
    assert f"SIGNS   either: {same}; settle it with X" in output
    assert output.count(same) == 1


def test_evidence_for_the_other_side_is_against() -> None:
    failed = refused()
    failed.verdict.attribution.evidence[0].says = "path"
    output = text(report([failed]))
    assert "AGAINST RST has TTL 63" in output
    assert "\nFOR " not in output


def test_a_prior_argues_for_its_own_side_however_small_it_is() -> None:
    failed = refused()
    failed.verdict.attribution.evidence = [
        Evidence(signal="prior", says="path", weight=-1.1, detail="a firewall can answer the same")
    ]
    assert "AGAINST a firewall can answer the same" in text(report([failed]))


def test_alternatives_and_notes_are_told() -> None:
    failed = refused()
    failed.verdict.alternatives = [Alternative(code="tls.sni_rejected", confidence=0.2)]
    failed.verdict.notes = ["the retry on another port worked"]
    output = text(report([failed]))
    assert "OR      could also be tls.sni_rejected 0.20" in output
    assert "NOTE    the retry on another port worked" in output


def test_certainty_is_never_claimed() -> None:
    failed = refused()
    failed.verdict.confidence = 1.0
    assert "tcp.connection_refused  0.99" in text(report([failed]))


def test_a_long_timeline_is_a_table_with_its_middle_left_out() -> None:
    failed = refused()
    failed.timeline = [
        TimelineEntry(
            time=seconds(n), frame=n + 1, from_="path" if n == 29 else "initiator",
            event="SYN" if n == 0 else "100 bytes", detail=f"seq {n}",
        )
        for n in range(30)
    ]  # fmt: skip
    output = lines(report([failed]))
    first = next(i for i, line in enumerate(output) if line.startswith("TIME"))
    assert output[first] == "TIME    +0.000000    #1   proxy   SYN        seq 0"
    assert output[first + 4] == "        ... 19 lines left out (in the JSON)"
    assert output[first + 11] == "        +29.000000   #30  device  100 bytes  seq 29"


def test_nothing_captured_steers_the_terminal() -> None:
    failed = refused()
    verdict = failed.verdict
    verdict.title = verdict.explanation = HOSTILE
    verdict.attribution.evidence[0].detail = HOSTILE
    verdict.notes = verdict.fixes = verdict.commands = [HOSTILE]
    failed.timeline[0].event = failed.timeline[1].detail = HOSTILE
    failed.responder.name = failed.initiator.ip = HOSTILE
    bad = finding()
    bad.title = bad.detail = HOSTILE
    shown = report([failed, healthy()], findings=[bad], capture=summary_of(HOSTILE))
    shown.topology.proxies = [HOSTILE]
    output = text(shown, everything=True)
    assert re.findall(r"[^\x20-\x7e\n]", output) == []
    assert "\\x1b[31m" in output


def test_secrets_are_masked() -> None:
    failed = refused()
    failed.verdict.notes = ["GET /pay?card=4111111111111111&x=1", "Cookie: sid=abc; theme=dark"]
    failed.verdict.commands = ["curl -H 'Authorization: Bearer abc123def456' http://u:pw@h/"]
    output = text(report([failed]))
    for secret in ("4111", "abc", "dark", "pw"):
        assert secret not in output
    assert "/pay?card=***&x=***" in output


def test_colour_only_when_asked_and_it_changes_no_words() -> None:
    shown = report([refused()], ok=2, findings=[finding()])
    plain = list(render_text(shown, Page(80)))
    colored = list(render_text(shown, Page(80, color=True)))
    assert plain != colored
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in colored] == plain


@pytest.mark.parametrize(
    ("mode", "words"), [("utc", "at 22:13:21.204Z"), ("relative", "at +1.204 s")]
)
def test_times_are_written_as_asked(mode: str, words: str) -> None:
    shown = list(render_text(report(), Page(), time="relative" if mode == "relative" else "utc"))
    assert any(words in line for line in shown)
    assert "from 2023-11-14T22:13:20.000Z" in shown[0]


def test_what_the_capture_suffered_is_said() -> None:
    capture = summary_of("c.pcap")
    capture.files[0].error = FileError(byte=4711, message="record says 4 GB")
    capture.duplicate_packets = 12
    capture.counts = CaptureCounts(midstream=1, lost_by_capture=3, limits={"streams": 2})
    output = text(report([], ok=1, capture=capture))
    assert "WARNING c.pcap is damaged at byte 4,711: record says 4 GB" in output
    assert "NOTED   1 connection already open when the capture began; limit of streams" in output
    assert "met 2 times" in output


@pytest.mark.parametrize(("packets", "told"), [(50, False), (200, True)])
def test_other_protocols_are_told_when_there_is_much_of_them(packets: int, told: bool) -> None:
    capture = summary_of("c.pcap", packets=1000)
    capture.counts = CaptureCounts(other_protocols=packets // 2)
    output = text(report([], ok=1, capture=capture))
    assert ("of other protocols than TCP, not judged" in output) is told


def test_follow_prints_one_failure_at_a_time() -> None:
    output = list(render_connection(refused(), Page(), Clock(start=seconds(0))))
    assert output[0] == ("FAILED  10.0.1.5:40017 -> 10.0.2.7:8443 at 22:13:21.204Z (frame 291)")
    assert output[-1].startswith("SEE     tcp.stream==17   ")


def test_ipv6_ends_are_in_brackets() -> None:
    failed = refused()
    failed.responder.ip = "2001:db8::7"
    failed.bytes = BySide()
    assert "-> [2001:db8::7]:8443" in text(report([failed]))


def test_a_failed_request_is_named_first_and_the_others_of_its_connection_after_it() -> None:
    output = text(report([replied()], ok=41), width=110)
    assert (
        "FAILED  1 of 42 connections: GET /pay?token=*** -> 503 to 10.0.1.5:40017 by 10.0.2.7:8443 at"
    ) in output
    assert "(frame 123)" in output
    assert re.search(r"ALSO +4 more like it: Envoy answered", output)
    assert "abc" not in output
    assert "sidecar" not in output


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": None}, "GET /a -> no answer"),
        ({"status": 200, "complete": False}, "GET /a -> 200, not complete"),
        ({"method": None, "target": None, "status": 502}, "a request -> 502"),
        ({"grpc": GrpcCall(status=14, name="UNAVAILABLE")}, "gRPC /a -> UNAVAILABLE"),
        ({"grpc": GrpcCall(status=99)}, "gRPC /a -> grpc-status 99"),
        ({"target": "/" + 99 * "a", "status": 1}, f"GET /{56 * 'a'}... -> 1"),
        ({"method": HOSTILE, "target": HOSTILE, "status": 1}, "-> 1"),
    ],
)
def test_a_request_in_words(fields: dict[str, object], words: str) -> None:
    whole = HttpExchange(index=0, method="GET", target="/a", complete=True)
    told = exchange_text(replace(whole, **fields))
    assert words in told
    assert told.isprintable()


def test_many_requests_on_few_connections_are_counted() -> None:
    output = text(report([replied(1), replied(2)]))
    assert "FAILED  10 requests on 2 connections to 10.0.2.7:8443" in output


def test_envoys_own_words_are_shown_where_they_are_others() -> None:
    agreeing, other = replied(), replied(18)
    assert other.verdict.envoy is not None
    observed = other.verdict.envoy.observed
    assert observed is not None
    observed.flag, observed.reset_reason, observed.agrees = "UC", "connection termination", False
    assert "its reply says" not in text(report([agreeing]))
    told = " ".join(text(report([other])).split())
    assert "Envoy log: UF, remote connection failure; its reply says UC, connection termi" in told


def test_failed_requests_are_counted_where_a_connection_carried_several() -> None:
    assert "42 connections: 1 failed, 41 worked" in text(report(ok=41))
    several = report([replied(4), refused(5), refused(6)])
    assert "3 connections: 3 failed (5 requests)" in text(several)


def test_a_finding_says_when_and_on_which_connections() -> None:
    output = lines(report([], ok=3, findings=[finding()]))
    first = next(i for i, line in enumerate(output) if line.startswith("FINDING"))
    told = " ".join(line.strip() for line in output[first:])
    assert "14 worked before; 22:13:20.000Z to 22:13:29.000Z" in told
    assert "SEE     tcp.stream in {17, 18}" in output
    bare = finding()
    bare.first = bare.last = UNSET
    bare.streams = []
    output = lines(report([], ok=3, findings=[bare]))
    assert not any(line.startswith("SEE") for line in output)
    assert "Z to " not in "".join(output)


def test_a_cause_on_the_other_leg_is_in_the_chain() -> None:
    client = replied()
    client.causes = [
        Cause(
            stream=4, frame=122, code="tcp.connection_refused", time=seconds(2.1),
            endpoint="10.0.2.7:8443",
        )
    ]  # fmt: skip
    chain = next(line for line in lines(report([client])) if line.startswith("CHAIN"))
    assert "tcp.connection_refused at 10.0.2.7:8443 (stream 4, until #122)" in chain


def test_only_a_few_packets_are_a_chain_and_more_are_a_table() -> None:
    for entries, label in ((4, "CHAIN"), (5, "TIME")):
        failed = refused()
        failed.timeline = [
            TimelineEntry(time=seconds(n), frame=n + 1, from_="initiator", event="SYN", detail="")
            for n in range(entries)
        ]
        labels = {line[:8].strip() for line in lines(report([failed]))} & {"CHAIN", "TIME"}
        assert labels == {label}


def test_the_strongest_evidence_is_told_and_the_rest_counted() -> None:
    failed = refused()
    one, other = failed.verdict.attribution.evidence
    failed.verdict.attribution.evidence = [
        *(replace(one, detail=f"sign {n}") for n in range(7)),
        *(replace(other, detail=f"doubt {n}") for n in range(5)),
    ]
    output = lines(report([failed]))
    assert sum(line.startswith("FOR ") for line in output) == 4
    assert sum(line.startswith("AGAINST ") for line in output) == 2
    assert output.count("        and 3 more (in the JSON)") == 2


def test_failures_at_many_ports_of_one_host_say_so() -> None:
    shown = report([refused(n) for n in range(3)])
    shown.groups[0].responder = "10.0.2.7"
    assert "SCOPE   many ports of 10.0.2.7; the lines above are of stream 0" in text(shown)
    shown.groups[0].responder = "10.0.2.7:8443"
    assert "many ports" not in text(shown)
