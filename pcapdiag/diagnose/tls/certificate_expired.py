"""tls.certificate_expired: a certificate is out of date, or not valid yet.

What happened
    One end refused the other's certificate because of its dates, or because of the clock that it
    compared them with.

How pcapdiag can tell
    Alert certificate_expired (45). Or a vaguer certificate alert (42, 46), and the certificate,
    where it can be read, had ended or not begun by the capture's clock.

Usual causes
    A renewal that did not happen, or happened on disk while the server still holds the old one in
    memory. A wrong clock at the end that refused. A certificate from an hour ago at a host whose
    clock is behind.

Fixes
    Renew it and reload the server; check both clocks.

Can be confused with
    tls.certificate_rejected, where the certificate is hidden by TLS 1.3 and the alert is vague.

References
    RFC 5280 sections 4.1.2.5, 6.1.3; RFC 8446 section 6.2; facts 3.3, 5.1, 11 (Go: 45 for client
    certificates too).
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls.certificate import judgement, rejection
from pcapdiag.diagnose.tls.certificates import out_of_date
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tls.certificate_expired",
    title="certificate out of date: {refuser} refused the one of {owner_ip}",
    explanation=(
        "{refuser} refused the {whose}'s certificate with the alert {alert} in frame "
        "{alert_frame}: {dates}. {certificate}."
    ),
    phases=("tls_handshake", "before_request", "before_response"),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="upstream SSL certificate verify error: (10:certificate has expired)",
    haproxy="SC",
    fix_at=("responder", "initiator"),
    fixes=(
        "renew the {whose} certificate on {owner_ip} and reload: nginx -s reload, HAProxy reload "
        "or set ssl cert, Envoy SDS; cert-manager: cmctl status certificate; Istio: istioctl "
        "proxy-config secret POD shows what the sidecar holds",
        "is the new one on disk and the old one still served? a process that was not reloaded",
        "is the clock right on {refuser_ip} and {owner_ip}? (timedatectl, chronyc tracking)",
        "is an intermediate certificate of the chain the one that ended?",
    ),
    commands=(
        "{s_client} 2>/dev/null | openssl x509 -noout -subject -issuer -dates  # from "
        "{initiator_ip}",
        "date -u; timedatectl  # on {refuser_ip}",
    ),
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a certificate that was refused for its dates."""
    seen = rejection(story)
    if seen is None or seen.reason != "expired":
        return None
    dates = "by this code because of its dates"
    if seen.flight is not None:
        for number, each in enumerate(seen.flight.certificates):
            late = out_of_date(each, seen.found.alert.time)
            if late:
                dates = late if number == 0 else f"in certificate {number + 1} of its chain, {late}"
                break
    return judgement(story, KIND.code, "expired", {"dates": dates})
