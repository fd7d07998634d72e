"""An expression as tokens in an order that makes sense: operand, operator, operand, with parentheses that match."""

import re
from dataclasses import dataclass

from residua_symbolic.reading.errors import refusal
from residua_symbolic.reading.limits import MAX_DEPTH, MAX_DIGITS, MAX_LENGTH

PATTERN = re.compile(
    r"(?P<space> +)|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|[-+*/^()])"
)
OPERAND = "a number, a name or '('"


@dataclass(frozen=True)
class Token:
    """`text` as it stands at `column` (from 0); `kind` is number, name or sign."""

    kind: str
    text: str
    column: int


def tokens(text: str) -> list[Token]:
    """The tokens of `text`. Raises ExpressionError where a character, a word or an order is not of the grammar."""
    if len(text) > MAX_LENGTH:
        raise refusal(text, f"expected at most {MAX_LENGTH} characters, got {len(text)}")
    found = _split(text)
    if not found:
        raise refusal(text, "expected an expression, got nothing")
    _check_order(text, found)
    return found


def _split(text: str) -> list[Token]:
    found, column = [], 0
    while column < len(text):
        match = PATTERN.match(text, column)
        if match is None:
            raise refusal(text, f"expected letters, digits, . _ + - * / ^ ( or ), got {text[column]!a}", column)
        if match.lastgroup == "number" and _digits(match[0]) > MAX_DIGITS:
            raise refusal(text, f"expected a number of at most {MAX_DIGITS} digits", column)
        if match.lastgroup and match.lastgroup != "space":
            found.append(Token(match.lastgroup, match[0], column))
        column = match.end()
    return found


def _digits(number: str) -> int:
    """How many digits it is written with, those of the decimal exponent apart."""
    return sum(c.isdigit() for c in number.lower().partition("e")[0])


def _check_order(text: str, found: list[Token]) -> None:
    """An operand may have signs before it; a parenthesis opens where an operand may stand, or after a name: a call."""
    open_at: list[int] = []
    wanted = True  # an operand
    before = None
    for token in found:
        sign = token.text if token.kind == "sign" else ""
        if sign == "(" and (wanted or (before and before.kind == "name")):
            open_at.append(token.column)
            wanted = True
        elif sign == ")" and open_at and not wanted:
            open_at.pop()
        elif wanted == (not sign) or (wanted and sign in ("+", "-")):
            if sign in ("(", ")"):
                raise refusal(text, f"expected an operator, got {sign!r}", token.column)
            wanted = bool(sign)
        else:
            expected = OPERAND if wanted else "an operator"
            raise refusal(text, f"expected {expected}, got {token.text[:40]!r}", token.column)
        if len(open_at) > MAX_DEPTH:
            raise refusal(text, f"expected at most {MAX_DEPTH} parentheses inside one another", token.column)
        before = token
    if wanted:
        raise refusal(text, f"expected {OPERAND}, got the end", len(text))
    if open_at:
        raise refusal(text, "expected ')' to close this parenthesis, got the end", open_at[-1])
