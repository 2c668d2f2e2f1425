"""Answers that are kept with what they were asked about, for as long as that lives."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Subject = TypeVar("Subject")
Answer = TypeVar("Answer")


def once(function: Callable[[Subject], Answer]) -> Callable[[Subject], Answer]:
    """Work out an answer when it is first asked for; the object that it is about keeps it.

    Nothing that the answer rests on may change afterwards, and the answer must not lead back to the
    object. It has to have a ``__dict__``; copies, and what is written of it, are without answers.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def answer(subject: Subject) -> Answer:
        kept = subject.__dict__
        if name not in kept:
            kept[name] = function(subject)
        found: Answer = kept[name]
        return found

    return answer
