from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pcapdiag.cli.main import cli

pytestmark = pytest.mark.once


def explained(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["explain", *arguments])


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("tcp.stale_connection", "tcp.stale_connection  "),
        ("TCP.Stale_Connection", "tcp.stale_connection  "),
        ("stale_conn", "tcp.stale_connection  "),
        ("tls.expired", "tls.certificate_expired  "),
        ("black hole", "mtu.black_hole  "),
        ("ok", "ok  "),
        ("capture.partial", "capture.partial  "),
        ("endpoint", "FINDINGS  "),
        ("tls", "VERDICTS  "),
        ("UF", "Envoy response flag UF"),
        ("CD", "HAProxy termination state CD:"),
        ("104: Connection reset by peer", "NGINX error log"),
    ],
)
def test_words_lead_to_a_page_or_a_list(words: str, first: str) -> None:
    result = explained(words)
    assert result.exit_code == 0
    assert result.output.startswith(first)


def test_without_a_code_all_are_listed() -> None:
    result = explained()
    assert result.exit_code == 0
    assert "tcp.connection_refused" in result.output
    assert "FINDINGS" in result.output


def test_words_need_no_quotes() -> None:
    together = explained("remote", "connection", "failure")
    assert together.output == explained("remote connection failure").output


def test_one_code_behind_a_proxys_words_is_told_at_once() -> None:
    lines = explained("no", "healthy", "upstream").output.splitlines()
    assert lines[0] == "Envoy had no endpoint in use"
    lines = explained("reset reason: overflow").output.splitlines()
    assert lines[:2] == [
        'Envoy reset reason "overflow":',
        "http.overflow  A circuit breaker or pool limit of the proxy was reached.",
    ]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("tcp.conection_refused", "did you mean tcp.connection_refused"),
        ("conection_refused", "tcp.connection_refused"),
        ("refused", "did you mean tcp.connection_refused, socks.refused or http2.refused_stream?"),
        ("tls.certificate", "tls.certificate_name_mismatch"),
        ("zzz", "pcapdiag explain lists all codes"),
    ],
)
def test_what_is_unknown_is_wrong_use_with_what_is_near(words: str, hint: str) -> None:
    result = explained(words)
    assert result.exit_code == 2
    assert hint in " ".join(result.output.split())


def test_it_goes_into_a_file_and_keeps_the_width(tmp_path: Path) -> None:
    target = tmp_path / "page.txt"
    assert explained("path.mtu", "-o", str(target), "--width", "60").exit_code == 0
    lines = target.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("path.mtu  ")
    assert max(map(len, lines)) <= 60


def test_a_shell_completes_codes() -> None:
    result = CliRunner().invoke(
        cli,
        prog_name="pcapdiag",
        env={
            "_PCAPDIAG_COMPLETE": "bash_complete",
            "COMP_WORDS": "pcapdiag explain tls.cert",
            "COMP_CWORD": "2",
        },
    )
    assert "plain,tls.certificate_expired" in result.output
