"""What a snapshot holds of an Envoy on the host, as its admin interface says it."""

from __future__ import annotations

import msgspec

from pcapdiag.model.ends import join_port


class EnvoyHost(msgspec.Struct):
    """An endpoint of a cluster."""

    address: str
    port: int = 0
    healthy: bool = True
    flags: list[str] = []
    """``failed_active_health_check``, ``failed_outlier_check`` (ejected)..."""
    stats: dict[str, int] = {}

    @property
    def host_port(self) -> str:
        """Address and port as one word."""
        return join_port(self.address, self.port)


class EnvoyCluster(msgspec.Struct):
    """A cluster: its endpoints, limits and the counters that tell of failures."""

    name: str
    hosts: list[EnvoyHost] = []
    hosts_total: int = 0
    limits: dict[str, int] = {}
    """Circuit breakers of the default priority."""
    stats: dict[str, int] = {}
    """Without the zeros."""


class EnvoyListener(msgspec.Struct):
    """Where it listens."""

    name: str
    address: str = ""
    port: int = 0
    stats: dict[str, int] = {}


class EnvoyCertificate(msgspec.Struct):
    """A certificate that it uses."""

    subject_alt_names: list[str] = []
    not_after: str = ""
    days: int | None = None
    """Days until it ends, as Envoy says."""
    is_ca: bool = False


class Envoy(msgspec.Struct):
    """What Envoy's admin interface says. Its configuration is not read."""

    admin: str
    version: str = ""
    state: str = ""
    uptime: int | None = None
    """Seconds."""
    node: str = ""
    cluster: str = ""
    clusters: list[EnvoyCluster] = []
    listeners: list[EnvoyListener] = []
    certificates: list[EnvoyCertificate] = []
    stats: dict[str, int] = {}
    """Of the server itself."""
