"""Databases and queues: what a server says of itself, and requests that wait for an event."""

from __future__ import annotations

import signal

from failurelab.lab import Lab
from failurelab.programs import databases
from failurelab.registry import scenario

PROXY_V2 = "0d0a0d0a000d0a515549540a 21 11 000c 0a000001 0a000002 0fa0 0cea"
"""A PROXY header, version 2, of a TCP connection over IPv4 (proxy-protocol.txt section 2.2)."""


@scenario(
    "healthy-redis-worker-stopped",
    "A worker that is stopped while it waits for a job in Redis",
)
def worker_stopped(lab: Lab) -> None:
    """BLPOP without a time limit; the worker gets SIGTERM after 3 s, its kernel sends FIN."""
    databases.redis(lab, lab.upstream)
    waiting = ["redis-cli", "-h", lab.upstream.ip, "blpop", "jobs", "0"]
    lab.client.run(["timeout", "3", *waiting], check=False)
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 6379))


@scenario(
    "tcp.closed_before_request-postgres-full",
    "PostgreSQL has no connection free, and says so in place of a session",
)
def postgres_full(lab: Lab) -> None:
    """max_connections is 2: two sessions work, the third is told FATAL 53300."""
    databases.postgres(
        lab,
        lab.upstream,
        max_connections="2",
        superuser_reserved_connections="0",
        max_wal_senders="0",
    )
    where, clear = lab.upstream.ip, "sslmode=disable"
    sleeping = ["psql", "-X", "-q", f"host={where} user=postgres dbname=postgres {clear}"]
    for _ in range(2):
        lab.client.spawn([*sleeping, "-c", "select pg_sleep(1.5)"])
    lab.sleep(0.7)
    databases.psql(lab.client, where, clear, "select 1;")
    lab.sleep(1.5)
    for number in range(2):
        lab.healthy(lab.leg(lab.upstream, 5432, number))
    lab.judge(lab.leg(lab.upstream, 5432, 2), "tcp.closed_before_request", "responder")


@scenario(
    "tcp.closed_before_response-postgres-stopped",
    "PostgreSQL is stopped while a query runs: its last word is no answer",
)
def postgres_stopped(lab: Lab) -> None:
    """A fast shutdown (SIGINT) after a second; the session is told FATAL 57P01, and FIN."""
    server = databases.postgres(lab, lab.upstream)
    target = f"host={lab.upstream.ip} user=postgres dbname=postgres sslmode=disable"
    lab.client.spawn(["psql", "-X", "-q", target, "-c", "select pg_sleep(9)"])
    lab.sleep(1)
    server.popen.send_signal(signal.SIGINT)
    lab.sleep(0.5)
    lab.judge(lab.leg(lab.upstream, 5432), "tcp.closed_before_response", "responder")


@scenario(
    "protocol.tls_to_plaintext-redis-silence",
    "TLS to a plain Redis, which waits for the end of a command",
    layers=("tls",),
)
def tls_to_redis(lab: Lab) -> None:
    """Two plain calls work; openssl's ClientHello is taken in silence until it leaves after 3 s."""
    databases.redis(lab, lab.upstream)
    for _ in range(2):
        lab.client.run(["redis-cli", "-h", lab.upstream.ip, "get", "cart"])
    hello = ["openssl", "s_client", "-connect", f"{lab.upstream.ip}:6379"]
    lab.client.run(["timeout", "3", *hello], check=False)
    lab.sleep(0.2)
    for number in range(2):
        lab.healthy(lab.leg(lab.upstream, 6379, number))
    lab.judge(lab.leg(lab.upstream, 6379, 2), "protocol.tls_to_plaintext", "responder")


@scenario(
    "protocol.unexpected_proxy_header-mariadb",
    "A PROXY header to MariaDB, which greets first and then refuses it by name",
)
def mariadb_header(lab: Lab) -> None:
    """proxy_protocol_networks is empty; the client sends a header and reads the error."""
    databases.mariadb(lab, lab.upstream)
    databases.mysql(lab.client, lab.upstream.ip, "select 1", "--skip-ssl")
    connection = lab.client.connect((lab.upstream.ip, 3306))
    connection.send(bytes.fromhex(PROXY_V2)).receive_all()
    connection.close()
    lab.sleep(0.2)
    lab.judge(connection, "protocol.unexpected_proxy_header", "responder")
