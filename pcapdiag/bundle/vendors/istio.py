"""Istio and Envoy: what their own issue forms and debugging pages ask for."""

from pcapdiag.bundle.vendors.vendor import Vendor

ISTIO = Vendor(
    name="istio",
    reader="whoever runs the mesh, or Istio's maintainers",
    fill_in=(
        ("Versions", "`istioctl version`, `kubectl version`; the data plane's where it differs"),
        ("Pods", "namespace/pod of both ends, node, and where it was captured"),
        ("Policies", "PeerAuthentication, DestinationRule, VirtualService, AuthorizationPolicy"),
        ("x-request-id", "of failed requests"),
        ("Original addresses", "of the table above: pods, services"),
    ),
    beside=(
        "`istioctl bug-report --include NAMESPACE` (it holds logs and configuration: look first)",
        "`istioctl proxy-config all POD.NAMESPACE -o json` of both ends",
        "Both sidecars' access log lines with RESPONSE_FLAGS, RESPONSE_CODE_DETAILS and "
        "UPSTREAM_TRANSPORT_FAILURE_REASON",
        "`istioctl analyze -n NAMESPACE`, `istioctl proxy-status`",
    ),
    sources=(
        "https://istio.io/latest/docs/tasks/observability/logs/access-log/",
        "https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/",
        "https://docs.cloud.google.com/service-mesh/docs/troubleshooting/troubleshoot-collect-logs",
    ),
)
ENVOY = Vendor(
    name="envoy",
    reader="whoever runs the proxy, or Envoy's maintainers",
    fill_in=(
        ("Version", "`envoy --version`, and the distribution"),
        ("Cluster and endpoint", "as `/clusters` of the admin port names them"),
        ("Listener and route", "that the failed requests took"),
        ("x-request-id", "of failed requests"),
        ("Original addresses", "of the table above"),
    ),
    beside=(
        "`/config_dump`, `/clusters`, `/stats` of the admin port (look for secrets first)",
        "Access log lines with RESPONSE_FLAGS, RESPONSE_CODE_DETAILS, UPSTREAM_HOST, "
        "UPSTREAM_LOCAL_ADDRESS and UPSTREAM_TRANSPORT_FAILURE_REASON",
        "A debug log of one failure: `/logging?connection=debug&upstream=debug`",
    ),
    sources=(
        "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage",
        "https://www.envoyproxy.io/docs/envoy/latest/operations/admin",
    ),
)
