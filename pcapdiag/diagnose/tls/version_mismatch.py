"""tls.version_mismatch: The two ends have no TLS version in common.

What happened
    One end wants a newer version of TLS than the other has, or refuses an old one.

How pcapdiag can tell
    Alert protocol_version (70): by the server in answer to the ClientHello, or by the client in
    answer to a ServerHello with a version that it does not take. Alert inappropriate_fallback (86):
    the client came back with a lower version although both ends have a higher one. Alert
    handshake_failure (40) to a client that offers nothing above TLS 1.1 most likely means this too.

Usual causes
    - A server hardened to TLS 1.3 or 1.2, and an old client.
    - A proxy whose upstream TLS ends at 1.2: Envoy's default maximum.
    - An old appliance with TLS 1.0.

Fixes
    - First: raise the maximum of the old end. Lower the minimum of the other one only where that is
      safe. With alert 86: find out why the client's attempt before, with a newer version, failed.
    - Application: Java `jdk.tls.disabledAlgorithms`, Go `MinVersion`, Python `minimum_version`,
      OpenSSL `MinProtocol` in openssl.cnf.
    - Envoy: `tls_params.tls_maximum_protocol_version: TLSv1_3` in UpstreamTlsContext; as the
      server, `tls_minimum_protocol_version`.
    - Istio: Gateway `tls.minProtocolVersion`; mesh `meshMTLS.minProtocolVersion`.
    - NGINX: as the client, `proxy_ssl_protocols`; as the server, `ssl_protocols`.
    - HAProxy: as the client, `server ... ssl-min-ver` and `ssl-max-ver`; as the server, the same on
      `bind`.
    - Linux: OpenSSL needs a lower security level for very old versions (`@SECLEVEL=0` in the cipher
      list); `update-crypto-policies` on RHEL.
    - Cloud: the security policy of the listener (AWS ELBSecurityPolicy names, GCP SSL policies).

Can be confused with
    - protocol.tls_to_plaintext: BoringSSL says alert 70 to bytes that are no TLS at all.
    - tls.no_shared_cipher: the version fits, the lists do not.

What would settle it
    - `openssl s_client -connect SERVER:PORT -tls1_2 </dev/null`, then with `-tls1_3`: which one
      works?

References
    - RFC 8446 sections 4.1.3 and 6.2, appendix D; RFC 7507 (fallback); RFC 8996 (TLS 1.0 and 1.1
      are not to be used any more).
    - Envoy's API, TlsParameters: the client's default maximum is TLS 1.2. Measured in the lab
      (docs/lab.md).
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.alerts import Refusal, refusal, refused
from pcapdiag.model.context import Context
from pcapdiag.model.ends import Actor
from pcapdiag.model.story import Story
from pcapdiag.model.tls import TLS12, TLS13
from pcapdiag.protocols.tls import names

KIND = Kind(
    code="tls.version_mismatch",
    title="{trouble}: client offered {versions}; {refuser} refused",
    explanation=(
        "{initiator} offered {versions} (ClientHello in frame {hello_frame}); {chosen}. "
        "{refuser} refused with the alert {alert} in frame {alert_frame}. {known}"
    ),
    phases=("tls_handshake",),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="SSL_do_handshake() failed (...:SSL alert number 70) while SSL handshaking to upstream",
    haproxy="SC",
    fix_at=("initiator", "responder"),
    fixes=(
        "{newer}",
        "{older}",
        "{also}",
    ),
    commands=(
        "{s_client_tls12}  # from {initiator_ip}",
        "{s_client_tls13}  # from {initiator_ip}",
    ),
)

PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK, HANDSHAKE_FAILURE = 70, 86, 40
NEWEST = TLS13
"""Who refuses a client that offers it has only older ones."""
_CLIENT_IS_OLD = (
    "let {client} offer newer versions: Envoy tls_params tls_maximum_protocol_version TLSv1_3 (its "
    "upstream default ends at TLS 1.2), NGINX proxy_ssl_protocols, HAProxy server ... ssl-max-ver, "
    "curl --tls-max",
    "or let {server} take older ones where that is safe: Envoy tls_minimum_protocol_version, Istio "
    "minProtocolVersion, NGINX ssl_protocols, HAProxy bind ... ssl-min-ver, OpenSSL MinProtocol",
)
_SERVER_IS_OLD = (
    "let {server} take newer versions: Envoy tls_maximum_protocol_version, Istio "
    "maxProtocolVersion, NGINX ssl_protocols, HAProxy bind ... ssl-max-ver, OpenSSL MaxProtocol",
    "or let {client} take older ones where that is safe: Envoy tls_params "
    "tls_minimum_protocol_version, NGINX proxy_ssl_protocols, HAProxy server ... ssl-min-ver, "
    "curl --tlsv1.2",
)
_VERY_OLD = "very old versions also need a lower security level (OpenSSL: @SECLEVEL=0)"
_FALLBACK = (
    "find out why {client} came back with a lower version: its attempt before this one failed, "
    "with a newer one; what ended that is the fault (a device that breaks TLS, a reset, a timeout)",
    "or turn the client's version fallback off: libraries of today need none",
    "leave the versions that {server} takes as they are: it has a newer one than was offered",
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for alerts 70 and 86."""
    found = refusal(story)
    if found is None or found.facts.established:
        return None
    sure = 0.96
    others: tuple[OtherCode, ...] = ()
    if _offers_only_old(story, context, found):
        sure, others = 0.75, (OtherCode("tls.no_shared_cipher", 0.2),)
    elif found.code not in (PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK):
        return None
    told = _words(story, context, found)
    return refused(story, KIND.code, found, sure, told, others, fix_at=_where(found))


