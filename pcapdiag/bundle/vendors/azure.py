"""Azure Support: resource IDs, UTC times, and what Network Watcher says of the two ends."""

from pcapdiag.bundle.vendors.vendor import Vendor

AZURE = Vendor(
    name="azure",
    reader="Azure Support",
    fill_in=(
        ("Subscription ID", "and tenant"),
        ("Resource IDs", "`/subscriptions/.../resourceGroups/...` of both ends"),
        ("Region", "and availability zone of both ends"),
        ("VNet, subnet, NIC, NSG", "of both ends; route table where there is one"),
        (
            "What is between",
            "load balancer, Application Gateway, Front Door, NAT, firewall",
        ),
        ("Original addresses and ports", "of the table above; public addresses of both sides"),
        ("X-Azure-Ref", "of a failed request through Front Door"),
    ),
    beside=(
        "VNet flow logs (or NSG flow logs) of both ends over the UTC window above",
        "The result of Network Watcher's connection troubleshoot and IP flow verify",
        "Application Gateway or Front Door access log entries of the failed requests",
        "Captures of the same minutes from both ends (Network Watcher packet capture)",
    ),
    sources=(
        "https://learn.microsoft.com/azure/network-watcher/connection-troubleshoot-overview",
        "https://learn.microsoft.com/azure/frontdoor/monitor-front-door",
    ),
)
