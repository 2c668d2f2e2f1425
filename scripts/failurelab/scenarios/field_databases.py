"""Databases and directories: servers that speak first, TLS that begins in mid-connection."""

from __future__ import annotations

import signal

from failurelab import behaviours
from failurelab.lab import Lab
from failurelab.programs import databases
from failurelab.registry import scenario


@scenario(
    "healthy-postgres-tls",
    "PostgreSQL asked for TLS, queries inside it, a good end",
    layers=("tls",),
)
def postgres_tls(lab: Lab) -> None:
    """psql sends SSLRequest, goes on with TLS, asks twice and leaves."""
    databases.postgres(lab, lab.upstream)
    databases.psql(lab.client, lab.upstream.ip, "sslmode=require", "select 1;", "select 2;")
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 5432))


@scenario(
    "healthy-postgres-cancel",
    "PostgreSQL's cancel: a connection that the server closes without a word",
)
def postgres_cancel(lab: Lab) -> None:
    """A client sends nothing but CancelRequest (16 bytes); PostgreSQL closes, as it should."""
    databases.postgres(lab, lab.upstream)
    connection = lab.client.connect((lab.upstream.ip, 5432))
    connection.send(bytes.fromhex("00000010 04d2162e 00000001 00000002")).receive_all()
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)


@scenario(
    "healthy-mariadb-tls",
    "MariaDB greets, the client goes on with TLS at once, and quits inside it",
    layers=("tls",),
)
def mariadb_tls(lab: Lab) -> None:
    """The client asks for TLS and sends its ClientHello in the same turn; COM_QUIT ends it."""
    databases.mariadb(lab, lab.upstream)
    said = databases.mysql(lab.client, lab.upstream.ip, "select 'worked'", "--ssl")
    if "worked" not in said:
        raise RuntimeError(said)
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 3306))


@scenario(
    "healthy-ldap-starttls",
    "LDAP, StartTLS in mid-connection, a search inside it",
    layers=("tls",),
)
def ldap_starttls(lab: Lab) -> None:
    """ldapsearch asks OpenLDAP for StartTLS and reads its root entry."""
    databases.ldap(lab, lab.upstream)
    target = ["-x", "-ZZ", "-H", f"ldap://{lab.upstream.ip}", "-b", "", "-s", "base"]
    lab.client.run(["env", "LDAPTLS_REQCERT=never", "ldapsearch", *target])
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 389))


@scenario(
    "tls.certificate_untrusted-postgres",
    "A PostgreSQL client that does not know the server's authority",
    layers=("tls",),
)
def postgres_untrusted(lab: Lab) -> None:
    """psql with sslmode=verify-ca and another root; SSLRequest comes before the ClientHello."""
    databases.postgres(lab, lab.upstream)
    root = "sslrootcert=/etc/ssl/certs/ca-certificates.crt"
    databases.psql(lab.client, lab.upstream.ip, f"sslmode=verify-ca {root}", "select 1;")
    lab.sleep(0.2)
    lab.judge(lab.leg(lab.upstream, 5432), "tls.certificate_untrusted", "initiator")


@scenario(
    "tls.certificate_untrusted-mariadb",
    "A MariaDB client that does not know the server's authority",
    layers=("tls",),
)
def mariadb_untrusted(lab: Lab) -> None:
    """The client verifies the server's certificate by another root."""
    databases.mariadb(lab, lab.upstream)
    options = ["--ssl-verify-server-cert", "--ssl-ca=/etc/ssl/certs/ca-certificates.crt"]
    databases.mysql(lab.client, lab.upstream.ip, "select 1", *options)
    lab.sleep(0.2)
    lab.judge(lab.leg(lab.upstream, 3306), "tls.certificate_untrusted", "initiator")


@scenario(
    "tcp.stale_connection-postgres-idle-session",
    "A query in TLS on a session that PostgreSQL had ended for idleness",
    layers=("tls",),
)
def postgres_idle(lab: Lab) -> None:
    """idle_session_timeout is 1.5 s; the client asks again after 4 s."""
    databases.postgres(lab, lab.upstream)
    limit = "set idle_session_timeout = '1.5s';"
    where = lab.upstream.ip
    databases.psql(lab.client, where, "sslmode=require", limit, "select 1;", pause=4)
    lab.sleep(0.2)
    lab.judge(lab.leg(lab.upstream, 5432), "tcp.stale_connection", "responder")