def _offers_only_old(story: Story, context: Context, found: Refusal) -> bool:
    """Return whether alert 40 answers a hello without a version that servers of today take.

    RFC 8996 forbids TLS 1.0 and 1.1; rustls says 40 to them (measured).
    """
    hello = found.facts.client_hello
    if found.code != HANDSHAKE_FAILURE or not found.before_server_hello or hello is None:
        return False
    server = context.endpoint(story.responder.address, story.responder.port).tls
    taken = server is not None and any(version in server.versions for version in hello.versions)
    return bool(hello.versions) and max(hello.versions) < TLS12 and not taken


def _server_is_old(found: Refusal) -> bool:
    """Return whether the newer version is missing at the server, and not at the client."""
    hello = found.facts.client_hello
    return found.by_initiator or (hello is not None and NEWEST in hello.versions)


def _where(found: Refusal) -> tuple[Actor, ...]:
    if found.code == INAPPROPRIATE_FALLBACK:
        return ("initiator",)
    return ("responder", "initiator") if _server_is_old(found) else ("initiator", "responder")


def _fixes(found: Refusal) -> tuple[str, str, str]:
    if found.code == INAPPROPRIATE_FALLBACK:
        return _FALLBACK
    return *(_SERVER_IS_OLD if _server_is_old(found) else _CLIENT_IS_OLD), _VERY_OLD


def _words(story: Story, context: Context, found: Refusal) -> dict[str, str]:
    hello, answer = found.facts.client_hello, found.facts.server_hello
    trouble, chosen = "no common TLS version", "the server chose none"
    if answer is not None:
        chosen = f"the server chose {names.version_name(answer.version)}"
    if found.code == INAPPROPRIATE_FALLBACK:
        trouble = "TLS version fallback refused"
        chosen = "it said that this was a fallback (TLS_FALLBACK_SCSV) from a higher version"
    newer, older, also = _fixes(found)
    ends = {"client": story.initiator.address, "server": story.responder.address}
    return {
        "trouble": trouble,
        "also": also.format(**ends),
        "newer": newer.format(**ends),
        "older": older.format(**ends),
        "versions": words.offered_versions(hello) if hello else "none",
        "hello_frame": str(hello.frame if hello else 0),
        "chosen": chosen,
        "known": _known(story, context),
    }


def _known(story: Story, context: Context) -> str:
    """Return which versions the same server took on other connections."""
    server = context.endpoint(story.responder.address, story.responder.port).tls
    if server is None or not server.versions:
        return "The server's own list is in no packet."
    taken = words.numbers(sorted(server.versions, reverse=True), names.version_name)
    return f"On other connections of this capture it took {taken}."
