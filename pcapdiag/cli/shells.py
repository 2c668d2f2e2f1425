"""Completion in bash, zsh and fish: the scripts, and what is said to them.

A script hands over the line up to the cursor and gets a line for each candidate: its kind (plain,
file or dir), the candidate and its help, between tabs. The first line has what stands before a
candidate in the same word: ``--format=``, or the label of ``proxy=FILE``.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, ClassVar

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

if TYPE_CHECKING:
    Items = list[CompletionItem]

VARIABLE = "_PCAPDIAG_COMPLETE"
"""Where a script says what it wants; click has the name from the program's."""
_LINE = "COMP_WORDS"
_BASH = r"""
%(complete_func)s() {
    local kind value help before="" labels="" path
    local now="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=()
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            before)
                # Where bash parts words at "=", that is not in the word.
                [[ -n $value && $now == "$value"* ]] && before=$value ;;
            plain)
                COMPREPLY+=("$before$value")
                [[ $value == *= ]] && compopt -o nospace ;;
            dir) compopt -o filenames -o dirnames ;;
            file)
                # Together with labels, bash would escape their "=" as of a file's name.
                if ((${#COMPREPLY[@]})); then labels=yes; else compopt -o filenames; fi
                while IFS= read -r path; do
                    [[ -z $labels ]] || printf -v path %%q "$path"
                    COMPREPLY+=("$before$path")
                done < <(compgen -f -- "$value") ;;
        esac
    done < <(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_ZSH = r"""#compdef %(prog_name)s

%(complete_func)s() {
    local -a told plain open
    local line
    for line in "${(@f)$(COMP_WORDS="${(j: :)words[1,CURRENT-1]} $PREFIX" \
            %(complete_var)s=zsh_complete ${(Q)words[1]} 2>/dev/null)}"; do
        told=("${(@ps:\t:)line}")
        case $told[1] in
            before) compset -P "${(b)told[2]}" ;;
            file) _files ;;
            dir) _files -/ ;;
            plain)
                if [[ $told[2] == *= ]]; then
                    open+=("$told[2]")
                else
                    plain+=("${told[2]//:/\\:}${told[3]:+:$told[3]}")
                fi ;;
        esac
    done
    (( $#plain )) && _describe -V %(prog_name)s plain
    (( $#open )) && compadd -S '' -a open
}

if [[ $funcstack[1] == _%(prog_name)s ]]; then
    # Of a file in fpath zsh makes a function of its name: this is the body of each call.
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = r"""
function %(complete_func)s
    set -l before ""
    for line in (env COMP_WORDS=(commandline -cp | string collect) \
            %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
        set -l told (string split -m 2 \t -- $line)
        switch $told[1]
            case before
                set before $told[2]
            case plain
                echo $before$told[2]\t$told[3]
            case file
                string replace -r '^' -- $before (__fish_complete_path $told[2])
            case dir
                string replace -r '^' -- $before (__fish_complete_directories $told[2])
        end
    end
end

complete --command %(prog_name)s --no-files --arguments '(%(complete_func)s)'
"""


class _Shell(ShellComplete):
    """Says the same to every shell."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one at the cursor, and that one as far as it goes."""
        line = os.environ.get(_LINE, "")
        words = split(line)
        begun = words.pop() if words and not line[-1:].isspace() else ""
        return words[1:], begun

    def complete(self) -> str:
        """Return the lines for the script."""
        words, begun = self.get_completion_args()
        items = self.get_completions(words, begun)
        return "\n".join(
            [_line("before", before(begun, items)), *map(self.format_completion, items)]
        )

    def format_completion(self, item: CompletionItem) -> str:
        """Return one candidate's line."""
        return _line(item.type, item.value, item.help or "")


class Bash(_Shell):
    """From 4.4 on."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = _BASH


class Zsh(_Shell):
    """With compinit."""

    name: ClassVar[str] = "zsh"
    source_template: ClassVar[str] = _ZSH


class Fish(_Shell):
    """Any that is in use."""

    name: ClassVar[str] = "fish"
    source_template: ClassVar[str] = _FISH


SHELLS: dict[str, type[_Shell]] = {kind.name: kind for kind in (Bash, Zsh, Fish)}


def register() -> None:
    """Have click answer these scripts, and not its own."""
    for kind in SHELLS.values():
        add_completion_class(kind)


def split(line: str) -> list[str]:
    """Split a line as a shell does; a word that is not complete is taken as it stands."""
    reader = shlex.shlex(line, posix=True)
    reader.whitespace_split = True
    reader.commenters = ""
    words: list[str] = []
    try:
        words.extend(reader)
    except ValueError:
        words.append(reader.token)
    return words


def before(begun: str, items: Items) -> str:
    """Return what of the word stands before every candidate: up to a ``=``, or nothing."""
    for item in items:
        if item.type != "plain" and begun.endswith(item.value):
            return begun[: len(begun) - len(item.value)]
    if any(item.value.startswith(begun) for item in items):
        return ""
    head, equals, _ = begun.rpartition("=")
    return head + equals


def _line(*parts: str) -> str:
    return "\t".join(" ".join(part.split()) if at else part for at, part in enumerate(parts))
