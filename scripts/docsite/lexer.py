"""How a session in the terminal is coloured: the commands, and the report by its labels."""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Generic, Keyword, Number, Text


class SessionLexer(RegexLexer):  # type: ignore[misc]
    """Lines after ``$`` are commands; all others are output."""

    name = "pcapdiag session"
    aliases = ("console",)
    tokens = {  # noqa: RUF012
        "root": [
            (r"^(\$ |> )(.*\n)", bygroups(Generic.Prompt, Generic.Strong)),
            (r"^FAILED(?= )", Generic.Error),
            (r"^[A-Z]{3,8}(?= {1,9}\S)", Generic.Heading),
            (r"\b[a-z][a-z0-9]*\.[a-z][a-z_0-9]+(?= {2,}[01]\.\d\d$)", Keyword),
            (r"(?<=  )[01]\.\d\d$", Number),
            (r" # .*$", Comment),
            (r"#\d+\b", Number),
            (r"[^\n#A-Za-z$ ]+|[A-Za-z]+|.|\n", Text),
        ]
    }
