"""HAProxy's lines; the examples of its manual's chapter 8.2 among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.logs.reads import one, reading, utc

pytestmark = pytest.mark.once

HTTP = (
    "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - "
    '---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"'
)


def test_httplog(tmp_path: Path) -> None:
    entry = one(tmp_path, "haproxy", HTTP)
    assert (entry.time, entry.resolution) == (utc("2009-02-06T12:14:14.655+00:00"), 1_000_000)
    assert (entry.begin, entry.zoned, entry.failed) == (True, False, False)
    assert (entry.client, entry.upstream_name) == (("10.0.1.2", 33317), "static/srv1")
    assert (entry.status, entry.flags, entry.duration) == (200, [], 109_000_000)
    assert (entry.method, entry.target) == ("GET", "/index.html")
    assert entry.numbers["connect"] == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("state", "status", "flags", "failed"),
    [
        ("SC--", 503, ["SC"], True),
        ("sH--", 504, ["sH"], True),
        ("CD--", 200, ["CD"], True),
        ("LR--", 302, ["LR"], False),
        ("--VN", 200, [], False),
        ("----", 500, [], True),
        ("CH--", -1, ["CH"], True),
    ],
)
def test_termination_states(
    tmp_path: Path, state: str, status: int, flags: list[str], failed: bool
) -> None:
    line = HTTP.replace("----", state).replace(" 200 ", f" {status} ")
    entry = one(tmp_path, "haproxy", line)
    assert (entry.flags, entry.failed) == (flags, failed)
    assert entry.status == (status if status > 0 else None)


def test_phases_that_were_not_reached(tmp_path: Path) -> None:
    line = HTTP.replace("10/0/30/69/109 200", "295/-1/-1/-1/+295 503").replace(
        "1/0 0/0", "1/+3 0/0"
    )
    entry = one(tmp_path, "haproxy", line.replace("static/srv1", "varnish/<NOSRV>"))
    assert (entry.numbers["connect"], entry.numbers["queue"]) == (-1, -1)
    assert (entry.numbers["retries"], entry.duration) == (3, 295_000_000)
    assert entry.upstream_name == "varnish/<NOSRV>"
    assert entry.failed


def test_a_request_that_it_could_not_read_is_none(tmp_path: Path) -> None:
    line = HTTP.partition('"')[0] + '"<BADREQ>"'
    entry = one(tmp_path, "haproxy", line.replace("----", "cR--").replace(" 200 ", " 408 "))
    assert (entry.method, entry.target, entry.status) == (None, None, 408)


def test_a_client_that_came_by_ipv6(tmp_path: Path) -> None:
    line = HTTP.replace("10.0.1.2:33317", "::ffff:10.206.3.157:41826")
    assert one(tmp_path, "haproxy", line).client == ("10.206.3.157", 41826)
    line = HTTP.replace("10.0.1.2:33317", "2001:db8::2:41826")
    assert one(tmp_path, "haproxy", line).client == ("2001:db8::2", 41826)


def test_tcplog(tmp_path: Path) -> None:
    line = "10.0.1.2:33313 [06/Feb/2009:12:12:51.443] fnt bck/srv1 0/0/5007 212 sD 0/0/0/0/3 0/0"
    log, (entry,) = reading(tmp_path, "haproxy", [line])
    assert log.form == "HAProxy tcplog"
    assert (entry.flags, entry.duration, entry.status) == (["sD"], 5_007_000_000, None)


def test_httpslog_and_clf(tmp_path: Path) -> None:
    https = HTTP.replace("http-in", "in~") + " 0/0000000/0/0/0 shop.example/TLSv1.3/TLS_AES"
    clf = (
        '10.0.1.2 - - [06/Feb/2009:12:14:14 +0000] "GET /index.html HTTP/1.1" 503 217 "" "" 33317 '
        '655 "in" "static" "srv1" 0 0 -1 -1 3 SC-- 1 1 0 0 3 0 0 "" "" '
    )
    log, entries = reading(tmp_path, "haproxy", [https, clf])
    assert log.form.split(", ") == ["HAProxy httpslog", "HAProxy httplog clf"]
    assert entries[0].target == "/index.html"
    assert (entries[1].status, entries[1].flags) == (503, ["SC"])
    assert (entries[1].upstream_name, entries[1].numbers["retries"]) == ("static/srv1", 3)
    assert entries[1].client == ("10.0.1.2", 33317)


def test_a_line_that_was_cut(tmp_path: Path) -> None:
    entry = one(tmp_path, "haproxy", HTTP.removesuffix('HTTP/1.1"') + "x" * 200)
    assert entry.target is not None
    assert entry.target.startswith("/index.html")


def test_other_lines(tmp_path: Path) -> None:
    prefix = "<133>Nov 29 02:17:42 lb1 haproxy[1]: "
    lines = [
        "10.0.0.1:5000 [29/Nov/2026:02:17:42.123] fe/1: SSL handshake failure",
        prefix + 'Server be/s1 is DOWN, reason: Layer4 connection problem, info: "refused"',
        prefix + "Server be/s1 is UP, reason: Layer4 check passed",
        prefix + "Connect from 10.0.0.1:5001 to 10.0.0.2:80 (fe/HTTP)",
        prefix + "backend be has no server available!",
        "[NOTICE]   (1) : New worker (2) forked",
    ]
    log, entries = reading(tmp_path, "haproxy", lines)
    assert [entry.failed for entry in entries] == [True, True, False, False, True]
    assert entries[0].client == ("10.0.0.1", 5000)
    assert entries[1].upstream_name == "be/s1"
    assert (entries[3].kind, entries[3].listener) == ("access", ("10.0.0.2", 80))
    assert (log.kind, log.unread) == ("mixed", 0)


def test_a_custom_format_with_both_sides(tmp_path: Path) -> None:
    form = '%ci:%cp -> %bi:%bp -> %si:%sp [%tr] %ft %b/%s st=%ST state=%tsc %{+Q}r "%[src]"'
    line = (
        "::ffff:100.70.6.164:34108 -> 192.168.102.80:40444 -> 100.117.143.62:9002 "
        '[29/Nov/2026:02:38:18.490] in out/one st=502 state=SH-- "GET /items HTTP/1.1" "x"'
    )
    entry = one(tmp_path, "haproxy", line, form)
    assert entry.client == ("100.70.6.164", 34108)
    assert entry.upstream_local == ("192.168.102.80", 40444)
    assert entry.upstreams == [("100.117.143.62", 9002)]
    assert (entry.flags, entry.target) == (["SH"], "/items")


def test_an_error_log_format(tmp_path: Path) -> None:
    form = "%ci:%cp [%t] %ft err=%[fc_err] %[fc_err_str]"
    line = "10.0.0.1:49490 [29/Nov/2026:02:57:02.321] tcps~ err=34 SSL handshake failure"
    log, (entry,) = reading(tmp_path, "haproxy", [line], form)
    assert (log.kind, entry.failed) == ("error", True)
    assert entry.message == "SSL handshake failure"


def test_json_of_a_program_is_none_of_haproxys(tmp_path: Path) -> None:
    other = '{"level":"info","ts":1795919846.5,"msg":"hello","caller":"main.go:20"}'
    log, entries = reading(tmp_path, "haproxy", [HTTP, other, other])
    assert (len(entries), log.unread) == (1, 2)


def test_json(tmp_path: Path) -> None:
    form = "%{+json}o %(time)tr %(client)ci %(peer_port)cp %(st)ST %(why)ts %(b)b %(s)s %(url)HU"
    line = (
        '{"time": "29/Nov/2026:02:38:18.490", "client": "10.0.0.1", "peer_port": 5000, "st": 503,'
        ' "why": "SC", "b": "out", "s": "one", "url": "/a"}'
    )
    entry = one(tmp_path, "haproxy", line, form)
    assert (entry.client, entry.flags, entry.upstream_name) == (
        ("10.0.0.1", 5000),
        ["SC"],
        "out/one",
    )
    guess = line.replace('"st"', '"status_code"').replace('"why"', '"termination_state"')
    assert one(tmp_path, "haproxy", guess).flags == ["SC"]
