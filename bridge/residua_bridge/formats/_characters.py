"""Plain text as pdflatex can set it: specials escaped, Unicode as commands, and a clear error for what has none."""

import re
import unicodedata

from residua_network.errors import ResiduaError

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "-": "-{}",  # -- would be a dash, '' and ,, quotation marks
    "'": "'{}",
    ",": ",{}",
}

_TEXT = {
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "‐": "-{}",
    "‑": "-{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "„": r"\quotedblbase{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "…": r"\ldots{}",
    "•": r"\textbullet{}",
    "€": r"\texteuro{}",
    "\u00a0": "~",
    "\u202f": r"\,",
    "\u2009": r"\,",
}

_GREEK = "αβγδεζηθικλμνξπρςστυφχψωϵϑϕϖϱΓΔΘΛΞΠΣΥΦΨΩ"
_GREEK_COMMANDS = """alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho varsigma sigma
tau upsilon varphi chi psi omega epsilon vartheta phi varpi varrho Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi
Omega"""
_GREEK_NAMES = dict(zip(_GREEK, _GREEK_COMMANDS.split(), strict=True))
_GREEK_LETTERS = {**dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)), "ο": "o"}  # as their Latin twins

_SYMBOL_NAMES = {
    "×": "times",
    "·": "cdot",
    "⋅": "cdot",
    "÷": "div",
    "±": "pm",
    "∓": "mp",
    "∂": "partial",
    "∇": "nabla",
    "∞": "infty",
    "∑": "sum",
    "∏": "prod",
    "∫": "int",
    "√": "surd",
    "∈": "in",
    "∉": "notin",
    "∋": "ni",
    "⊂": "subset",
    "⊆": "subseteq",
    "⊃": "supset",
    "∪": "cup",
    "∩": "cap",
    "∅": "emptyset",
    "≤": "leq",
    "≥": "geq",
    "≪": "ll",
    "≫": "gg",
    "≠": "neq",
    "≈": "approx",
    "≃": "simeq",
    "≅": "cong",
    "≡": "equiv",
    "∼": "sim",
    "∝": "propto",
    "→": "rightarrow",
    "←": "leftarrow",
    "↔": "leftrightarrow",
    "↑": "uparrow",
    "↓": "downarrow",
    "⇒": "Rightarrow",
    "⇐": "Leftarrow",
    "⇔": "Leftrightarrow",
    "↦": "mapsto",
    "⊗": "otimes",
    "⊕": "oplus",
    "⊙": "odot",
    "∘": "circ",
    "∗": "ast",
    "∀": "forall",
    "∃": "exists",
    "¬": "neg",
    "∧": "wedge",
    "∨": "vee",
    "‖": "Vert",
    "∥": "parallel",
    "⊥": "perp",
    "⊤": "top",
    "⟨": "langle",
    "⟩": "rangle",
    "⌊": "lfloor",
    "⌋": "rfloor",
    "⌈": "lceil",
    "⌉": "rceil",
    "ℓ": "ell",
    "ħ": "hbar",
    "′": "prime",
    "∎": "blacksquare",
    "✓": "checkmark",
    "✗": "times",
    "✔": "checkmark",
    "✘": "times",
    "µ": "mu",
}

_MATHEMATICS = {
    **{character: f"\\{name} " for character, name in (_GREEK_NAMES | _SYMBOL_NAMES).items()},
    **{character: rf"\mathrm{{{letter}}}" for character, letter in _GREEK_LETTERS.items()},
    **{character: rf"\mathbb{{{letter}}}" for character, letter in zip("ℝℕℤℚℂ𝔼ℙ𝟙", "RNZQCEP1", strict=True)},
    "𝟙": r"\mathbf{1}",
    "−": "-",
    "°": r"^{\circ}",
    "½": r"\tfrac{1}{2}",
    "⅓": r"\tfrac{1}{3}",
    "¼": r"\tfrac{1}{4}",
}

