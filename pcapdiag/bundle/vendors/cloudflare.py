"""Cloudflare Support: the Ray ID of a failed request, the data centre, tests past the proxy."""

from pcapdiag.bundle.vendors.vendor import Vendor

CLOUDFLARE = Vendor(
    name="cloudflare",
    reader="Cloudflare Support",
    fill_in=(
        ("Zone and URL", "the exact one that fails"),
        ("CF-RAY", "of failed requests: response header, or the foot of the error page"),
        ("Data centre", "`colo` of `https://YOUR-HOST/cdn-cgi/trace`"),
        ("Error", "520 to 526, with its time in UTC"),
        ("Original addresses", "of the origin, and of Cloudflare's end in the table above"),
    ),
    beside=(
        "`curl -svo /dev/null https://YOUR-HOST/ --connect-to ::ORIGIN`: does the origin fail "
        "without Cloudflare, too?",
        "`mtr` or `traceroute` from the client, and from the origin to Cloudflare's address",
        "The origin's log with `$http_cf_ray` (nginx) or `%{CF-Ray}i` (Apache) in its format",
        "A HAR of a browser, sanitised",
    ),
    sources=(
        "https://developers.cloudflare.com/support/troubleshooting/general-troubleshooting/"
        "gathering-information-for-troubleshooting-sites/",
    ),
)
