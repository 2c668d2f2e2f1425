"""A greeting, or a refusal in its place, in words for a reader."""

from __future__ import annotations

from pcapdiag.diagnose.greeting import refused_at_the_door, size_of_greeting, text_of
from pcapdiag.model.harmless import harmless
from pcapdiag.model.story import Story
from pcapdiag.model.units import counted

MAX_SAID = 120
"""Characters of a greeting that are told."""


def words_of(story: Story) -> str:
    """Return what the responder said first, in its words where they are text: often the reason."""
    kind = "an error" if refused_at_the_door(story) else "a greeting"
    size = f"{kind} of {counted(size_of_greeting(story), 'byte')}"
    said = text_of(story)
    return f'{size}, "{harmless(said, MAX_SAID)}"' if said else size
