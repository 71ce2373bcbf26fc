"""The terms that a note defines: ``**困惑度**（perplexity，PPL）`` where the text first says what it is.

This is how the notes introduce a term anyway: in bold, its English in brackets right behind it, and after a
comma its abbreviation or its symbol, a formula. Nothing else is needed for the glossary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vaultsite.model import Heading, Term

DEFINED = re.compile(
    r"\*\*(?P<name>[^*\n]{1,30})\*\*"
    r"[（(](?P<english>[A-Za-z][A-Za-z0-9 \-–'’/.]{0,60}?)"
    r"(?:[，,]\s?(?P<sign>[A-Za-z][A-Za-z0-9-]{0,11}|\$[^$\n]{1,60}\$))?[）)]"
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def terms(body: str, headings: Sequence[Heading], hidden: Sequence[tuple[int, int]]) -> Iterator[Term]:
    """Yield the terms defined in *body*, in its order; *hidden* are the bounds of code and comments.

    Brackets that hold one capitalised word are a name, as in ``**初始化**（He）``; one word in capitals alone
    is an abbreviation without its English.
    """
    for found in DEFINED.finditer(body):
        name, english, sign = found["name"], found["english"], found["sign"] or ""
        if not CHINESE.search(name) or any(start <= found.start() < end for start, end in hidden):
            continue
        if " " not in english and english[:1].isupper():
            if sign or not english.isupper():
                continue
            english, sign = "", english
        above = [heading for heading in headings if heading.level > 1 and heading.start <= found.start()]
        yield Term(name.replace("$", ""), english, sign, above[-1].slug if above else "")