@scenario(
    "tls.handshake_timeout-redis-stopped",
    "Redis over TLS hangs: its host takes the ClientHello, nobody answers",
    layers=("tls",),
)
def redis_stopped(lab: Lab) -> None:
    """redis-server is stopped by a signal; the client leaves after 3.3 s."""
    server = databases.redis(lab, lab.upstream, tls=True)
    server.popen.send_signal(signal.SIGSTOP)
    lab.at_end(lambda: server.popen.send_signal(signal.SIGCONT))
    target = ["-h", lab.upstream.ip, "--tls", "--insecure", "get", "cart"]
    lab.client.run(["timeout", "3.3", "redis-cli", *target], check=False)
    lab.sleep(0.2)
    lab.judge(lab.leg(lab.upstream, 6379), "tls.handshake_timeout", "responder")


@scenario(
    "tcp.closed_before_response-redis-killed",
    "Redis is killed while a blocking call waits",
)
def redis_killed(lab: Lab) -> None:
    """BLPOP waits; redis-server gets SIGKILL after a second, its kernel sends FIN."""
    server = databases.redis(lab, lab.upstream)
    connection = lab.client.connect((lab.upstream.ip, 6379))
    connection.send(b"PING\r\n").receive_until(b"\r\n")
    connection.send(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n")
    lab.sleep(1)
    server.popen.kill()
    connection.receive_all()
    connection.close()
    lab.judge(connection, "tcp.closed_before_response", "responder")


@scenario(
    "http.malformed_response-mariadb",
    "HTTP to MariaDB, which greets in its own protocol",
    layers=("http",),
)
def http_to_mariadb(lab: Lab) -> None:
    """A client sends GET to port 3306 and reads MariaDB's greeting and error."""
    databases.mariadb(lab, lab.upstream)
    connection = lab.client.connect((lab.upstream.ip, 3306))
    connection.send(behaviours.get("/", "shop.example")).receive_all()
    connection.close()
    lab.sleep(0.2)
    lab.judge(connection, "http.malformed_response", "responder")


@scenario(
    "http.malformed_response-h2-redis",
    "HTTP/2 with prior knowledge to a Redis port: text where frames belong",
)
def http2_to_redis(lab: Lab) -> None:
    """curl sends the HTTP/2 preface to Redis, which answers -ERR; curl says GOAWAY."""
    databases.redis(lab, lab.upstream)
    lab.used("curl")
    lab.client.curl("--http2-prior-knowledge", f"http://{lab.upstream.ip}:6379/cart")
    lab.sleep(0.1)
    lab.judge(lab.leg(lab.upstream, 6379), "http.malformed_response", "responder")


@scenario(
    "healthy-redis-shutdown",
    "Redis is told to shut down: it ends without a word, as it should",
)
def redis_shutdown(lab: Lab) -> None:
    """A client sends SHUTDOWN NOSAVE as its first command on one connection and reads to the end;
    another one, idle after its PING, is closed by FIN at the same time.
    """
    databases.redis(lab, lab.upstream)
    idle = lab.client.connect((lab.upstream.ip, 6379))
    idle.send(b"PING\r\n").receive_until(b"\r\n")
    connection = lab.client.connect((lab.upstream.ip, 6379))
    connection.send(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n").receive_all()
    idle.receive_all(1)
    for each in (connection, idle):
        each.close()
        lab.healthy(each)
    lab.sleep(0.3)


@scenario(
    "tcp.reset_before_request-mariadb-login-limit",
    "MariaDB resets a client that says nothing after its greeting",
)
def mariadb_login_limit(lab: Lab) -> None:
    """A client reads the greeting and keeps silent; connect_timeout ends it after 10 s by RST."""
    databases.mariadb(lab, lab.upstream)
    databases.mysql(lab.client, lab.upstream.ip, "select 1", "--skip-ssl")
    connection = lab.client.connect((lab.upstream.ip, 3306))
    connection.receive(10)
    connection.receive_all(14)
    lab.sleep(0.2)
    lab.judge(
        connection,
        ["tcp.reset_before_request", "tcp.idle_reset"],
        ["responder", "initiator", "unknown"],
        ended_by=["responder"],
    )
