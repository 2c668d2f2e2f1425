"""What Envoy's admin interface says: a recorded one, and ones that misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pcapdiag.errors import UsageError
from pcapdiag.host import envoy
from pcapdiag.host.envoy import check_admin, read_envoy
from pcapdiag.host.kernel import Reading
from pcapdiag.model.snapshot_envoy import Envoy
from tests.host.make import stored

pytestmark = pytest.mark.once

HOST = {
    "address": {"socket_address": {"address": "10.0.2.7", "port_value": 9000}},
    "stats": [{"name": "cx_total", "value": "2", "type": "COUNTER"}, {"name": "rq_error"}],
    "health_status": {"failed_outlier_check": True, "eds_health_status": "HEALTHY"},
}
ANSWERS: dict[str, object] = {
    "/server_info": {
        "version": "9e5580/1.40.0/Clean/RELEASE/BoringSSL",
        "state": "LIVE",
        "uptime_current_epoch": "3600s",
        "node": {"id": "sidecar~10.0.0.1", "cluster": "shop", "metadata": {"token": "s3cret"}},
        "command_line_options": {"config_yaml": "s3cret"},
    },
    "/clusters": {
        "cluster_statuses": [
            {
                "name": "up",
                "host_statuses": [{**HOST, "health_status": {"eds_health_status": "HEALTHY"}}, HOST],
                "circuit_breakers": {"thresholds": [{"priority": "DEFAULT", "max_requests": 7}]},
            }
        ]
    },
    "/listeners": {
        "listener_statuses": [
            {"name": "in", "local_address": HOST["address"]},
        ]
    },
    "/certs": {
        "certificates": [
            {
                "cert_chain": [
                    {
                        "subject_alt_names": [{"dns": "shop.example"}],
                        "days_until_expiration": "3",
                        "expiration_time": "2026-01-01T00:00:00Z",
                    }
                ],
                "ca_cert": [],
            }
        ]
    },
    "/stats": {
        "stats": [
            {"name": "cluster.up.upstream_rq_pending_overflow", "value": 4},
            {"name": "cluster.up.upstream_cx_rx_bytes_total", "value": 9},
            {"name": "cluster.gone.upstream_rq_timeout", "value": 4},
            {"name": "listener.10.0.2.7_9000.downstream_cx_overflow", "value": 2},
            {"name": "server.live", "value": 1},
            {"name": "cluster.up.membership_healthy", "value": 0},
        ]
    },
}  # fmt: skip

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()


def give(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.end_headers()
    handler.wfile.write(body)


def recorded(handler: BaseHTTPRequestHandler) -> None:
    give(handler, json.dumps(ANSWERS[handler.path.partition("?")[0]]).encode())


def read(answer: Answer) -> tuple[Envoy | None, Reading, list[str]]:
    reading = Reading()
    with serving(answer) as (url, asked):
        return read_envoy(url, reading), reading, asked


def test_a_recorded_answer() -> None:
    told, reading, asked = read(recorded)
    assert told is not None
    assert (told.version, told.state, told.uptime) == ("1.40.0", "LIVE", 3600)
    (cluster,) = told.clusters
    assert [host.healthy for host in cluster.hosts] == [False, True]
    assert cluster.hosts[0].flags == ["failed_outlier_check"]
    assert cluster.hosts[0].stats == {"cx_total": 2}
    assert cluster.limits == {"max_requests": 7}
    assert cluster.stats == {"upstream_rq_pending_overflow": 4}
    assert told.listeners[0].stats == {"downstream_cx_overflow": 2}
    assert told.certificates[0].days == 3
    assert reading.unread == []
    assert not any("config_dump" in path for path in asked)


def test_secrets_are_not_taken() -> None:
    told, _, _ = read(recorded)
    assert "s3cret" not in str(told)


def test_a_real_envoy_s_answer_of_the_lab() -> None:
    (cluster,) = stored("host.envoy_cluster-ejected")["envoy"]["clusters"]
    assert cluster["hosts"][0]["flags"] == ["failed_outlier_check"]
    assert cluster["stats"]["outlier_detection.ejections_active"] == 1


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda handler: give(handler, b"no", 404), "status 404"),
        (lambda handler: give(handler, b"<html>"), "no JSON object"),
        (lambda handler: give(handler, b"[1]"), "no JSON object"),
        (lambda handler: give(handler, b"[" * 100_000), "no JSON object"),
        (hang_up, "127.0.0.1"),
    ],
)
def test_what_is_no_envoy_is_noted(answer: Answer, says: str) -> None:
    told, reading, _ = read(answer)
    assert told is None
    (missing,) = reading.unread
    assert says in missing.reason


@pytest.mark.parametrize("members", [{}, {"cluster_statuses": [3, {"host_statuses": "x"}]}])
def test_members_of_another_form_are_passed_over(members: dict[str, object]) -> None:
    odd = {"stats": [{"name": 3, "value": "9" * 400}], "certificates": [[]], **members}
    told, _, _ = read(lambda handler: give(handler, json.dumps(odd).encode()))
    assert told is not None


def test_one_that_is_slow_or_has_no_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envoy, "MAX_ANSWER", 1_000)
    told, reading, _ = read(lambda handler: give(handler, b" " * 5_000))
    assert told is None
    assert "more than" in reading.unread[0].reason
    monkeypatch.setattr(envoy, "MAX_SECONDS", 0.2)
    done = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        done.wait(3)

    told, reading, _ = read(wait)
    done.set()
    assert told is None
    assert "timed out" in reading.unread[0].reason


@pytest.mark.parametrize(
    "url",
    ["", "15000", "https://127.0.0.1:15000", "http://a:b@127.0.0.1:1", "http://h:99999", "file:///x"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="as http://127"):
        check_admin(url)


def test_addresses() -> None:
    assert check_admin("127.0.0.1:15000") == ("127.0.0.1", 15000)
    assert check_admin("http://[::1]:9901/") == ("::1", 9901)
