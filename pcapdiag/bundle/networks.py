"""Networks by their new names: what is in one is in it still."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from pcapdiag.sanitize.renamer import Renamer

if TYPE_CHECKING:
    from pcapdiag.model.options import Network


def renamed_network(network: Network, renamer: Renamer) -> Network:
    """Return the network in which the images of a network's addresses are.

    The address that it is named by is no host's: the scan does not look for it, because every
    address of the network may begin so (``fe80::``).
    """
    packed = network.network_address.packed
    known = packed in renamer.originals.addresses
    image = ipaddress.ip_address(renamer.address(packed))
    if not known and network.prefixlen < network.max_prefixlen:
        renamer.originals.addresses.pop(packed, None)
    return ipaddress.ip_network(f"{image}/{network.prefixlen}", strict=False)


def network_in(text: str) -> Network | None:
    """Return the network that a text is, as ``10.0.0.0/24``; None for a host's address."""
    if "/" not in text:
        return None
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    return network if network.prefixlen < network.max_prefixlen else None
