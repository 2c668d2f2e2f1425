"""PostgreSQL, MariaDB, Redis and OpenLDAP, each with a fresh store of its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from failurelab.certs import Certificate
from failurelab.hosts import Host, Process
from failurelab.lab import Lab

NAME = "db.example"


def _store(lab: Lab, owner: str) -> Path:
    """A directory that this user owns and reaches; the run's own is root's."""
    path = Path(tempfile.mkdtemp(prefix="failurelab-store-"))
    shutil.chown(path, owner)
    lab.at_end(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


def _owned(files: Certificate, store: Path, owner: str) -> tuple[Path, Path]:
    """Copies of a certificate and its key that this user may read, and nobody else."""
    made = store / "server.pem", store / "server.key"
    for source, target in zip((files.cert, files.key), made, strict=True):
        shutil.copy(source, target)
        shutil.chown(target, owner)
        target.chmod(0o600)
    return made


def postgres(lab: Lab, host: Host, port: int = 5432, **settings: str) -> Process:
    """PostgreSQL that trusts everybody and has TLS."""
    lab.used("postgres", "psql", "--version")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    store = _store(lab, "postgres")
    cert, key = _owned(lab.authority.issue(NAME), store, "postgres")
    run_as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data = str(store / "data")
    host.run([*run_as, str(programs / "initdb"), "-D", data, "-A", "trust", "-N"], timeout=60)
    (store / "data" / "pg_hba.conf").write_text("host all all all trust\n")
    options = {
        "listen_addresses": "*",
        "port": str(port),
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": str(cert),
        "ssl_key_file": str(key),
        **settings,
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return host.spawn([*run_as, str(programs / "postgres"), "-D", data, *words], port=port)


def psql(host: Host, address: str, setting: str, *statements: str, pause: float = 0) -> str:
    """psql with a connection string; it waits so long between the statements."""
    typed = f"sleep {pause}; ".join(f'echo "{text}"; ' for text in statements)
    target = f"host={address} user=postgres dbname=postgres {setting}"
    return host.run(["sh", "-c", f'({typed}) | psql -X -q "{target}"'], check=False)


def mariadb(lab: Lab, host: Host, port: int = 3306) -> Process:
    """MariaDB with TLS, and a user ``shop`` without a password."""
    lab.used("mariadb", "mariadbd", "--version")
    store = _store(lab, "root")
    cert, key = _owned(lab.authority.issue(NAME), store, "root")
    data = f"--datadir={store / 'data'}"
    host.run(["mariadb-install-db", "--no-defaults", "--user=root", data], timeout=60)
    users = store / "users.sql"
    users.write_text("create user shop;\ngrant all on *.* to shop;\n")
    words = ["--no-defaults", "--user=root", data, f"--socket={store / 'socket'}"]
    words += [f"--port={port}", "--bind-address=*", f"--init-file={users}"]
    return host.spawn(["mariadbd", *words, f"--ssl-cert={cert}", f"--ssl-key={key}"], port=port)


def mysql(host: Host, address: str, statements: str, *options: str) -> str:
    """MariaDB's client."""
    words = ["mariadb", "--no-defaults", "-h", address, "-u", "shop", *options, "-e", statements]
    return host.run(words, check=False)


def redis(lab: Lab, host: Host, port: int = 6379, *, tls: bool = False) -> Process:
    """Redis, in clear text or over TLS only."""
    lab.used("redis", "redis-server", "--version")
    words = ["redis-server", "--bind", "*", "--protected-mode", "no", "--save", ""]
    if not tls:
        return host.spawn([*words, "--port", str(port)], port=port)
    files = lab.authority.issue(NAME)
    words += ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    words += ["--tls-cert-file", str(files.cert), "--tls-key-file", str(files.key)]
    return host.spawn([*words, "--tls-ca-cert-file", str(lab.authority.cert)], port=port)


def ldap(lab: Lab, host: Host, port: int = 389) -> Process:
    """OpenLDAP with its root entry alone, and StartTLS."""
    lab.used("slapd", "ldapsearch", "-VV")
    files = lab.authority.issue(NAME)
    text = f"TLSCertificateFile {files.cert}\nTLSCertificateKeyFile {files.key}\n"
    settings = lab.file("slapd.conf", f"include /etc/ldap/schema/core.schema\n{text}")
    words = ["slapd", "-d", "0", "-f", str(settings), "-h", f"ldap://{host.ip}:{port}"]
    return host.spawn(words, port=port)
