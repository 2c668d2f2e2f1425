"""tls.certificate_expired: A certificate is out of date, or not valid yet.

What happened
    One end refused the other's certificate because of its dates, or because of the clock that it
    compared them with.

How pcapdiag can tell
    Alert certificate_expired (45); or a client that finishes the handshake and closes at once
    without a request, with a certificate that was out of date. Or a vaguer certificate alert (42,
    46), and the certificate, where it can be read, had ended or not begun by the capture's clock.

Usual causes
    - A renewal did not happen, or happened on disk while the server still holds the old one in
      memory.
    - A wrong clock at the end that refused.
    - A new certificate at a host whose clock is behind.
    - An intermediate certificate of the chain ended.

Fixes
    - First: renew the certificate and reload the program. Then check both clocks.
    - Application: load certificates anew without a restart; alarm two weeks before the end.
    - Envoy: SDS, or files with `watched_directory`, load a new one by themselves; the admin page
      `/certs` shows what is in use.
    - Istio: `istioctl proxy-config secret POD` shows what the sidecar holds; workloads renew by
      themselves when istiod is reachable.
    - NGINX: `nginx -s reload` after the renewal.
    - HAProxy: reload, or `set ssl cert` and `commit ssl cert` on its socket.
    - Kubernetes: `cmctl status certificate NAME` (cert-manager); was the pod with the mounted
      secret restarted?
    - Linux: `timedatectl`, `chronyc tracking`.
    - Cloud: AWS Certificate Manager renews only what it issued and can validate; imported ones are
      yours.

Can be confused with
    - tls.certificate_rejected: the certificate is hidden by TLS 1.3 and the alert is vague.
    - tls.certificate_untrusted: an old root in the trust store.
    - tls.certificate_expiring: the warning before.

What would settle it
    - `openssl s_client -connect SERVER:PORT -servername NAME </dev/null | openssl x509 -noout
      -dates`, and `date -u` on the end that refused.

References
    - RFC 5280 sections 4.1.2.5 and 6.1.3; RFC 8446 section 6.2.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.certificate import judgement, rejection
from pcapdiag.diagnose.tls.certificates import fits_name, out_of_date
from pcapdiag.diagnose.tls.leaving import left_at_once, left_judgement
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.tls import CertificateFlight
from pcapdiag.protocols.tls.certificates import certificates_in

KIND = Kind(
    code="tls.certificate_expired",
    title="certificate out of date: {refuser} refused the one of {owner_ip}",
    explanation=("{refuser} got the {whose}'s certificate and {how}: {dates}. {certificate}."),
    phases=("tls_handshake", "before_request", "before_response", "closing", "idle"),
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


NOT_YET = (
    "is the clock right on {refuser_ip} and {owner_ip}? (timedatectl, chronyc tracking) a clock "
    "that is behind refuses every new certificate",
    "is it meant for later? serve the one before it until then, or have it issued with an earlier "
    "begin (cert-manager and CAs begin some minutes early)",
    "did {owner_ip} load the wrong file? nginx -s reload, HAProxy reload or set ssl cert, Envoy "
    "SDS; Istio: istioctl proxy-config secret POD shows what the sidecar holds",
)
"""What to do where the certificate begins in the future."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a certificate that was refused for its dates."""
    seen = rejection(story)
    if seen is None:
        return _left_at_once(story, context)
    if seen.reason != "expired":
        return None
    alert = seen.found.alert
    told = {
        "how": f"refused it with the alert {words.alert(alert.code)} in frame {alert.frame}",
        "dates": _dates(seen.flight, alert.time) or "its dates are not readable",
    }
    return _mended(judgement(story, KIND.code, "expired", told))


def _left_at_once(story: Story, context: Context) -> Judgement | None:
    left = left_at_once(story, context)
    if left is None or fits_name(left.certificate, left.facts) == "no":
        return None
    dates = _dates(left.flight, left.end.time)
    how = f"finished the handshake and closed without a request (frame {left.end.frame})"
    told = {"how": how, "dates": dates}
    return _mended(left_judgement(story, KIND.code, left, 0.75, told)) if dates else None


def _mended(found: Judgement | None) -> Judgement | None:
    """Put in what mends a certificate whose time has not come yet."""
    early = found is not None and found.facts["dates"].startswith("it begins")
    return replace(found, fixes=NOT_YET) if found is not None and early else found


def _dates(flight: CertificateFlight | None, time: int) -> str:
    """Return what is wrong with the dates of a flight, the first certificate first."""
    for number, each in enumerate(certificates_in(flight)):
        late = out_of_date(each, time)
        if late:
            return f"{late}{f' (number {number + 1} of its chain)' if number else ''}"
    return ""
