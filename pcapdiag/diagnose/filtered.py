"""What a capture filter for flags leaves of connections that worked: their first packets alone.

``tcp[tcpflags] & tcp-syn != 0`` is a filter that people use, and a firewall's log is like one.
Silence behind its packets says nothing: whoever is not answered repeats, so that it is the missing
repeats that tell.
"""

from __future__ import annotations

from pcapdiag.model.context import Context
from pcapdiag.model.story import Story


def only_first_syn(story: Story, context: Context) -> bool:
    """Return whether a SYN was not repeated, and its answer may be missing from the capture.

    So it is where nobody at all answers in it. A client with a connect timeout under a second does
    not repeat either, so that several hosts must be silent; or other connections went on without
    an answer, and not a packet of this host was captured: one direction is missing.
    """
    first_only = context.nobody_answers or context.firewall_log
    return story.syn_count == 1 and (first_only or unheard(story, context))


def asked_once(story: Story, context: Context) -> bool:
    """Return whether a SYN was not repeated, to a port that answers others.

    The capture may lack what followed: where it lost all that, no other packet shows it.
    """
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    return story.syn_count == 1 and endpoint.established + endpoint.refused > 0


def unheard(story: Story, context: Context) -> bool:
    """Return whether what its responder sent may be missing: others were answered unseen.

    ``tcpdump -Q in`` on the responder's own host makes such captures.
    """
    host = context.host(story.responder.address)
    return context.answered_unseen > 0 and not host.packets and not host.reset_ttls


def only_first_syn_ack(story: Story) -> bool:
    """Return whether no SYN came behind the only SYN-ACK: then neither end missed an answer.

    A single SYN that was captured behind it is the one that it answers.
    """
    if story.syn_ack_count != 1 or not story.syn_ack_times:
        return False
    return story.syn_count == 1 or max(story.syn_times, default=0) <= story.syn_ack_times[0]
