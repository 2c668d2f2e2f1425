"""Whole bundles: what is in them, and that they say what the originals say."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

import pcapdiag
from pcapdiag import pipeline
from pcapdiag.bundle import build, outputs, sanitising
from pcapdiag.bundle.build import make_bundle
from pcapdiag.bundle.log_format import format_of, renamed_format
from pcapdiag.bundle.own_file import replaced
from pcapdiag.bundle.request import Request
from pcapdiag.cli.main import cli
from pcapdiag.errors import ProofError, UsageError
from pcapdiag.host.load import encode_snapshot
from pcapdiag.logs import parse_source
from pcapdiag.model.logs import LogSource
from pcapdiag.model.options import AnalyzeOptions, CapturePoint, EndPattern
from pcapdiag.model.snapshot import HostIdentity, Interface, Route, Snapshot
from tests.bundle.make import KEY, PCAPS, REFUSED, bundle, capture_of, members, request
from tests.captures import stored

SCHEMA = json.loads((PCAPS.parents[1] / "docs" / "manifest.schema.json").read_text())
KINDS = [
    "tcp.reset_before_response-rotated-by-time/*_0*.pcap*",
    "dns.failure-envoy/proxy.pcap",
    "endpoint.down-killed-with-open/client.pcap",
    "grpc.error-envoy-unavailable/proxy.pcap",
    "health.check_failing-haproxy-too-slow/proxy.pcap",
    "http.local_reply-pcapng-two-interfaces/proxy.pcapng",
    "http.local_reply-nginx-refused/proxy.pcap",
    "http.truncated_response-chunk/client.pcap",
    "http2.goaway-envoy-internal-error/proxy.pcap",
    "icmp.unreachable-router-reject/client.pcap",
    "mtu.fragmentation_needed-v6-upload/client.pcapng",
    "path.loss-of-syns-too/client.pcap.gz",
    "protocol.missing_proxy_header-envoy/client.pcap",
    "protocol.tls_to_plaintext-smtp/client.pcap",
    "tcp.connection_refused-behind-dnat/router.pcap",
    "tcp.connection_refused-snaplen-64/*.pcap",
    "tcp.data_timeout-v6-after-firewall-change/client.pcap",
    "tcp.injected_reset-in-vxlan/*.pcap",
    "tcp.reset_in_response-ip-fragments/*.pcap.gz",
    "tcp.reset_in_response-super-segments/client.pcap.gz",
    "tls.alpn_mismatch-nginx/client.pcap",
    "tls.certificate_expired-curl/client.pcap",
    "tls.certificate_name_mismatch-envoy/proxy.pcap",
    "tls.no_shared_cipher-groups/client.pcap",
]


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts take a second each, and are the same whatever the capture is."""
    monkeypatch.setattr(outputs, "_charts", lambda _: iter(()))


@pytest.mark.usefixtures("no_charts")
@pytest.mark.parametrize("pattern", KINDS)
def test_it_says_what_the_original_says(pattern: str, tmp_path: Path) -> None:
    names = stored(pattern)
    original = pcapdiag.analyze(*(PCAPS / name for name in names))
    made = make_bundle(request(*names))
    found = members(made)
    jsonschema.validate(json.loads(found["manifest.json"]), SCHEMA)
    report = pcapdiag.analyze(capture_of(made, tmp_path))
    before = [c.verdict for c in original.connections if c.verdict.failed]
    after = [c.verdict for c in report.connections if c.verdict.failed]
    assert [(v.code, v.attribution.side, v.ended_by) for v in after] == [
        (v.code, v.attribution.side, v.ended_by) for v in before
    ]
    if original.topology.assumed:
        assert report.topology.assumed
    addresses = {e.ip for c in original.connections for e in (c.initiator, c.responder)}
    texts = b"".join(content for name, content in found.items() if name != "capture.pcapng")
    assert not [ip for ip in addresses if ip != "127.0.0.1" and ip.encode() in texts]


def test_what_is_in_it() -> None:
    made = bundle(REFUSED)
    found = members(made)
    assert [*found][:2] == ["README.md", "manifest.json"]
    assert {
        "capture.pcapng",
        "frames.csv",
        "report.html",
        "report.json",
        "report.txt",
        "summary.md",
        "charts/capture.png",
    } <= {*found}
    assert [name for name in found if name.startswith("charts/stream-")]
    listed = {one.name: one for one in made.manifest.members}
    assert {*listed, "manifest.json"} == {*found}
    for name, member in listed.items():
        assert member.sha256 == hashlib.sha256(found[name]).hexdigest()
        assert member.size == len(found[name])
        assert member.what