_HIGH = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀ", "0123456789+-=()niT", strict=True))
_LOW = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-=()aeijklmnoprstuvx", strict=True))
_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "bar", "\u0307": "dot", "\u0308": "ddot"}
_ACCENTS["\u20d7"] = "vec"

_SCRIPTS = re.compile(f"[{''.join(_HIGH)}]+|[{''.join(_LOW)}]+")
_CLUSTER = re.compile(f"(?P<scripts>{_SCRIPTS.pattern})|(?P<base>.)(?P<accents>[\u0300-\u036f\u20d7]*)", re.DOTALL)
_WORD = re.compile(r"\S{16,}")


def text(plain: str) -> str:
    """`plain` escaped for running text; raises ResiduaError for a character that pdflatex cannot set."""
    return "".join(_text_cluster(match, plain) for match in _CLUSTER.finditer(breakable(normal(plain))))


def mathematics(formula: str) -> str:
    """`formula` with its Unicode characters as commands; ASCII stays as it is."""
    return "".join(_mathematics_cluster(match, formula) for match in _CLUSTER.finditer(normal(formula)))


_BREAK = "\u200b"  # zero-width space: here a line may end


def normal(plain: str) -> str:
    """Composed characters, without the marks of where a line may end."""
    return unicodedata.normalize("NFC", plain).replace(_BREAK, "")


def breakable(plain: str) -> str:
    """Long words may end a line after a point, slash or underscore, and after every 16 characters at the latest."""
    return _WORD.sub(lambda m: re.sub(r"([./_:=+-](?=\w)|[^./_:=+-]{16}(?=\w))", rf"\1{_BREAK}", m[0]), plain)


def _text_cluster(match: re.Match[str], plain: str) -> str:
    base, accents = match["base"], match["accents"]
    if match["scripts"] or accents or base in _MATHEMATICS:
        return rf"\ensuremath{{{_mathematics_cluster(match, plain)}}}"
    if base == _BREAK:
        return r"\allowbreak{}"
    if base in _SPECIAL or base in _TEXT:
        return _SPECIAL.get(base) or _TEXT[base]
    if (base.isascii() and base.isprintable()) or _in_t1(base):
        return base
    decomposed = _CLUSTER.fullmatch(unicodedata.normalize("NFD", base))
    if decomposed and decomposed["accents"]:
        return rf"\ensuremath{{{_mathematics_cluster(decomposed, plain)}}}"
    raise _unknown(base, plain)


def _mathematics_cluster(match: re.Match[str], formula: str) -> str:
    if match["scripts"]:
        mark, letters = ("^", _HIGH) if match["scripts"][0] in _HIGH else ("_", _LOW)
        return f"{mark}{{{''.join(letters[character] for character in match['scripts'])}}}"
    result = _mathematics_base(match["base"], formula)
    for accent in match["accents"]:
        if accent not in _ACCENTS:
            raise _unknown(accent, formula)
        result = rf"\{_ACCENTS[accent]}{{{result.strip()}}}"
    return result


def _mathematics_base(base: str, formula: str) -> str:
    if base in _MATHEMATICS:
        return _MATHEMATICS[base]
    if base.isascii() and base.isprintable():
        return base
    decomposed = _CLUSTER.fullmatch(unicodedata.normalize("NFD", base))
    if decomposed and decomposed["accents"]:
        return _mathematics_cluster(decomposed, formula)
    raise _unknown(base, formula)


def _in_t1(character: str) -> bool:
    """Letters that the T1 encoding holds, ready-made or composed: those of Western and Central Europe."""
    return ("À" <= character <= "ſ" and character not in "×÷ħĦĿŀŉŦŧĸſ") or character in "¡¿§£©®¶«»"


def _unknown(character: str, where: str) -> ResiduaError:
    name = unicodedata.name(character, "unnamed")
    return ResiduaError(f"latex: expected a character that LaTeX can set, got {character!r} ({name}) in {where[:80]!r}")
