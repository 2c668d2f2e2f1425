"""Findings from hosts' snapshots: each with the lab's capture and snapshot, and where it must not be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pcapdiag import pipeline
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.model.report import Finding, Report
from tests.host.make import LAB, least, stored, written

pytestmark = pytest.mark.once

Json = dict[str, Any]
Change = Callable[[Json], None]
TRUTHS = [
    truth
    for path in sorted(LAB.glob("*/truth.json"))
    if "snapshots" in (truth := json.loads(path.read_text()))
]


def analyzed(scenario: str, capture: str, *snapshots: str) -> Report:
    options = AnalyzeOptions(snapshots=snapshots)
    return pipeline.analyze([str(LAB / scenario / f"{capture}.pcap")], options)


def drawn(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.source == "snapshot"]


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth["scenario"])
def test_what_the_lab_made(truth: Json) -> None:
    scenario = truth["scenario"]
    snapshots = [str(LAB / scenario / name) for name in truth["snapshots"]]
    for capture in truth["captures"]:
        report = analyzed(scenario, capture["name"], *snapshots)
        found = drawn(report)
        assert {one.code for one in found} == set(truth["findings"]["expected"])
        for one in found:
            assert one.streams
            assert one.severity != "info"
            assert "host.json, taken" in one.detail
            assert one.commands
        (file,) = report.snapshots
        assert file.used
        assert file.addresses


def changed(tmp_path: Path, scenario: str, capture: str, change: Change) -> Report:
    """Analyse with the stored snapshots, the last one changed."""
    before = LAB / scenario / "before.json"
    document = stored(scenario)
    change(document)
    paths = [str(before)] if before.exists() else []
    return analyzed(scenario, capture, *paths, written(tmp_path, document))


def nothing(_: Json) -> None:
    pass


def of_another_host(document: Json) -> None:
    for interface in document["interfaces"]:
        interface["addresses"] = ["127.0.0.1/8", "203.0.113.9/24"]
        interface["mac"] = "02:00:00:00:00:01"


def an_hour_later(document: Json) -> None:
    document["time"] = str(int(document["time"].split(".")[0]) + 3_600)


def no_queue(document: Json) -> None:
    for one in document["sockets"]["listeners"]:
        one["queue"] = 0
    document["counters"]["kernel"].pop("TcpExtListenOverflows", None)


def other_port(document: Json) -> None:
    for rule in document["firewall"]["rules"]:
        rule["destination_ports"] = ["1-7000"]


def not_counted(document: Json) -> None:
    document["counters"]["rules"] = {}


def other_network(document: Json) -> None:
    for rule in document["firewall"]["rules"]:
        rule["sources"] = ["203.0.113.0/24"]


def a_route(document: Json) -> None:
    document["routes"].append({"to": "default", "family": 4, "device": "eth0"})


def room(document: Json) -> None:
    document["conntrack"]["count"] = 10
    document["counters"]["conntrack"] = {}


def more_files(document: Json) -> None:
    for process in document["processes"]:
        process["open_files_limit"] = 1_024


def no_drops(document: Json) -> None:
    document["counters"]["qdiscs"] = {}
    document["counters"]["kernel"].pop("TcpExtIPReversePathFilter", None)


def no_kills(document: Json) -> None:
    document["counters"]["memory"] = {}


def healthy(document: Json) -> None:
    for host in document["envoy"]["clusters"][0]["hosts"]:
        host["healthy"] = True
    document["envoy"]["clusters"][0]["stats"] = {}


def kept(document: Json) -> None:
    document["clock"] = {"synchronized": True, "offset": 0.001}


def many_ports(document: Json) -> None:
    document["ports"] = {"first": 32768, "last": 60999, "reserved": ["40000-50000"]}


@pytest.mark.parametrize(
    ("scenario", "capture", "change"),
    [
        ("tcp.listen_backlog-snapshot-one-stalls", "client", no_queue),
        ("tcp.listen_backlog-snapshot-syns-dropped", "upstream", no_queue),
        ("tcp.ephemeral_ports_low-snapshot-envoy", "proxy", many_ports),
        ("host.not_accepting-hung-program", "client", no_queue),
        ("host.firewall-nft-drop", "client", other_port),
        ("host.firewall-nft-drop", "client", not_counted),
        ("host.firewall-iptables-reject", "client", other_network),
        ("host.no_route-no-way-back", "upstream", a_route),
        ("host.conntrack_full-on-upstream", "upstream", room),
        ("host.dropped-reverse-path", "client", no_drops),
        ("host.dropped-shaped-queue", "client", no_drops),
        ("host.envoy_cluster-ejected", "proxy", healthy),
        ("host.envoy_cluster-overflow", "proxy", healthy),
        ("host.clock-certificate-refused", "client", kept),
    ],
)
def test_a_host_in_order_is_not_blamed(
    tmp_path: Path, scenario: str, capture: str, change: Change
) -> None:
    assert drawn(changed(tmp_path, scenario, capture, nothing))
    assert drawn(changed(tmp_path, scenario, capture, change)) == []


def test_a_program_with_room_that_does_not_accept(tmp_path: Path) -> None:
    report = changed(tmp_path, "host.open_files-at-limit", "client", more_files)
    assert [one.code for one in drawn(report)] == ["host.not_accepting"]


@pytest.mark.parametrize("change", [of_another_host])
def test_a_host_that_the_capture_does_not_show_is_left_aside(
    tmp_path: Path, change: Change
) -> None:
    report = changed(tmp_path, "host.no_route-no-way-back", "client", change)
    assert drawn(report) == []
    (file,) = report.snapshots
    assert not file.used
    assert "left aside" in report.capture.notes[0]


def test_long_after_it_only_informs(tmp_path: Path) -> None:
    report = changed(tmp_path, "host.firewall-nft-drop", "client", an_hour_later)
    (finding,) = drawn(report)
    assert finding.severity == "info"
    assert "taken 60 minutes after the capture" in finding.detail
    assert (
        drawn(changed(tmp_path, "host.not_accepting-hung-program", "client", an_hour_later)) == []
    )


def test_counters_since_boot_are_weaker(tmp_path: Path) -> None:
    path = written(tmp_path, stored("tcp.listen_backlog-snapshot-syns-dropped"))
    (finding,) = drawn(analyzed("tcp.listen_backlog-snapshot-syns-dropped", "client", path))
    assert "since its network namespace came up" in finding.detail

    def drained(document: Json) -> None:
        for one in document["sockets"]["listeners"]:
            one["queue"] = 0

    document = stored("tcp.listen_backlog-snapshot-syns-dropped")
    drained(document)
    path = written(tmp_path, document)
    (finding,) = drawn(analyzed("tcp.listen_backlog-snapshot-syns-dropped", "client", path))
    assert finding.severity == "warning"


def test_what_the_capture_says_too_is_told_once(tmp_path: Path) -> None:
    scenario = "tcp.accept_queue_overflow-silent"
    plain = analyzed(scenario, "upstream")
    (before,) = [one for one in plain.findings if one.code == "tcp.listen_backlog"]
    address, _, port = (before.endpoint or "").partition(":")
    document = least(
        time=plain.capture.last_time,
        host={"name": "shop-1"},
        interfaces=[{"name": "eth0", "addresses": [f"{address}/24"]}],
        sockets={"listeners": [{"address": address, "port": int(port), "queue": 7, "limit": 6}]},
    )
    report = analyzed(scenario, "upstream", written(tmp_path, document))
    (finding,) = [one for one in report.findings if one.code == "tcp.listen_backlog"]
    assert finding.detail.startswith(before.detail)
    assert "its accept queue is full: 7 of 6 wait" in finding.detail
    assert finding.numbers.items() >= before.numbers.items()
    assert finding.source == "snapshot"


def test_words_for_dns_and_mtu(tmp_path: Path) -> None:
    (scenario,) = [path.name for path in LAB.glob("mtu.black_hole-upload")]
    plain = analyzed(scenario, "client")
    (before,) = [one for one in plain.findings if one.code == "path.mtu"]
    document = least(
        time=plain.capture.last_time,
        host={"name": "edge-1"},
        interfaces=[
            {
                "name": "wg0",
                "mtu": int(before.numbers["passed_size"]),
                "addresses": [f"{before.addresses[0]}/24"],
            }
        ],
    )
    report = analyzed(scenario, "client", written(tmp_path, document))
    (finding,) = [one for one in report.findings if one.code == "path.mtu"]
    assert "edge-1 has wg0 with an MTU of" in finding.detail


def test_several_points_tell_it_once() -> None:
    folder = LAB / "host.firewall-nft-drop"
    points = [
        CapturePoint(name, (str(folder / f"{name}.pcap"),)) for name in ("client", "upstream")
    ]
    snapshots = (str(folder / "before.json"), str(folder / "host.json"))
    report = pipeline.correlate(points, AnalyzeOptions(snapshots=snapshots))
    assert [one.code for one in drawn(report)] == ["host.firewall"]
    assert [one.used for one in report.snapshots] == [True]


def test_a_connection_names_what_explains_it() -> None:
    folder = LAB / "host.firewall-nft-drop"
    snapshots = (str(folder / "before.json"), str(folder / "host.json"))
    report = analyzed("host.firewall-nft-drop", "client", *snapshots)
    (connection,) = report.connections
    assert [report.findings[place].code for place in connection.findings] == ["host.firewall"]


def test_a_host_behind_a_nat_is_known_by_the_ends_that_its_own_side_shows(tmp_path: Path) -> None:
    folder = LAB / "tcp.connection_refused-points-virtual-address"
    truth = json.loads((folder / "truth.json").read_text())
    (together,) = [one["together"] for one in truth["captures"] if "together" in one]
    points = [
        CapturePoint(label, tuple(str(folder / file) for file in files))
        for label, files in together["points"].items()
    ]
    plain = pipeline.correlate(points, AnalyzeOptions())
    failed, *_ = [one for one in plain.connections if one.verdict.failed]
    behind, _, port = failed.seen_at[-1].responder.rpartition(":")
    assert behind != failed.responder.ip
    rule = {
        "id": "r", "family": "ip", "table": "filter", "chain": "INPUT", "hook": "input",
        "action": "reject", "destination_ports": [port], "protocol": "tcp",
    }  # fmt: skip
    # By the clock of its own side's capture.
    time = pipeline.analyze(points[-1].paths, AnalyzeOptions()).capture.last_time
    document = least(
        time=time,
        interfaces=[{"name": "eth0", "addresses": [f"{behind}/24"]}],
        firewall={"rules": [rule]},
        counters={"time": time, "rules": {"r": 1}},
    )
    options = AnalyzeOptions(snapshots=(written(tmp_path, document),))
    (finding,) = drawn(pipeline.correlate(points, options))
    assert finding.code == "host.firewall"
    assert failed.stream in finding.streams


def test_readings_right_after_the_capture_say_that_it_goes_on(tmp_path: Path) -> None:
    document = stored("host.firewall-nft-drop")
    document["earlier"] = json.loads(json.dumps(document["counters"]))
    (rule,) = document["counters"]["rules"].keys() & [
        name for name, packets in document["counters"]["rules"].items() if packets
    ]
    document["counters"]["rules"][rule] += 3
    document["counters"]["time"] = str(float(document["counters"]["time"]) + 10)
    (finding,) = drawn(analyzed("host.firewall-nft-drop", "client", written(tmp_path, document)))
    assert "(3 more within 10 s right after it)" in finding.detail
    assert finding.severity == "failure"


def test_what_was_counted_before_the_capture_is_nothing(tmp_path: Path) -> None:
    document = stored("host.firewall-nft-drop")
    early = str(float(document["time"]) - 30)
    document["time"] = document["counters"]["time"] = early
    report = analyzed("host.firewall-nft-drop", "client", written(tmp_path, document))
    assert drawn(report) == []
    assert report.snapshots[0].used


def test_a_rule_without_a_counter_is_named_where_all_else_says_that_it_is_the_one(
    tmp_path: Path,
) -> None:
    def uncounted(document: Json) -> None:
        not_counted(document)
        for rule in document["firewall"]["rules"]:
            rule["counted"] = False

    def partly(document: Json) -> None:
        uncounted(document)
        for rule in document["firewall"]["rules"]:
            rule["partly"] = True

    def general(document: Json) -> None:
        uncounted(document)
        for rule in document["firewall"]["rules"]:
            rule["destination_ports"] = []

    def late(document: Json) -> None:
        uncounted(document)
        an_hour_later(document)

    scenario = "host.firewall-nft-drop"
    (finding,) = drawn(changed(tmp_path, scenario, "client", uncounted))
    assert (finding.code, finding.severity) == ("host.firewall", "warning")
    assert "would drop these packets" in finding.title
    assert "it has no counter" in finding.detail
    for change in (partly, general, late):
        assert drawn(changed(tmp_path, scenario, "client", change)) == []


def test_a_port_at_which_nothing_listens(tmp_path: Path) -> None:
    def listening(address: str) -> Change:
        def change(document: Json) -> None:
            one = {"address": address, "port": 9000, "queue": 0, "limit": 8, "drops": 0, "pids": []}
            document["sockets"]["listeners"].append(one)

        return change

    def unread(document: Json) -> None:
        document["sockets"]["source"] = ""

    scenario = "tcp.connection_refused-snapshot-other-troubles"
    (finding,) = drawn(changed(tmp_path, scenario, "client", nothing))
    assert (finding.code, finding.severity) == ("host.not_listening", "failure")
    assert finding.title.endswith(":9000")
    assert "no listener of the host has that port" in finding.detail
    (finding,) = drawn(changed(tmp_path, scenario, "client", listening("127.0.0.1")))
    assert "has 127.0.0.1:9000 only" in finding.title
    assert "in place of 127.0.0.1" in finding.fixes[0]
    for change in (listening("0.0.0.0"), unread, an_hour_later):
        assert drawn(changed(tmp_path, scenario, "client", change)) == []


def test_a_killed_program_no_longer_listens(tmp_path: Path) -> None:
    report = changed(tmp_path, "host.out_of_memory-killed-server", "client", no_kills)
    assert [one.code for one in drawn(report)] == ["host.not_listening"]
