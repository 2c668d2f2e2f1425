"""Mozilla's NSS as a TLS client: tstclnt, which may judge a certificate late."""

from __future__ import annotations

from failurelab.connections import Address
from failurelab.hosts import Host
from failurelab.lab import Lab


def tls_client(lab: Lab, host: Host, address: Address, name: str, version: str) -> str:
    """A client that trusts nobody and asks for nothing; `version` as in "tls1.2"."""
    lab.used("nss", "dpkg-query", "-W", "-f=${Version}", "libnss3-tools")
    store = f"sql:{lab.directory}"
    host.run(["certutil", "-N", "-d", store, "--empty-password"])
    where = ["-h", address[0], "-p", str(address[1]), "-a", name]
    return host.run(["tstclnt", *where, "-d", store, "-V", f"{version}:{version}"], check=False)
