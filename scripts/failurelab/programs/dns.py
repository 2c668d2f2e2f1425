"""DNS servers, and programs that ask them: each with a resolv.conf of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_PEER = Path(__file__).resolve().parent.parent / "dns_peer.py"
_BIND = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


class Zone:
    """dnsmasq with a hosts file that can be changed while it runs.

    What is not in it does not exist; without `knows_all` there is nobody to ask: REFUSED.
    """

    def __init__(self, lab: Lab, host: Host, ttl: int = 2, knows_all: bool = True) -> None:
        lab.used("dnsmasq")
        self.ip = host.ip
        self._file = lab.file(f"zone-{host.name}", "")
        words = ["dnsmasq", "-k", "-C", "/dev/null", "--user=root", "--pid-file", "--no-hosts"]
        words += ["--no-resolv", f"--local-ttl={ttl}", f"--addn-hosts={self._file}"]
        words += ["--local=/#/"] if knows_all else []
        words += ["--bind-interfaces", f"--listen-address={host.ip}"]
        self.process = host.spawn(words, port=53)

    def set(self, *records: tuple[str, str]) -> None:
        """Have exactly these (address, name)."""
        self._file.write_text("".join(f"{address} {name}\n" for address, name in records))
        self.process.popen.send_signal(1)
        Lab.sleep(0.3)


def peer(lab: Lab, host: Host, names: Mapping[str, object]) -> Process:
    """A small server over UDP and TCP; what it does with each name is in dns_peer.py."""
    rules = lab.file(f"dns-{host.name}.json", json.dumps(names))
    return host.spawn([sys.executable, "-u", str(_PEER), host.ip, str(rules)], port=53)


def resolving(
    lab: Lab, host: Host, settings: str, command: Sequence[str], timeout: float = 60
) -> str:
    """Run a program that finds these lines in /etc/resolv.conf."""
    file = lab.file(f"resolv-{host.name}", settings)
    words = ["unshare", "-m", "sh", "-c", _BIND, str(file), *command]
    return host.run(words, check=False, timeout=timeout)


def start_resolving(
    lab: Lab, host: Host, settings: str, command: Sequence[str], port: int
) -> Process:
    """Start such a program, and wait until it listens."""
    file = lab.file(f"resolv-{host.name}-daemon", settings)
    return host.spawn(["unshare", "-m", "sh", "-c", _BIND, str(file), *command], port=port)


def curl(lab: Lab, host: Host, settings: str, url: str, *options: str) -> str:
    """Run curl with this resolv.conf."""
    lab.used("curl")
    command = ["curl", "-s", "-S", "--max-time", "20", *options, url]
    return resolving(lab, host, settings, command)
