"""Google Cloud Customer Care: its guide asks for time, product, location, identifiers, artifacts.

Times in ISO 8601 with their zone; whether the problem is intermittent, transient or consistent.
"""

from pcapdiag.bundle.vendors.vendor import Vendor

GCP = Vendor(
    name="gcp",
    reader="Google Cloud Customer Care",
    fill_in=(
        ("Project ID", "of the resource that fails, and of the host project of a shared VPC"),
        ("Product and feature", "GKE, Compute Engine, Application Load Balancer, Cloud NAT, ..."),
        ("Location", "region and zone of both ends"),
        ("Identifiers", "instance, forwarding rule, backend service, NEG, cluster and node"),
        ("Network", "VPC network, subnet, Cloud NAT or VPN or Interconnect on the way"),
        ("Original addresses and ports", "of the table above"),
        ("Problem type", "intermittent, transient or consistent"),
    ),
    beside=(
        "VPC Flow Logs of the subnet and Firewall Rules Logging over the UTC window above",
        "Load balancer log entries of the failed requests, with `statusDetails`",
        "A Connectivity Test between the two ends",
        "The same capture from the other end, or by Packet Mirroring",
    ),
    sources=(
        "https://cloud.google.com/support/docs/best-practices",
        "https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring",
    ),
)
