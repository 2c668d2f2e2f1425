"""tls.client_certificate_required: The server wants a certificate that the client did not send.

What happened
    The server asked for a client certificate (mutual TLS), and the client had none.

How pcapdiag can tell
    Alert certificate_required (116). Or a CertificateRequest, an empty Certificate in answer and
    then an alert of the server (40 or 42 by TLS 1.2). In TLS 1.3 without keys: the client's flight
    is 8 bytes longer than a bare Finished (an empty Certificate, or a record of 25 bytes before
    it), and the server answers with a record of an alert's size and closes, with no session ticket
    before.

Usual causes
    - Istio in STRICT mode, or another mutual TLS listener, and a client without a certificate: no
      sidecar, a DestinationRule without ISTIO_MUTUAL.
    - NGINX without `proxy_ssl_certificate`, a secret that was not mounted, a file that cannot be
      read.

Fixes
    - First: give the client a certificate of an authority that the server trusts.
    - Application: curl `--cert` and `--key`, Java `javax.net.ssl.keyStore`, Go `Certificates` of
      tls.Config.
    - Envoy: `tls_certificates` in UpstreamTlsContext; as the server, `require_client_certificate`.
    - Istio: DestinationRule `tls.mode: ISTIO_MUTUAL` (or `MUTUAL` with `clientCertificate`,
      `privateKey`); a sidecar for the client; PeerAuthentication `PERMISSIVE` while migrating.
    - NGINX: as the client, `proxy_ssl_certificate` and `proxy_ssl_certificate_key`; as the server,
      `ssl_verify_client optional`.
    - HAProxy: as the client, `server ... crt`; as the server, `bind ... verify optional`.
    - Cloud: AWS ALB mutual TLS mode of the listener; most balancers do not send a client
      certificate to their targets.

Can be confused with
    - tls.certificate_rejected: the client had sent one.
    - tls.handshake_closed: a TLS proxy whose backend is dead closes at the same step.
    - tcp.closed_before_response: in TLS 1.3 the refusal comes after the client has sent its
      request.
    - `ok`: NGINX answers 400 inside TLS instead; without keys that looks like success.

What would settle it
    - `openssl s_client -connect SERVER:PORT -cert CERT.pem -key KEY.pem </dev/null`: works with a
      certificate?
    - A key log makes the alert readable.

References
    - RFC 8446 sections 4.3.2, 4.4.2 and 6.2; RFC 5246 section 7.4.6.
    - Measured in the lab (docs/lab.md): Envoy 1.40 logs UC with no word of TLS by TLS 1.3, UF by
      TLS 1.2; an empty Certificate adds 8 bytes.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.ending import frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.alerts import Refusal, refusal, refused
from pcapdiag.diagnose.tls.breakoff import alternatives, break_off
from pcapdiag.diagnose.tls.commands import s_client_words
from pcapdiag.diagnose.tls.hidden import LATE, HiddenAlert, hidden_alert
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tls.client_certificate_required",
    title="client certificate missing: {responder} wants one, {initiator_ip} sent none",
    explanation=(
        "{responder} asked {initiator} for a client certificate, and it sent none: {how}. In "
        "TLS 1.3 the client may have thought that the handshake was done: it is told only "
        "afterwards."
    ),
    phases=("tls_handshake", "before_request", "before_response"),
    envoy=Envoy("UF / UC", "remote connection failure"),
    nginx=(
        "TLS 1.2: SSL_do_handshake() failed (...:SSL alert number 40); TLS 1.3: upstream "
        "prematurely closed connection, or recv() failed (...:SSL alert number 116)"
    ),
    haproxy="SC / SH",
    fix_at=("initiator", "responder"),
    fixes=(
        "give {initiator_ip} a certificate: Envoy UpstreamTlsContext tls_certificates, Istio "
        "DestinationRule tls.mode ISTIO_MUTUAL (or MUTUAL with clientCertificate), NGINX "
        "proxy_ssl_certificate, HAProxy server ... crt, curl --cert",
        "in a mesh: has the client a sidecar? (STRICT refuses those without); PeerAuthentication "
        "PERMISSIVE while migrating",
        "or do not require it: Envoy require_client_certificate, NGINX ssl_verify_client optional, "
        "HAProxy bind ... verify optional",
        "is a certificate configured and its file or secret unreadable, or of an authority that "
        "the server did not name?",
    ),
    commands=(
        "{s_client_key}  # from {initiator_ip}",
        "istioctl proxy-config secret POD; istioctl x describe pod POD  # what the sidecar has, "
        "and the mTLS mode",
    ),
)

CERTIFICATE_REQUIRED = 116
BY_PLACE, SILENT = 0.87, 0.72
"""Probability of the code where the alert is hidden, and where there is none."""
AFTER_EMPTY = range(40, 51)
"""handshake_failure to decode_error (GnuTLS): what servers say to an empty Certificate."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a server that wanted a client certificate and got none."""
    found = refusal(story)
    if found is not None:
        return _by_alert(story, found)
    hidden = hidden_alert(story)
    if hidden is not None and hidden.about == "missing certificate":
        return _by_place(story, hidden)
    return _by_close(story)


