"""The claims that are judged: which document says what, and where."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from residua_network import ResiduaError
from residua_network.checks import unknown

FILE = Path(__file__).with_name("register.toml")


@dataclass(frozen=True)
class Claim:
    """One sentence of a document. `where`: its line numbers (L…) or equation numbers there."""

    name: str
    document: str
    where: str
    statement: str


@dataclass(frozen=True)
class Document:
    """One of the four source documents, with its claims in reading order."""

    name: str
    title: str
    claims: tuple[Claim, ...]


@cache
def documents() -> tuple[Document, ...]:
    """The documents in their order."""
    return tuple(map(_document, tomllib.loads(FILE.read_text(encoding="utf-8"))["document"]))


def _document(data: dict[str, object]) -> Document:
    name, claims = str(data["id"]), data["claim"]
    assert isinstance(claims, list)
    read = (Claim(claim["id"], name, claim["where"], claim["statement"]) for claim in claims)
    return Document(name, str(data["title"]), tuple(read))


@cache
def register() -> dict[str, Claim]:
    """Every claim by name, in reading order."""
    return {claim.name: claim for document in documents() for claim in document.claims}


def claims_named(names: Sequence[str] = (), document: str | None = None) -> tuple[Claim, ...]:
    """The claims of these names (all, if none is given), of one document if it is named, in reading order.

    Raises ResiduaError for an unknown claim or document.
    """
    known = [one.name for one in documents()]
    if document is not None and document not in known:
        raise ResiduaError(unknown("document", document, known))
    for name in names:
        if name not in register():
            raise ResiduaError(_unknown(name))
    chosen = (claim for claim in register().values() if not names or claim.name in names)
    return tuple(claim for claim in chosen if document in (None, claim.document))


def _unknown(name: object) -> str:
    """What is wrong with a name that no claim has: the nearest ones, or the range of each document."""
    near = get_close_matches(str(name), register(), n=1, cutoff=0.8)
    ranges = ", ".join(f"{one.claims[0].name} … {one.claims[-1].name}" for one in documents())
    return f"unknown claim {str(name)!r:.40}{f'; did you mean {near[0]!r}?' if near else ''}; known: {ranges}"
