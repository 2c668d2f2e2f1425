"""Envoy's lines: the formats that everybody has, Istio's over the years, and operators' own.

Lines that name a release or a repository's address are quoted from public reports and documentation:
istio/istio#48267, Istio's "Getting Envoy's access logs", envoyproxy/envoy's documentation.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.logs.reads import one, reading, utc

pytestmark = pytest.mark.once

DEFAULT = (
    '[2026-11-29T02:37:17.165Z] "GET /checkout HTTP/1.1" 503 UF 0 98 0 - "-" "curl/7.88.1" '
    '"335dd398-ec17" "shop.example:8080" "172.23.141.221:9000"'
)
OLD = (
    '[2024-05-29T02:46:11.488Z] "GET / HTTP/1.1" 503 UF upstream_reset_before_response_started'
    '{remote_connection_failure,delayed_connect_error:_111} - "delayed_connect_error:_111" 0 152 0 '
    '- "-" "curl/8.7.1" "b79e6275-8b8f" "xr-light:8001" "[2406:da24:8:c202:7327::5]:8001" '
    "inbound|8001|| - [2406:da24:8:c202:7327::5]:8001 [2406:da24:8:c200:6d38::17]:35780 "
    "outbound_.8001_._.xr-light.xrl-dev.svc.cluster.local default"
)


def test_the_default_format(tmp_path: Path) -> None:
    entry = one(tmp_path, "envoy", DEFAULT)
    assert (entry.time, entry.resolution) == (utc("2026-11-29T02:37:17.165+00:00"), 1_000_000)
    assert entry.begin
    assert entry.zoned
    assert entry.failed
    assert (entry.method, entry.target, entry.status) == ("GET", "/checkout", 503)
    assert (entry.flags, entry.upstreams) == (["UF"], [("172.23.141.221", 9000)])
    assert (entry.request_id, entry.host) == ("335dd398-ec17", "shop.example:8080")
    assert (entry.duration, entry.client, entry.numbers["sent"]) == (0, None, 98)


def test_istio_and_the_old_separator(tmp_path: Path) -> None:
    entry = one(tmp_path, "envoy", OLD)
    assert entry.reset_reason == "remote_connection_failure"
    assert entry.transport_failure == "delayed_connect_error:_111"
    assert entry.upstreams == [("2406:da24:8:c202:7327::5", 8001)]
    assert entry.client == ("2406:da24:8:c200:6d38::17", 35780)
    assert entry.listener == ("2406:da24:8:c202:7327::5", 8001)
    assert entry.upstream_local is None
    assert not entry.client_is_direct, "the PROXY protocol or a header may have said it"


def test_the_new_separator_gives_the_failure_where_the_field_is_missing(tmp_path: Path) -> None:
    line = (
        '[2026-11-29T02:37:17.165Z] "GET / HTTP/1.1" 503 UF upstream_reset_before_response_started'
        "{remote_connection_failure|TLS_error:|268435581:SSL_routines:TLS_error_end} 0 98 0 - "
        '"-" "curl" "id" "shop" "10.0.0.1:80"'
    )
    entry = one(tmp_path, "envoy", line)
    assert entry.reset_reason == "remote_connection_failure"
    assert entry.transport_failure == "TLS_error:|268435581:SSL_routines:TLS_error_end"


def test_older_istio_formats(tmp_path: Path) -> None:
    request = '[2020-03-01T10:00:00.000Z] "GET /x HTTP/1.1" 503 UC '
    rest = '0 95 4 - "10.1.1.1" "curl" "id" "web" "10.0.0.1:80"'
    end = " outbound|80||web 10.2.2.2:4000 10.3.3.3:80 10.4.4.4:5000 -"
    for line in (f'{request}"-" {rest}{end}', f'{request}"-" "-" {rest}{end} default'):
        entry = one(tmp_path, "envoy", line)
        assert entry.upstream_local == ("10.2.2.2", 4000)
        assert entry.client == ("10.4.4.4", 5000)
        assert entry.duration == 4_000_000


def test_a_tcp_proxys_line_fails_only_with_a_flag(tmp_path: Path) -> None:
    good = '[2026-11-29T02:38:10.280Z] "- - -" 0 - 0 12 1001 - "-" "-" "-" "-" "10.0.0.1:3306"'
    bad = good.replace(" 0 - 0", " 0 UF,URX 0")
    _, entries = reading(tmp_path, "envoy", [good, bad])
    assert [entry.failed for entry in entries] == [False, True]
    assert [entry.status for entry in entries] == [None, None]
    assert entries[1].flags == ["UF", "URX"]


@pytest.mark.parametrize(
    ("core", "failed"),
    [
        ("200 -", False),
        ("404 -", False),
        ("404 NR", True),
        ("0 DC", True),
        ("408 SI", True),
        ("200 UPE", True),
        ("504 UT", True),
        ("500 -", True),
        ("200 RFCF", False),
    ],
)
def test_what_a_failure_is(tmp_path: Path, core: str, failed: bool) -> None:
    assert one(tmp_path, "envoy", DEFAULT.replace("503 UF", core)).failed is failed


def test_a_request_that_was_tried_again_counts_as_a_failure(tmp_path: Path) -> None:
    form = "%START_TIME% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%"
    line = "2026-11-29T02:37:17.165Z 200 - 3"
    entry = one(tmp_path, "envoy", line, form)
    assert entry.failed
    assert entry.numbers["retries"] == 2


CUSTOM = (
    "%START_TIME(%Y/%m/%d %H:%M:%S.%3f)% conn=%CONNECTION_ID%/%UPSTREAM_CONNECTION_ID% "
    "from=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% to=%UPSTREAM_REMOTE_ADDRESS% xff=%REQ(X-FORWARDED-FOR)% "
    'via=%UPSTREAM_LOCAL_ADDRESS% "%REQ(:METHOD)% %REQ(:PATH):40%" %RESPONSE_CODE% '
    '%RESPONSE_FLAGS_LONG% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %DYNAMIC_METADATA(a.b:c)% %%'
)


def test_a_custom_format(tmp_path: Path) -> None:
    line = (
        "2026/11/29 02:37:26.069 conn=2/0 from=100.95.33.62:32878 to=10.0.0.1:80 xff=10.9.9.9 via=- "
        '"GET /a" 503 UpstreamConnectionFailure,UpstreamRetryLimitExceeded '
        '"TLS error: 268435581, with, commas | and "quotes"" {"x": 1} %'
    )
    entry = one(tmp_path, "envoy", line, CUSTOM)
    assert entry.time == utc("2026-11-29T02:37:26.069+00:00")
    assert (entry.connection, entry.upstream_connection) == ("2", None)
    assert entry.client == ("100.95.33.62", 32878)
    assert entry.client_is_direct
    assert entry.flags == ["UF", "URX"]
    assert entry.transport_failure == 'TLS error: 268435581, with, commas | and "quotes"'


def test_addresses_without_port_take_the_port_beside_them(tmp_path: Path) -> None:
    form = (
        "%START_TIME(%s.%6f)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%:%DOWNSTREAM_REMOTE_PORT% "
        "%UPSTREAM_HOSTS_ATTEMPTED% %RESPONSE_CODE%"
    )
    line = "1795919846.500000 2001:db8::7:4444 10.0.0.1:80,10.0.0.2:80 502"
    entry = one(tmp_path, "envoy", line, form)
    assert (entry.time, entry.resolution) == (1_795_919_846_500_000_000, 1000)
    assert entry.client == ("2001:db8::7", 4444)
    assert entry.upstreams == [("10.0.0.1", 80), ("10.0.0.2", 80)]


def test_a_formats_beginning_is_better_than_nothing(tmp_path: Path) -> None:
    line = '[2026-11-29T02:37:17.165Z] "GET /a HTTP/2" 503 UH something of their own'
    log, entries = reading(tmp_path, "envoy", [line])
    assert entries[0].flags == ["UH"]
    assert "only the beginning" in log.notes[0]
    assert "--log" in log.notes[0]


def test_the_proxys_log_about_itself_is_no_unread_line(tmp_path: Path) -> None:
    own = "[2026-11-29 02:33:31.144][2980][warning][main] [source/server/server.cc:1059] There is"
    log, entries = reading(tmp_path, "envoy", [own, DEFAULT, own])
    assert len(entries) == 1
    assert log.unread == 0
    assert log.notes == ["2 lines of the proxy's log about itself"]


def test_brief_reading_leaves_out_only_what_did_not_fail(tmp_path: Path) -> None:
    from pcapdiag.logs import parse_source, read_log

    good = DEFAULT.replace("503 UF", "200 -")
    reading(tmp_path, "envoy", [good, good, DEFAULT, DEFAULT.replace("503 UF", "200 UPE")])
    entries = list(read_log(parse_source(f"envoy={tmp_path}/envoy.log"), brief=True))
    assert [entry.failed for entry in entries] == [False, False, True, True]
    assert len({entry.time for entry in entries}) == 1
    assert entries[1].upstreams == []
    assert entries[3].upstreams == [("172.23.141.221", 9000)]


def test_brief_reading_of_json_sees_every_failure(tmp_path: Path) -> None:
    import json

    from pcapdiag.logs import parse_source, read_log

    good = {"start_time": "2026-11-29T02:37:17.165Z", "method": "GET", "response_code": 200}
    said = [
        good,
        good,
        {**good, "response_code": 503},
        {**good, "response_flags": "-"},
        {**good, "response_flags": "UF"},
        {"response_code": 200, "method": "GET", "start_time": "2026-11-29T02:37:17.165Z"},
        {**good, "response_code": [503]},
        {**good, "start_time": {"a": 1}},
    ]
    reading(tmp_path, "envoy", [json.dumps(one) for one in said])
    path = f"envoy={tmp_path}/envoy.log"
    brief, whole = (list(read_log(parse_source(path), brief=b)) for b in (True, False))
    assert [e.failed for e in brief] == [e.failed for e in whole]
    assert [e.time for e in brief] == [e.time for e in whole]
    assert [e.failed for e in brief] == [False, False, True, False, True, False]


@pytest.mark.parametrize(
    ("said", "status", "failed"),
    [
        ("Unavailable", 14, True),
        ("DEADLINE_EXCEEDED", 4, True),
        ("13", 13, True),
        ("NotFound", 5, False),
        ("Canceled", 1, False),
        ("InvalidCode", None, False),
        ("OK", 0, False),
        ("-", None, False),
    ],
)
def test_a_grpc_status_is_read_as_name_and_number(
    tmp_path: Path, said: str, status: int | None, failed: bool
) -> None:
    for operator in ("GRPC_STATUS(CAMEL_STRING)", "GRPC_STATUS_NUMBER", "TRAILER(grpc-status)"):
        form = f"[%START_TIME%] %REQ(:PATH)% %RESPONSE_CODE% %{operator}%"
        line = f"[2026-11-29T08:26:02.089Z] /shop.Cart/Get 200 {said}"
        entry = one(tmp_path, "envoy", line, form)
        assert (entry.grpc_status, entry.failed) == (status, failed)
    line = (
        '{"start_time":"2026-11-29T08:26:02.089Z","response_code":200,"path":"/shop.Cart/Get",'
        f'"grpc_status":"{said}"}}'
    )
    entry = one(tmp_path, "envoy", line)
    assert (entry.grpc_status, entry.failed) == (status, failed)


def test_a_question_for_the_other_reflection_service_is_no_failure(tmp_path: Path) -> None:
    form = "[%START_TIME%] %REQ(:PATH)% %GRPC_STATUS%"
    path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    line = f"[2026-11-29T08:26:02.089Z] {path} Unimplemented"
    assert not one(tmp_path, "envoy", line, form).failed
