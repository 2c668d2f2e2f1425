"""Servers that mean harm: endless, slow, huge, with escape codes. The probe ends in time and says so."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from failurelab.certs import Authority
from pcapdiag.probe import budget
from pcapdiag.probe.connection import CHUNK
from pcapdiag.report.layout import Page
from pcapdiag.report.probe import render_probe_json, render_probe_text
from tests.probe.servers import ask, check, code, over_tls, say, serving, tls_context

pytestmark = pytest.mark.once

ESCAPES = b"\x1b]0;owned\x07\x1b[2J\xe2\x80\xae\r\n"


def printed(report: object) -> str:
    text = "\n".join(render_probe_text(report, Page(100)))  # type: ignore[arg-type]
    return text + render_probe_json(report)  # type: ignore[arg-type]


def is_harmless(text: str) -> bool:
    return all(char == "\n" or char.isprintable() for char in text)


def endless(data: bytes) -> object:
    def talk(connection: socket.socket) -> None:
        while True:
            connection.sendall(data)

    return talk


def drip(connection: socket.socket) -> None:
    """A byte every now and then, for ever."""
    with suppress(OSError):
        while True:
            connection.sendall(b"\x16")
            time.sleep(0.05)


@pytest.mark.parametrize("options", [{}, {"tls": True}, {"tls": False, "http_path": "/"}])
def test_an_endless_banner(options: dict[str, object]) -> None:
    with serving(endless(ESCAPES * 1000)) as server:  # type: ignore[arg-type]
        report = ask(server.target, **options)
    assert is_harmless(printed(report))
    assert all(one.facts.cut or one.name == "dns" for one in report.checks)


def test_no_more_is_read_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapdiag.probe.connection.MAX_READ", 10_000)
    with serving(endless(b"x" * 1000)) as server:  # type: ignore[arg-type]
        report = ask(server.target, tls=False)
    steps = check(report, "tcp").steps
    assert check(report, "tcp").facts.cut
    assert len(steps) < 10
    assert CHUNK < 20_000


@pytest.mark.parametrize("options", [{"tls": True}, {"tls": False, "http_path": "/"}])
def test_a_drip_does_not_hold_it(options: dict[str, object]) -> None:
    with serving(drip) as server:
        report = ask(server.target, **options)
    assert report.status == "failed"
    assert report.duration < 10


def test_huge_headers() -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + b"".join(
        b"x-%d: %s\r\n" % (n, b"y" * 900) for n in range(500)
    )
    with serving(say(answer + b"set-cookie: id=hunter2\r\n\r\n")) as server:
        report = ask(server.target, tls=False, http_path="/")
    text = printed(report)
    assert is_harmless(text)
    assert "hunter2" not in text
    assert len(text) < 50_000


def test_secrets_are_masked() -> None:
    answer = b"HTTP/1.1 302 Found\r\nset-cookie: sid=hunter2\r\nserver: x\r\n\r\n"
    with serving(say(answer)) as server:
        report = ask(server.target, tls=False, http_path="/login?token=hunter2")
    assert "hunter2" not in printed(report)
    assert check(report, "http").facts.http_status == 302


def test_escape_codes_in_a_certificate(tmp_path: Path) -> None:
    evil = Authority(tmp_path, "\x1b[2J\u202eevil").issue("\x1b]0;owned\x07", "127.0.0.1")
    with serving(over_tls(tls_context(evil))) as server:
        report = ask(server.target, tls=True)
    assert code(check(report, "tls")) == "tls.certificate_untrusted"
    assert is_harmless(printed(report))


def test_the_client_key_is_never_shown(authority: Authority) -> None:
    mine = authority.issue("client", client=True)
    ca = str(authority.cert)
    with serving(over_tls(tls_context(authority.issue("127.0.0.1"), client_ca=ca))) as server:
        report = ask(server.target, ca=ca, client_cert=str(mine.cert), client_key=str(mine.key))
    text = printed(report)
    lines = [line for line in Path(mine.key).read_text().splitlines() if "-----" not in line]
    assert lines
    assert not any(line in text for line in lines)


def test_no_secret_is_left_behind(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The TLS secrets went through a pipe: every descriptor of the probe is closed again."""
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with serving(over_tls(tls_context(authority.issue("127.0.0.1")))) as server:
        ask(server.target, ca=str(authority.cert))
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


def test_few_connections(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_CONNECTIONS", 3)
    with serving(over_tls(tls_context(authority.issue("127.0.0.1")))) as server:
        report = ask(server.target, ca=str(authority.cert))
        assert server.accepted == 3
    skipped = [one for one in report.checks if one.status == "skipped"]
    assert skipped
    assert all("limit of 3 connections" in one.says for one in skipped)


def test_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_SECONDS", 0.5)
    with serving(lambda one: [one.recv(4096), one.recv(1)]) as server:
        report = ask(server.target, tls=True, http_path="/", timeout=30.0)
    assert report.duration < 5
    assert report.checks[-1].status == "skipped"