def test_the_manifest_tells_where_it_came_from() -> None:
    manifest = bundle(REFUSED).manifest
    (original,) = manifest.originals
    assert original.name == "capture-1.pcap"
    assert original.sha256 == hashlib.sha256((PCAPS / REFUSED).read_bytes()).hexdigest()
    assert manifest.sanitised
    assert manifest.time_zone == "UTC"
    assert manifest.proof.connections == 2
    assert manifest.proof.scanned == len(manifest.members) + 1
    before = pcapdiag.analyze(PCAPS / REFUSED)
    known = {c.stream: c for c in before.connections}
    for match in manifest.connections:
        assert known[match.original_stream].first_frame == match.original_first_frame
        assert known[match.original_stream].verdict.code == match.code


def test_the_command_in_it_gives_the_same_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bundle(REFUSED)
    for name, content in members(made).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    command = made.manifest.command.split()
    assert command[:3] == ["pcapdiag", "analyze", "capture.pcapng"]
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, [*command[1:], "--width", "100"])
    assert result.stdout == members(made)["report.txt"].decode()


@pytest.mark.needs(program="tshark capinfos")
@pytest.mark.parametrize("name", [REFUSED, "tls.alpn_mismatch-nginx/client.pcap"])
def test_tshark_opens_the_capture_without_a_warning(name: str, tmp_path: Path) -> None:
    path = capture_of(bundle(name), tmp_path)
    done = subprocess.run(
        ["tshark", "-r", path, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.severity"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert "warning" not in done.stderr.lower()
    assert "malformed" not in done.stdout.lower()
    about = subprocess.run(["capinfos", path], capture_output=True, check=True, text=True).stdout
    assert "THIS CAPTURE WAS ALTERED" in about
    assert "OS:" not in about
    assert "Hardware:" not in about


@pytest.mark.usefixtures("no_charts")
def test_the_same_key_gives_the_same_bytes_and_another_one_others() -> None:
    one, other = make_bundle(request(REFUSED)), make_bundle(request(REFUSED))
    assert one.content == other.content
    thrown_away = make_bundle(request(REFUSED, key=None))
    assert ends(thrown_away.report) != ends(one.report)
    assert "thrown away" in members(thrown_away)["README.md"].decode()


def ends(report: pcapdiag.model.report.Report) -> list[str]:
    return [connection.responder.ip for connection in report.connections]


@pytest.mark.usefixtures("no_charts")
def test_networks_are_kept_on_purpose() -> None:
    before = pcapdiag.analyze(PCAPS / REFUSED)
    kept = before.connections[0].responder.ip
    wish = replace(request(REFUSED), keep=(EndPattern.parse(kept).network,))
    made = make_bundle(wish)
    assert kept in ends(made.report)
    assert made.manifest.kept_networks == [f"{kept}/32"]


@pytest.mark.usefixtures("no_charts")
def test_not_sanitised_says_so_and_has_everything_as_it_was() -> None:
    made = make_bundle(request(REFUSED, sanitise=False))
    assert "NOT SANITISED" in members(made)["README.md"].decode()
    assert not made.manifest.sanitised
    assert made.manifest.originals[0].name == "proxy.pcap"
    assert ends(made.report) == ends(pcapdiag.analyze(PCAPS / REFUSED))


@pytest.mark.usefixtures("no_charts")
def test_secrets_stay_out_and_what_rested_on_them_is_marked() -> None:
    name = "grpc.error-inside-tls/proxy-keys.pcapng"
    made = make_bundle(request(name))
    capture = members(made)["capture.pcapng"]
    assert b"CLIENT_TRAFFIC_SECRET" not in capture
    assert b"CLIENT_RANDOM" not in capture
    keys = made.manifest.key_log
    assert keys.used
    assert [mark.with_keys.split(",")[0] for mark in keys.connections] == ["grpc.error"]
    assert "TLS secrets" in members(made)["README.md"].decode()


@pytest.mark.usefixtures("no_charts")
def test_filters_choose_what_it_is_about() -> None:
    options = AnalyzeOptions(streams=(3,))
    made = make_bundle(replace(request(REFUSED), options=options))
    assert {one.original_stream for one in made.manifest.connections} >= {3}
    with pytest.raises(UsageError, match="no connection that failed matches"):
        make_bundle(replace(request(REFUSED), options=AnalyzeOptions(streams=(0,))))


def test_nothing_failed() -> None:
    with pytest.raises(UsageError, match="nothing to escalate"):
        make_bundle(request("healthy-bulk-download-plain/client.pcap"))


@pytest.mark.usefixtures("no_charts")
def test_all_takes_healthy_ones_too() -> None:
    wish = request("healthy-100-continue/client.pcap.gz")
    made = make_bundle(replace(wish, options=AnalyzeOptions(all_connections=True)))
    assert made.manifest.capture.width == "implicated"
    assert made.manifest.capture.packets == made.manifest.capture.packets_of_originals
    assert "--all" in made.manifest.command


@pytest.mark.usefixtures("no_charts")
def test_names_come_along_renamed(tmp_path: Path) -> None:
    before = pcapdiag.analyze(PCAPS / REFUSED)
    address = before.connections[0].responder.ip
    names = tmp_path / "names"
    names.write_text(f"{address} payments.customer.example\n")
    wish = replace(request(REFUSED), options=AnalyzeOptions(names=str(names)))
    made = make_bundle(wish)
    told = members(made)["names.hosts"].decode()
    assert "payments" not in told
    assert "--names names.hosts" in made.manifest.command
    name = told.split()[1]
    assert name in members(made)["report.txt"].decode()


def test_a_broken_sanitizer_gives_no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports are evidence: with others the connections are not the same ones."""
    monkeypatch.setattr(sanitising, "replaced", lambda block, data: replaced(block, data[::-1]))
    with pytest.raises(ProofError, match="does not show the same as the original: stream"):
        make_bundle(request(REFUSED))


@pytest.mark.usefixtures("no_charts")
def test_an_original_that_is_left_gives_no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pcapdiag.analyze(PCAPS / REFUSED)
    left = before.connections[0].responder.ip
    told = outputs.outputs

    def telling(*arguments: object, **named: object) -> object:
        yield from told(*arguments, **named)  # type: ignore[arg-type]
        yield "notes.txt", f"see {left}".encode(), "forgotten"

    monkeypatch.setattr(build, "outputs", telling)
    with pytest.raises(ProofError, match=r"notes\.txt") as found:
        make_bundle(request(REFUSED))
    assert left not in str(found.value)


def test_keys_are_never_told() -> None:
    assert KEY.hex() not in repr(request(REFUSED))
    assert KEY.hex().encode() not in b"".join(members(bundle(REFUSED)).values())


@pytest.mark.usefixtures("no_charts")
@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("log-envoy-refused", "envoy=envoy.log"),
        ("log-envoy-json", "envoy=envoy.log"),
        ("log-nginx-many", "nginx=nginx-error.log"),
        ("log-haproxy-tls-client", "haproxy=haproxy.log"),
    ],
)
def test_lines_of_logs_come_along_renamed_and_are_tied_again(name: str, log: str) -> None:
    product, _, file = log.partition("=")
    source = parse_source(f"{product}={PCAPS / name / file}")
    wish = replace(request(f"{name}/proxy.pcap"), options=AnalyzeOptions(logs=(source,)))
    made = make_bundle(wish)
    (kept,) = made.manifest.logs
    assert kept.tied_here == kept.tied > 0
    assert 0 < kept.lines <= kept.lines_of_original
    assert f"--log {product}=logs/{product}-1.log" in made.manifest.command
    found = members(made)
    lines = found[kept.name].decode().splitlines()
    assert len(lines) == kept.lines
    original = (PCAPS / name / file).read_text().splitlines()
    assert not {*lines} & {*original}
    assert f"logs/{product}-1.log" in found["report.txt"].decode()
    assert not [n for n, content in found.items() if b"pcapdiag-bundle-" in content]


@pytest.mark.usefixtures("no_charts")
def test_the_state_of_a_host_comes_along_renamed(tmp_path: Path) -> None:
    name = "tcp.accept_queue_overflow-silent/client.pcap"
    before = pcapdiag.analyze(PCAPS / name)
    address = before.connections[0].responder.ip
    taken = before.capture.last_time
    assert taken
    snapshot = Snapshot(
        schema="pcapdiag-snapshot/1",
        time=taken,
        host=HostIdentity(name="payments-7.customer.example", kernel="6.1.0"),
        interfaces=[Interface(name="eth0", addresses=[f"{address}/24", "fe80::fc:ff:fe00:1/64"])],
        routes=[Route(to="fe80::/64", family=6)],
        settings={"net.core.somaxconn": "128", "net.ipv4.tcp_abort_on_overflow": "0"},
    )
    path = tmp_path / "host.json"
    path.write_text(encode_snapshot(snapshot))
    wish = replace(request(name), options=AnalyzeOptions(snapshots=(str(path),)))
    made = make_bundle(wish)
    found = members(made)
    told = found["snapshots/host-1.json"].decode()
    assert "payments" not in told
    assert "customer" not in told
    assert '"net.core.somaxconn": "128"' in told
    assert '"fe80::/64"' in told
    assert "--snapshot snapshots/host-1.json" in made.manifest.command
    assert made.report.snapshots[0].path == "snapshots/host-1.json"
    assert made.report.snapshots[0].addresses == [made.report.connections[0].responder.ip]
    assert not [n for n, content in found.items() if b"pcapdiag-bundle-" in content]


@pytest.mark.usefixtures("no_charts")
@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("http.local_reply-points-envoy-refused", ["client", "proxy", "upstream"]),
        ("tcp.injected_reset-points-behind-nat", ["client", "upstream"]),
    ],
)
def test_several_points_go_in_together(name: str, labels: list[str]) -> None:
    points = tuple(
        CapturePoint(label, (str(next((PCAPS / name).glob(f"{label}.pcap*"))),)) for label in labels
    )
    original = pipeline.correlate(points, AnalyzeOptions())
    made = make_bundle(replace(request(), points=points))
    found = members(made)
    assert {f"capture-{label}.pcapng" for label in labels} <= {*found}
    assert made.manifest.command.startswith(f"pcapdiag correlate {labels[0]}=capture-{labels[0]}")
    assert [one.label for one in made.report.points] == labels
    assert [one.of for one in made.manifest.clocks] == labels
    assert {one.point for one in made.manifest.originals} == {*labels}
    before = [c.verdict for c in original.connections if c.verdict.failed]
    after = [c.verdict for c in made.report.connections if c.verdict.failed]
    assert [(v.code, v.attribution.side) for v in after] == [
        (v.code, v.attribution.side) for v in before
    ]
    jsonschema.validate(json.loads(found["manifest.json"]), SCHEMA)


@pytest.mark.usefixtures("no_charts")
def test_hostile_texts_of_a_capture_do_no_harm(tmp_path: Path) -> None:
    hostile = (PCAPS / REFUSED).read_bytes().replace(b"/second", b"/=\x1b[1m|")
    path = tmp_path / "=cmd.pcap"
    path.write_bytes(hostile)
    wish = Request((str(path),), AnalyzeOptions(), sanitise=False)
    for name, content in members(make_bundle(wish)).items():
        if name != "capture.pcapng":
            assert b"\x1b" not in content, name
    rows = members(make_bundle(wish))["frames.csv"].decode().splitlines()
    assert all(field.isdigit() for row in rows[1:] for field in row.split(","))
    told = members(make_bundle(replace(wish, sanitise=True)))
    assert b"\x1b" not in told["report.txt"] + told["README.md"] + told["summary.md"]


@pytest.mark.usefixtures("no_charts")
@pytest.mark.parametrize("name", ["log-envoy-custom", "log-nginx-custom", "log-haproxy-custom"])
def test_a_log_in_a_format_of_its_own_is_read_again(name: str) -> None:
    said = json.loads((PCAPS / name / "truth.json").read_text())["logs"]
    form = next(one for one in said if one["form"])
    path = str(PCAPS / name / form["file"])
    source = LogSource(product=form["product"], path=path, form=form["form"])
    wish = replace(request(f"{name}/proxy.pcap"), options=AnalyzeOptions(logs=(source,)))
    (kept,) = make_bundle(wish).manifest.logs
    assert kept.tied_here == kept.tied > 0


def test_the_format_in_a_configuration_file_comes_along(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text("log_format acme 'acme=$remote_addr $status';\n")
    source = LogSource(product="nginx", path="access.log", form=str(path))
    form = format_of(source, f"acme in {path}")
    assert form == "acme=$remote_addr $status"
    assert renamed_format("nginx", form, str.upper) == "ACME=$remote_addr $status"
    json_form = '{"acme": "%RESPONSE_CODE% acme"}'
    assert renamed_format("envoy", json_form, str.upper) == '{"ACME": "%RESPONSE_CODE% ACME"}'
