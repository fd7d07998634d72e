"""Which LaTeX a formula may use: what both pdflatex with amsmath and GitHub's MathJax understand, and nothing else.

A list of what is allowed, because a list of what is not (`\\input`, `\\write`, `\\catcode`, `\\href`, ...) has no end.
A command that is missing here and works in both places belongs into the list.
"""

import re

from residua_network.errors import ResiduaError

_GREEK = """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu xi pi
varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi
Psi Omega"""
_FUNCTIONS = """arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln
log max min Pr sec sin sinh sup tan tanh bmod pmod mod"""
_ACCENTS = """hat widehat tilde widetilde bar overline underline vec overrightarrow dot ddot dddot check breve acute
grave mathring overbrace underbrace"""
_FONTS = """mathrm mathbf mathbb mathcal mathfrak mathit mathsf mathtt boldsymbol text textbf textit textrm
texttt displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits"""
_LAYOUT = """frac dfrac tfrac cfrac binom dbinom tbinom sqrt overset underset stackrel substack begin end left right
middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm quad qquad enspace phantom hphantom
vphantom smash boxed not hline"""
_LARGE = """sum prod coprod int iint iiint oint bigcup bigcap bigoplus bigotimes bigodot bigvee bigwedge biguplus
bigsqcup"""
_BINARY = """pm mp times div cdot ast star circ bullet cap cup uplus sqcap sqcup vee wedge lor land setminus
smallsetminus oplus ominus otimes oslash odot dagger ddagger amalg diamond triangle"""
_RELATIONS = """le leq leqslant ge geq geqslant ll gg ne neq equiv sim simeq approx cong propto asymp doteq prec succ
preceq succeq subset supset subseteq supseteq subsetneq in ni notin mid nmid parallel perp models vdash lesssim gtrsim
triangleq to gets mapsto longmapsto leftarrow rightarrow leftrightarrow longrightarrow longleftarrow
Leftarrow Rightarrow Leftrightarrow Longrightarrow Longleftrightarrow implies impliedby iff uparrow downarrow
updownarrow hookrightarrow rightsquigarrow nearrow searrow rightharpoonup xrightarrow xleftarrow"""
_REST = """infty partial nabla ell hbar Re Im aleph imath jmath emptyset varnothing forall exists nexists neg lnot top
bot angle surd prime backslash colon ldots cdots vdots ddots dots dotsc dotsb dotsm langle rangle lvert rvert lVert
rVert vert Vert lfloor rfloor lceil rceil lbrace rbrace lbrack rbrack checkmark square blacksquare"""
_ENVIRONMENTS = "matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix array cases aligned alignedat gathered"

COMMANDS = frozenset(
    " ".join((_GREEK, _FUNCTIONS, _ACCENTS, _FONTS, _LAYOUT, _LARGE, _BINARY, _RELATIONS, _REST)).split()
)
SYMBOLS = frozenset(r" ,;:!>{}|\%_&")
ENVIRONMENTS = frozenset(_ENVIRONMENTS.split())

_CONTROL = re.compile(r"\\([a-zA-Z]+|.|$)")
_ENVIRONMENT = re.compile(r"\\(begin|end)(?:\{([a-zA-Z]+)\})?")


def checked(formula: str) -> str:
    """`formula` on one line; raises ResiduaError when it is unbalanced or uses what not every format can set."""
    line = " ".join(formula.split())
    for complaint in (_commands(line), _characters(line), _balance(line), _pairs(line)):
        if complaint:
            raise ResiduaError(f"formula {line[:120]!r}: {complaint}")
    return line


def _commands(line: str) -> str:
    for name in _CONTROL.findall(line):
        if name == "operatorname":
            return r"GitHub refuses \operatorname; write \mathrm{...}"
        if name not in (COMMANDS if name.isalpha() else SYMBOLS):
            return rf"\{name} is not among the commands that every format can set (formats/_mathematics.py)"
    return ""


def _characters(line: str) -> str:
    bare = _CONTROL.sub("", line)
    found = [character for character in "$%#`~" if character in bare]
    if found or "^^" in bare or not bare.isprintable():
        return f"expected mathematics, got the character {found[0] if found else 'sequence ^^ or a control one'}"
    return "" if line else "is empty"


def _balance(line: str) -> str:
    depth = 0
    for character in _CONTROL.sub("", line):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return "a } closes nothing"
    return "a { is never closed" if depth else ""


def _pairs(line: str) -> str:
    names = _CONTROL.findall(line)
    if names.count("left") != names.count("right"):
        return r"\left and \right do not pair up"
    open_: list[str] = []
    for word, name in _ENVIRONMENT.findall(re.sub(r"\\\\", "", line)):
        if name not in ENVIRONMENTS:
            return rf"\{word}{{{name}}} is not among the environments that every format can set"
        if word == "begin":
            open_.append(name)
        elif not open_ or open_.pop() != name:
            return rf"\end{{{name}}} closes nothing"
    return rf"\begin{{{open_[-1]}}} is never ended" if open_ else ""
