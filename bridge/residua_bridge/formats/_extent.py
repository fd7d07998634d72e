"""How wide a formula will be, about, and where a line of it may end: TeX alone would know, and only later."""

import re
from collections import deque
from collections.abc import Iterator

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|.")
_FRACTIONS = {r"\frac", r"\dfrac", r"\tfrac", r"\cfrac", r"\binom", r"\dbinom", r"\tbinom"}
_NOTHING = {"mathrm", "mathbf", "mathbb", "mathcal", "mathit", "text", "textbf", "textit", "left", "right", "middle"}
_NOTHING |= {"displaystyle", "textstyle", "limits", "nolimits", "hat", "tilde", "bar", "dot", "vec", "overline", "!"}
_SPACES = {",": 0.4, ":": 0.5, ";": 0.6, " ": 0.5, "quad": 2.0, "qquad": 4.0}
_SIGNS = {"=": 2.8, "+": 2.5, "-": 2.5, "<": 2.8, ">": 2.8, "&": 2.0}
_WORDS = {"log", "ln", "exp", "sin", "cos", "tan", "tanh", "sinh", "cosh", "det", "dim", "max", "min", "sup", "inf"}
_OPEN, _CLOSE = {"{", "(", "[", r"\left", r"\begin"}, {"}", ")", "]", r"\right", r"\end"}


def extent(formula: str) -> float:
    """The width of `formula` in characters of running text, each half an em."""
    return _sequence(deque(token for token in _TOKEN.findall(formula) if token.strip()), "")


def broken(formula: str, width: float) -> list[str]:
    """`formula` in lines no wider than `width` where signs outside all brackets allow it."""
    lines: list[str] = []
    for part in _parts(formula):
        if lines and extent(lines[-1] + part) <= width:
            lines[-1] += part
        else:
            lines.append(part)
    return lines


def _parts(formula: str) -> list[str]:
    """`formula` cut before every =, + and - that stands between two terms outside all brackets."""
    parts, depth, before = [""], 0, "="
    for token in _TOKEN.findall(formula):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth == 0 and token in ("=", "+", "-") and before not in _SIGNS and before not in ("^", "_"):
            parts.append("")
        if depth == 0 and token in ("&", r"\\"):
            return [formula]
        parts[-1] += token
        before = token if token.strip() else before
    return parts


def _sequence(tokens: deque[str], end: str) -> float:
    return max(_rows(tokens, end))


def _rows(tokens: deque[str], end: str) -> Iterator[float]:
    width = 0.0
    while tokens and (token := tokens.popleft()) != end:
        if token == r"\\":
            yield width
            width = 0.0
        else:
            width += _token(token, tokens)
    yield width


def _token(token: str, tokens: deque[str]) -> float:
    if token == "{":
        return _sequence(tokens, "}")
    if token in ("^", "_"):
        return 0.7 * _argument(tokens)
    if token in _FRACTIONS:
        return max(_argument(tokens), _argument(tokens)) + 0.5
    if token in (r"\begin", r"\end"):
        _argument(tokens)
        return 1.0
    name = token.removeprefix("\\")
    if token.startswith("\\"):
        return 0.0 if name in _NOTHING else _SPACES.get(name, len(name) if name in _WORDS else 1.5)
    return _SIGNS.get(token, 1.1)


def _argument(tokens: deque[str]) -> float:
    return _token(tokens.popleft(), tokens) if tokens else 0.0
