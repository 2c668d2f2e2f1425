"""What carries a proxy's lines: pods' logs, containers', syslog, the journal; and its times."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.logs.reads import one, reading, utc

pytestmark = pytest.mark.once

ENVOY = (
    '[2026-11-29T02:37:17.165Z] "GET /checkout HTTP/1.1" 503 UF 0 98 0 - "-" "curl/7.88.1" '
    '"335dd398-ec17" "shop.example:8080" "172.23.141.221:9000"'
)
NGINX = (
    "2026/11/29 02:38:32 [error] 7#7: *3 connect() failed (111: Connection refused) while connecting"
    ' to upstream, client: 10.0.0.1, server: _, request: "GET / HTTP/1.1", upstream: '
    '"http://10.0.1.1:9001/", host: "shop"'
)
HAPROXY = (
    "10.0.1.2:33317 [29/Nov/2026:02:38:32.655] http-in out/srv1 10/0/-1/-1/109 503 217 - - "
    'SC-- 1/1/1/1/0 0/0 "GET /index.html HTTP/1.1"'
)
LINES = {"envoy": ENVOY, "nginx": NGINX, "haproxy": HAPROXY}
PREFIXES = {
    "kubectl --timestamps": "2026-11-29T02:38:33.123456789Z ",
    "kubectl --prefix": "[pod/gateway-6f/proxy] ",
    "kubectl, both": "[pod/gateway-6f/proxy] 2026-11-29T02:38:33.123456789Z ",
    "stern": "gateway-6f-abc proxy ",
    "stern, in colour": "\x1b[36mgateway-6f-abc\x1b[0m \x1b[32mproxy\x1b[0m ",
    "CRI": "2026-11-29T02:38:33.123456789Z stdout F ",
    "docker compose": "proxy-1         | ",
    "docker compose -t": "proxy-1         | 2026-11-29T02:38:33.123456789Z ",
    "RFC 3164": "<134>Nov 29 02:38:33 lb1 haproxy[14389]: ",
    "RFC 3164 without host": "<134>Nov 29 02:38:33 haproxy[14389]: ",
    "the program in brackets": "<134>Nov 29 02:38:33 [HAPROXY][3241]: ",
    "rsyslog's file": "Nov  9 02:38:33 lb1 haproxy[14389]: ",
    "rsyslog's file, ISO": "2026-11-29T03:38:33.123456+01:00 lb1 haproxy[14389]: ",
    "RFC 5424": "<134>1 2026-11-29T02:38:33.945357+00:00 lb1 haproxy 26911 - - ",
    "RFC 5424 with data": '<134>1 2026-11-29T02:38:33Z - haproxy - ID47 [e@1 a="b"][f@2 c="d"] ',
    "journalctl": "Nov 29 02:38:33 lb1 nginx[812]: ",
    "journalctl -o short-iso": "2026-11-29T02:38:33+0000 lb1 nginx[812]: ",
    "a program's own": "2019-04-11 22:22:39.657 localhost haproxy [pid:28229]info  ",
}


@pytest.mark.parametrize("product", LINES)
@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_what_stands_before_a_line_is_taken_off(tmp_path: Path, product: str, prefix: str) -> None:
    line = LINES[product]
    log, entries = reading(tmp_path, product, [prefix + line, prefix + line, line])
    assert (len(entries), log.unread) == (3, 0)
    assert entries[0].failed
    bare = entries[2]
    for entry in entries[:2]:
        assert (entry.status, entry.message, entry.client) == (
            bare.status,
            bare.message,
            bare.client,
        )


@pytest.mark.parametrize("product", LINES)
def test_json_around_a_line(tmp_path: Path, product: str) -> None:
    docker = {"log": LINES[product] + "\n", "stream": "stdout", "time": "2026-11-29T02:38:33.5Z"}
    journal = {"MESSAGE": LINES[product], "__REALTIME_TIMESTAMP": "1795919913500000", "_PID": "1"}
    lines = [json.dumps(docker), json.dumps(journal)]
    log, entries = reading(tmp_path, product, lines)
    assert (len(entries), log.unread) == (2, 0)
    assert all(entry.zoned for entry in entries)


def test_a_local_time_gets_its_zone_from_what_carried_it(tmp_path: Path) -> None:
    local = HAPROXY.replace("02:38:32", "08:08:32")
    entry = one(tmp_path, "haproxy", "2026-11-29T02:38:33.1Z " + local)
    assert entry.zoned
    assert entry.time == utc("2026-11-29T02:38:32.655+00:00")
    late = one(tmp_path, "haproxy", "2026-11-29T02:31:10.1Z " + local)
    assert not late.zoned, "no zone is seven minutes off"


def test_a_time_without_a_year_is_not_after_the_file(tmp_path: Path) -> None:
    line = "Dec 31 23:59:59 lb1 haproxy[1]: Server be/s1 is DOWN, reason: Layer4 timeout"
    path = tmp_path / "haproxy.log"
    reading(tmp_path, "haproxy", [line])
    os.utime(path, (utc("2027-01-02T00:00:00+00:00") / 1e9,) * 2)
    from pcapdiag.logs import parse_source, read_log

    (entry,) = read_log(parse_source(f"haproxy={path}"))
    assert entry.time == utc("2026-12-31T23:59:59+00:00")
    assert not entry.zoned


def test_a_line_without_any_time_is_not_read(tmp_path: Path) -> None:
    lines = ["Server be/s1 is DOWN, reason: Layer4 timeout", HAPROXY]
    log, entries = reading(tmp_path, "haproxy", lines)
    assert (len(entries), log.unread) == (1, 1)


def test_a_format_without_time_takes_the_carriers(tmp_path: Path) -> None:
    form = "%REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS%"
    entry = one(tmp_path, "envoy", "2026-11-29T02:38:33.5Z GET 503 UH", form)
    assert (entry.flags, entry.begin) == (["UH"], False)
    assert entry.time == utc("2026-11-29T02:38:33.5+00:00")
