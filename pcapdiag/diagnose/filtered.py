"""What a capture filter for flags leaves of connections that worked: their first packets alone.

``tcp[tcpflags] & tcp-syn != 0`` is a filter that people use. Silence behind its packets says
nothing: whoever is not answered repeats, so that it is the missing repeats that tell.
"""

from __future__ import annotations

from pcapdiag.model.context import Context
from pcapdiag.model.story import Story


def only_first_syn(story: Story, context: Context) -> bool:
    """Return whether a SYN was not repeated, and nobody at all answers in this capture.

    A client with a connect timeout under a second does not repeat either, so that several hosts
    must be silent.
    """
    return story.syn_count == 1 and context.nobody_answers


def only_first_syn_ack(story: Story) -> bool:
    """Return whether neither SYN nor SYN-ACK was repeated: then neither end missed an answer."""
    return story.syn_count <= 1 and story.syn_ack_count == 1
