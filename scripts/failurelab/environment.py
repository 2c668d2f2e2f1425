"""What a run of the lab needs on a new machine: installed when the first run asks for it.

Only the standard library is imported here: nothing else may be there yet.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-lab"
ENTERED = "FAILURELAB_ENTERED"
"""Set in a lab that runs in its own environment already."""

PACKAGES = {
    "tcpdump": "tcpdump",
    "tshark": "tshark",
    "dumpcap": "wireshark-common",
    "ip": "iproute2",
    "ethtool": "ethtool",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ping": "iputils-ping",
    "curl": "curl",
    "openssl": "openssl",
    "nginx": "nginx",
    "haproxy": "haproxy",
    "nghttpd": "nghttp2-server",
    "nghttp": "nghttp2-client",
    "h2load": "nghttp2-client",
    "node": "nodejs",
    "java": "default-jdk-headless",
    "tstclnt": "libnss3-tools",
    "psql": "postgresql-client",
    "pg_lsclusters": "postgresql",
    "mariadbd": "mariadb-server",
    "redis-server": "redis-server",
    "slapd": "slapd",
    "ldapsearch": "ldap-utils",
    "squid": "squid",
    "danted": "dante-server",
    "varnishd": "varnish",
    "apache2": "apache2",
    "caddy": "caddy",
    "lighttpd": "lighttpd",
    "rsync": "rsync",
    "vsftpd": "vsftpd",
    "dnsmasq": "dnsmasq-base",
    "dig": "bind9-dnsutils",
    "pasta": "passt",
    "slirp4netns": "slirp4netns",
    "stunnel4": "stunnel4",
}
"""Programs, and the Debian packages that have them."""
MODULES = ("click", "cryptography", "dpkt", "envoy", "grpc", "h2", "jsonschema", "msgspec", "scapy")


class SetupError(Exception):
    """Something is missing that cannot be installed from here."""


def enter(arguments: Sequence[str]) -> None:
    """Install what making captures needs; go on in the lab's own environment where one is needed.

    Returns in a process that has everything, or for commands that need nothing. Raises SetupError.
    """
    if arguments[:1] != ["run"]:
        return
    install_programs()
    if all(map(importlib.util.find_spec, MODULES)) or os.environ.get(ENTERED):
        return
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        make_environment(python)
    os.environ[ENTERED] = "1"
    os.execv(python, [str(python), *sys.argv])


def install_programs() -> None:
    """Install the Debian packages of programs that are missing; raises SetupError if it may not."""
    missing = sorted({PACKAGES[name] for name in PACKAGES if shutil.which(name) is None})
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SetupError(f"not installed, and only root on Debian can: {' '.join(missing)}")
    print(f"installing {' '.join(missing)}", file=sys.stderr)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
        done = subprocess.run(
            ["apt-get", *command], env=quiet, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SetupError(f"apt-get {command[0]} failed: {done.stderr.strip()[-300:]}")


def make_environment(python: Path) -> None:
    """Make .venv-lab with pcapdiag and the Python packages of the lab."""
    print(f"making {ENVIRONMENT.name}", file=sys.stderr)
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    wanted = f"{ROOT}[lab,test]"
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", wanted]
    if subprocess.run(pip, check=False).returncode:
        shutil.rmtree(ENVIRONMENT)
        raise SetupError("the Python packages of the lab could not be installed")
