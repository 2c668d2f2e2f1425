"""From the drafts to the report: every connection judged with all the others in sight."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence

from pcapdiag import __version__
from pcapdiag.diagnose.tls import words
from pcapdiag.incident.certificates import is_due
from pcapdiag.model.ends import join_port
from pcapdiag.model.probe import (
    ProbeCheck,
    ProbeOptions,
    ProbeReport,
    ProbeTarget,
    ProbeVerdict,
    Status,
)
from pcapdiag.model.report import Generator
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND, format_seconds
from pcapdiag.probe.budget import MAX_CONNECTIONS
from pcapdiag.probe.draft import Draft
from pcapdiag.probe.judging import surroundings, verdict_of
from pcapdiag.probe.saying import says
from pcapdiag.probe.seen import add_facts, steps_of
from pcapdiag.probe.story import story_of
from pcapdiag.probe.unmet import (
    by_openssl,
    local_verdict,
    missing_header,
    not_begun,
    not_http2,
    not_picked,
    unexpected_header,
    untold,
)
from pcapdiag.protocols.tls.certificates import certificates_in
from pcapdiag.protocols.tls.keylog import KeyLog

UNNAMED = ("tls.certificate_rejected", "tls.alert", "tls.handshake_closed")
"""Codes of a client's refusal that do not name what is wrong with the certificate."""


def report_of(
    options: ProbeOptions,
    drafts: Sequence[Draft],
    keys: KeyLog,
    *,
    started: int,
    ended: int,
    connections: int,
    interrupted: bool,
    notes: Sequence[str],
) -> ProbeReport:
    """Judge the drafts and return the report; times are nanoseconds since the epoch."""
    _judge(drafts, keys)
    checks = [_check(draft) for draft in drafts]
    failed = any(check.status == "failed" for check in checks)
    return ProbeReport(
        generator=Generator(name="pcapdiag", version=__version__),
        target=ProbeTarget(
            host=options.host, port=options.port, address=options.address, server_name=options.sni
        ),
        start=format_seconds(started),
        duration=(ended - started) / SECOND,
        status="failed" if failed else "ok",
        interrupted=interrupted,
        connections=connections,
        max_connections=MAX_CONNECTIONS,
        openssl=ssl.OPENSSL_VERSION,
        checks=checks,
        notes=[*notes, *_ending_soon(drafts)],
    )


def _ending_soon(drafts: Sequence[Draft]) -> Iterator[str]:
    """Yield a note for each certificate of the handshake that should be renewed by now."""
    for draft in drafts:
        tls = draft.story.tls if draft.story else None
        if draft.name != "tls" or tls is None:
            continue
        for one in certificates_in(tls.server_certificates):
            if not one.problem and is_due(one, draft.started):
                yield (
                    f"the certificate for {words.subject(one)} ends {words.date(one.not_after)}: "
                    "renew it (pcapdiag explain tls.certificate_expiring)"
                )


def _judge(drafts: Sequence[Draft], keys: KeyLog) -> None:
    for draft in drafts:
        if draft.recording is not None and draft.recording.events:
            draft.story = story_of(draft.recording, keys)
    stories = [draft.story for draft in drafts if draft.story is not None]
    if not stories:
        return
    context = surroundings(stories)
    works = any(story.handshake_done for story in stories)
    for draft in drafts:
        if draft.story is None or draft.connection is None or draft.skipped:
            continue
        add_facts(draft.facts, draft.connection, draft.story)
        if not draft.went_well:
            judged = _own_error(draft) or verdict_of(draft.story, context)
            draft.verdict = _by_openssl(draft, draft.story, judged)
        draft.verdict = draft.verdict or _not_picked(draft) or _not_done(draft, draft.story)
    for draft in drafts:
        draft.verdict = _by_header(draft, drafts)
        if draft.name == "tcp" and works and _own_error(draft) is not None:
            # A host without IPv6 is no fault of a name that has both.
            draft.required = False


def _own_error(draft: Draft) -> ProbeVerdict | None:
    connection, story = draft.connection, draft.story
    if connection is None or story is None or connection.established or story.icmp:
        return None
    return local_verdict(connection.errno, story) if connection.errno is not None else None


def _by_openssl(draft: Draft, story: Story, judged: ProbeVerdict | None) -> ProbeVerdict | None:
    """Return the narrower verdict on a certificate, where OpenSSL's error has one."""
    client = draft.client
    if client is None or client.verify_error is None:
        return judged
    if judged is not None and judged.code not in UNNAMED:
        return judged
    return by_openssl(story, client.verify_code, client.verify_error) or judged


def _by_header(draft: Draft, drafts: Sequence[Draft]) -> ProbeVerdict | None:
    """Return a check's verdict, in which the PROXY header is to blame where all else was equal."""
    if draft.name != "proxy_header" or draft.verdict is None or draft.story is None:
        return draft.verdict
    if draft.facts.proxy_header is None:
        return missing_header(draft.verdict, draft.story)
    plain = (other for other in drafts if other.name == "tls" and not other.facts.proxy_header)
    works = any(other.client is not None and other.client.done for other in plain)
    return unexpected_header(draft.verdict, draft.story) if works else draft.verdict


def _not_done(draft: Draft, story: Story) -> ProbeVerdict | None:
    """Return what is said of a check that has no verdict, and did not get what it asked for."""
    facts, client = draft.facts, draft.client
    if draft.name == "http2":
        came = story.http2 is not None and story.http2.settings_frame_responder
        return None if came else not_http2(story)
    if draft.name == "http":
        return None if facts.http_status is not None else untold(story, "no HTTP status came")
    if client is not None and not client.done:
        if draft.refusal is not None and draft.refusal.by_server:
            return not_begun(story, draft.refusal.says)
        reason = draft.refusal.says if draft.refusal is not None else client.error
        return untold(story, reason or "the handshake was not finished")
    return None


def _not_picked(draft: Draft) -> ProbeVerdict | None:
    story = draft.story
    if draft.wants_alpn is None or story is None or draft.facts.tls_version is None:
        return None
    return not_picked(story, draft.wants_alpn) if draft.facts.alpn != draft.wants_alpn else None


def _check(draft: Draft) -> ProbeCheck:
    connection, story, address = draft.connection, draft.story, draft.address
    where = connection.recording.remote_port if connection is not None else None
    return ProbeCheck(
        name=draft.name,
        what=draft.what,
        status=_status(draft),
        says=says(draft),
        address=join_port(address, where) if address is not None and where is not None else address,
        start=format_seconds(draft.started),
        duration=max(0, draft.ended - draft.started) / SECOND,
        facts=draft.facts,
        verdict=draft.verdict,
        steps=steps_of(connection, story) if connection is not None and story is not None else [],
    )


def _status(draft: Draft) -> Status:
    if draft.skipped:
        return "skipped"
    if draft.verdict is None:
        return "ok"
    return "failed" if draft.required else "info"