def _by_alert(story: Story, found: Refusal) -> Judgement | None:
    if found.by_initiator:
        return None
    given = found.facts.client_certificates
    empty = given is not None and not given.certificates
    if found.code != CERTIFICATE_REQUIRED and not (empty and found.code in AFTER_EMPTY):
        return None
    how = f"alert {words.alert(found.code)} in frame {found.alert.frame}"
    if given is not None and empty:
        how = f"an empty Certificate in frame {given.frame}, then {how}"
    late = found.facts.is_tls13
    judgement = refused(story, KIND.code, found, 0.97, {"how": how})
    if late:
        return _late_words(judgement)
    return replace(judgement, envoy=("UF", "remote connection failure"))


def _late_words(judgement: Judgement) -> Judgement:
    """Return the judgement with Envoy's words where its handshake had been finished already."""
    return replace(judgement, envoy=("UC", "connection termination"), notes=(LATE,))


def _by_close(story: Story) -> Judgement | None:
    """Return the verdict for a server that closed on an empty Certificate, without an alert."""
    found = break_off(story)
    given = found.facts.client_certificates if found else None
    if found is None or given is None or given.certificates or found.end.by_initiator:
        return None
    closed = f"{story.responder.host_port} closed without an alert (frame {found.end.frame})"
    frames = frames_of(given.frame, found.end.frame)
    why = "it asked for a certificate, got an empty one, and closed"
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="tls_handshake",
        confidence=SILENT,
        frames=frames,
        ended_by="responder",
        reset=found.end.reset,
        candidates=(SideHint("responder", 0.95, why, frames), SideHint("path", 0.03, why, ())),
        alternatives=alternatives(found),
        envoy=("UF", "remote connection failure"),
        facts={"how": f"an empty Certificate in frame {given.frame}, then {closed}"}
        | s_client_words(story, found.facts),
    )


def _by_place(story: Story, hidden: HiddenAlert) -> Judgement:
    server = story.responder.host_port
    flight = (
        f"its flight (frame {hidden.after}) is longer than a bare Finished by just an empty "
        "Certificate"
    )
    refusal_of_it, sure = f"{server} closed at once (frame {hidden.ended})", SILENT
    if hidden.alert:
        refusal_of_it, sure = (
            (
                f"{server} answered with an encrypted record of an alert's size (frame "
                f"{hidden.alert}), no session ticket, and closed"
            ),
            BY_PLACE,
        )
    why = (
        "client flight = Finished + 8 bytes: an empty Certificate, so one was asked for; then "
        f"{'a record of the size of an alert' if hidden.alert else 'the close'} by the server, no "
        "session ticket before it"
    )
    frames = frames_of(hidden.after, hidden.alert, hidden.ended)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="tls_handshake",
        confidence=sure,
        frames=frames,
        ended_by="responder",
        candidates=(
            SideHint("responder", 0.96, why, frames),
            SideHint("path", 0.02, "no keys: an alert (116 expected) is not readable"),
        ),
        alternatives=_others(hidden, sure),
        envoy=("UC", "connection termination"),
        notes=(LATE,),
        facts={"how": f"{flight}, and {refusal_of_it}"} | s_client_words(story, hidden.facts),
    )


def _others(hidden: HiddenAlert, sure: float) -> tuple[OtherCode, ...]:
    asked = hidden.facts.client_data > 0
    plain = "tcp.closed_before_response" if asked else "tls.handshake_closed"
    return (OtherCode(plain, round(0.95 - sure, 2)),)
