"""The vendors that ``--for`` knows, in one list."""

from __future__ import annotations

from pcapdiag.bundle.vendors.aws import AWS
from pcapdiag.bundle.vendors.azure import AZURE
from pcapdiag.bundle.vendors.cloudflare import CLOUDFLARE
from pcapdiag.bundle.vendors.gcp import GCP
from pcapdiag.bundle.vendors.generic import GENERIC
from pcapdiag.bundle.vendors.istio import ENVOY, ISTIO
from pcapdiag.bundle.vendors.vendor import Vendor

_ALL = (GENERIC, AWS, GCP, AZURE, CLOUDFLARE, ISTIO, ENVOY)
VENDORS: dict[str, Vendor] = {vendor.name: vendor for vendor in _ALL}
