"""``pcapdiag annotate`` as a user and Wireshark meet it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import pcapdiag
from pcapdiag.cli.main import cli
from pcapdiag.model.report import Report
from tests.capture.build import Read
from tests.capture.writing.parse import SECTION, of_kind
from tests.captures import FIXTURES

PCAPS = FIXTURES / "pcaps"
REFUSED = PCAPS / "tcp.connection_refused-nginx-upstream-down" / "proxy.pcapng"
KEYS = PCAPS / "grpc.error-inside-tls" / "proxy-keys.pcapng"
KINDS = [
    "capture-pcapng-router/router.pcapng",
    "http.local_reply-pcapng-two-interfaces/proxy.pcapng",
    "capture-nanoseconds/client.pcap",
    "capture-gzip/upstream.pcapng.gz",
    "capture-rotated-by-packets/client_0*.pcap",
    "capture-rotated-ring/client_0*.pcap.gz",
    "capture-slight-disorder/*.pcap.gz",
    "capture-killed/*.pcap",
    "grpc.error-inside-tls/proxy-keys.pcapng",
    "tcp.injected_reset-pcapng/client.pcapng",
]


def annotate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["annotate", *map(str, arguments)])


def program(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return done.stdout


def verdicts(report: Report) -> list[object]:
    return [
        (c.stream, c.verdict.code, c.verdict.frames, c.verdict.confidence, c.verdict.attribution)
        for c in report.connections
    ]


@pytest.mark.needs(program="tshark capinfos")
@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_is_the_capture_and_its_comments_are_seen(kind: str, tmp_path: Path) -> None:
    paths = sorted(PCAPS.glob(kind))
    assert paths
    out = tmp_path / "out.pcapng"
    result = annotate(*paths, "-o", out)
    report = pcapdiag.analyze(*paths)
    assert result.exit_code == (1 if report.summary.failed else 0), result.output
    before, after = Read(*paths), Read(out)
    assert after.in_capture_order == before.in_capture_order
    assert after.lengths == before.lengths
    assert verdicts(pcapdiag.analyze(out)) == verdicts(report)
    fields = program(
        "tshark", "-r", out, "-Y", "frame.comment", "-T", "fields",
        "-e", "frame.number", "-e", "tcp.stream", "-e", "frame.comment",
    )  # fmt: skip
    shown = {line.split("\t")[0]: line.split("\t")[1:] for line in fields.splitlines()}
    assert f"{len(shown)} with comments" in result.output
    for connection in report.connections:
        if connection.verdict.failed:
            stream, text = shown[str(max(connection.verdict.frames))]
            assert f"pcapdiag: FAILED {connection.verdict.code} " in text
            assert f"(stream {connection.stream}" in text
            assert stream.split(",")[0] == str(connection.stream)
    told = program("capinfos", "-c", "-I", "-k", out)
    assert f"Number of packets:   {len(before.frames)}\n" in program("capinfos", "-Mc", out)
    assert "Capture comment:     pcapdiag: " in told


@pytest.mark.needs(program="editcap")
def test_editcap_makes_the_same_of_the_copy_as_of_the_capture(tmp_path: Path) -> None:
    """Nothing failed in it, so that only the section has a comment."""
    capture = PCAPS / "tcp.stale_connection-points-virtual-address-expired" / "upstream.pcapng"
    out, given, copied = tmp_path / "out.pcapng", tmp_path / "given", tmp_path / "copied"
    assert "0 with comments" in annotate(capture, "-o", out).stdout
    for source, target in ((capture, given), (out, copied)):
        program("editcap", "--discard-capture-comment", "-F", "pcapng", source, target)
    assert given.read_bytes() == copied.read_bytes()


@pytest.mark.needs(program="tshark")
def test_wireshark_shows_the_verdict_above_the_frame(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    annotate(REFUSED, "-o", out)
    details = program("tshark", "-r", out, "-Y", "frame.number == 11", "-V")
    head = details.partition("Frame 11:")[0]
    assert head.startswith("Packet comments\n    pcapdiag: FAILED tcp.connection_refused 0.99: ")
    assert "Expert Info (Comment/Comment): pcapdiag: WHO the upstream" in head


def test_it_says_what_was_written(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    result = annotate(REFUSED, "-o", out)
    assert result.stdout == f"{out}: 28 frames, 10 with comments; 4 of 4 connections failed\n"
    assert result.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.pcapng"]


def test_filters_choose_what_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    result = annotate(REFUSED, "--stream", "1", "-o", out)
    assert "28 frames, 2 with comments; 1 of 1 connection failed" in result.stdout


def test_annotated_again_it_has_the_new_comments_alone(tmp_path: Path) -> None:
    once, again = tmp_path / "once.pcapng", tmp_path / "again.pcapng"
    annotate(REFUSED, "-o", once)
    annotate(once, "-o", again)
    assert again.read_bytes() == once.read_bytes()


def test_to_standard_output_goes_the_capture_alone() -> None:
    result = annotate(REFUSED, "-o", "-")
    assert result.exit_code == 1
    assert len(of_kind(result.stdout_bytes, SECTION)) == 1
    assert len(of_kind(result.stdout_bytes, 6)) == 28


def test_secrets_stay_unless_told_to_drop_them(tmp_path: Path) -> None:
    kept, dropped = tmp_path / "kept", tmp_path / "dropped"
    annotate(KEYS, "-o", kept)
    result = annotate(KEYS, "--drop-secrets", "-o", dropped)
    assert "block of TLS secrets left out" in result.stdout
    assert b"_TRAFFIC_SECRET" in kept.read_bytes()
    assert b"_TRAFFIC_SECRET" not in dropped.read_bytes()


def test_secrets_of_a_key_log_are_never_written(tmp_path: Path) -> None:
    (secrets, *_) = of_kind(KEYS.read_bytes(), 10)
    log, out = tmp_path / "keys.log", tmp_path / "out.pcapng"
    log.write_bytes(secrets.raw[16:-4].rstrip(b"\0"))
    bare = tmp_path / "bare.pcapng"
    annotate(KEYS, "--drop-secrets", "-o", bare)
    result = annotate(bare, "--keylog", log, "-o", out)
    assert result.exit_code == 1
    assert b"grpc.error" in out.read_bytes(), "they were used"
    assert b"_TRAFFIC_SECRET" not in out.read_bytes()


def test_a_capture_that_is_cut_is_copied_up_to_there(tmp_path: Path) -> None:
    cut, out = tmp_path / "cut.pcapng", tmp_path / "out.pcapng"
    cut.write_bytes(REFUSED.read_bytes()[:2000])
    result = annotate(cut, "-o", out)
    assert "cut.pcapng: damaged at byte" in result.stderr
    assert Read(out).in_capture_order == Read(cut).in_capture_order
    (section,) = of_kind(out.read_bytes(), SECTION)
    assert "Copied up to there: cut.pcapng is damaged at byte" in section.comments[0]


@pytest.mark.parametrize("again", ["capture.pcapng", "link", "hard", "sub/../capture.pcapng"])
def test_a_capture_is_not_replaced(again: str, tmp_path: Path) -> None:
    capture = tmp_path / "capture.pcapng"
    capture.write_bytes(REFUSED.read_bytes())
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(capture)
    os.link(capture, tmp_path / "hard")
    result = annotate(capture, "-o", tmp_path / again)
    assert result.exit_code == 2
    assert "is one of the captures" in result.stderr
    assert capture.read_bytes() == REFUSED.read_bytes()


def test_what_cannot_be_read_twice_is_refused(tmp_path: Path) -> None:
    out, pipe = tmp_path / "out.pcapng", tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, name in (("-", "standard input"), (pipe, str(pipe))):
        result = annotate(path, "-o", out)
        assert result.exit_code == 2
        assert result.stderr == f"pcapdiag: {name} cannot be read twice: write it to a file first\n"
    assert not out.exists()


def test_wrong_use_leaves_no_file(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    text = tmp_path / "text"
    text.write_text("not a capture")
    assert annotate(REFUSED).exit_code == 2
    assert annotate("-o", out).exit_code == 2
    assert annotate(text, "-o", out).exit_code == 2
    assert annotate(tmp_path / "none", "-o", out).exit_code == 2
    assert annotate(REFUSED, "-o", tmp_path / "no" / "folder").exit_code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text"]


def test_an_older_file_stays_when_something_goes_wrong(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    out.write_text("old")
    full = "/dev/full"
    assert annotate(REFUSED, "-o", full).exit_code == 3
    assert annotate(tmp_path / "none", "-o", out).exit_code == 2
    assert out.read_text() == "old"
    assert annotate(REFUSED, "-o", out).exit_code == 1
    assert len(Read(out).frames) == 28
