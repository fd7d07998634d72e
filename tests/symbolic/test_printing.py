import re
from itertools import product as pairs

import pytest
import sympy as sp

from oracles.samples import NETWORKS
from residua_network import Linear, Network, kinds
from residua_symbolic import derive_layer, derive_spectrum, jacobian
from residua_symbolic.functions import relu, sigmoid, softplus, step
from residua_symbolic.layer import CONSTANT_STATISTICS, variants
from residua_symbolic.printing import latex

from .test_factors import BLOCK, TRIPLE

ASSUMPTIONS = (None, CONSTANT_STATISTICS)
x, y = sp.symbols("x y", real=True)


def everything() -> list[str]:
    """All LaTeX that layers, spectra and some networks print."""
    derivations = [
        derive_layer(kind, assume, name) for kind in kinds() for name, assume in pairs(variants(kind), ASSUMPTIONS)
    ]
    normalisers = ("layernorm", "rmsnorm", "batchnorm")
    spectra = [derive_spectrum(*case) for case in pairs(normalisers, (False, True), ("jacobian", "dropped"))]
    deep = Network((Linear(3, 4), BLOCK, BLOCK, *TRIPLE * 3, Linear(4, 2)))
    every = (deep, NETWORKS["batch statistics in branches"], NETWORKS["batch statistics repeated"])
    nets = [jacobian(net, assume=assume) for net, assume in pairs(every, ASSUMPTIONS)]
    texts = []
    for derivation in (*derivations, *spectra):
        texts += [derivation.latex(), *(step.latex() for step in derivation.steps)]
    texts += [net.latex() for net in nets]
    texts += [d.latex() for net in nets if (d := net.dropped) is not None]
    return texts


def problems(text: str) -> list[str]:
    """What GitHub's or TeX's mathematics would not take."""
    found = []
    if "operatorname" in text:
        found.append("operatorname")
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            break
    if depth:
        found.append("braces")
    if text.count(r"\left") != text.count(r"\right"):
        found.append("left and right")
    if re.search(r"_\{[^{}]*\}\s*_|\^\{[^{}]*\}\s*\^|__", text):
        found.append("double script")
    if re.search(r"[+-]\s*[+-]", text):
        found.append("two signs")
    if not text.isascii() or re.search(r"\$|residua\d|Lambda\(|_\{\}|(?<!\^)\*", text):
        found.append("stray characters")
    return found


def test_everything_prints_for_github() -> None:
    texts = everything()
    assert len(texts) > 150
    for text in texts:
        assert not problems(text), text


@pytest.mark.parametrize(
    "bad",
    [r"\operatorname{erf}", "{a", "a}", r"\left(a", "a_{1}_{2}", "a+-b", "a--b", "a - - b", "γ", "$a$", "x__3", "2*a"],
)
def test_the_check_above_finds_what_is_bad(bad: str) -> None:
    assert problems(bad)


def test_what_has_no_printer_is_refused() -> None:
    for e in (sp.asinh(x), sp.Function("foo")(x), sp.trace(sp.MatrixSymbol("A", 2, 2)), sp.Symbol("a") + sp.acosh(x)):
        with pytest.raises(ValueError, match=r"no printer without \\operatorname"):
            latex(e)


def test_functions() -> None:
    assert latex(sp.erf(x)) == r"\mathrm{erf}\left(x\right)"
    assert latex(sp.atan(x) ** 2) == r"\arctan^{2}\left(x\right)"
    assert latex(sp.erf(x) ** 2) == r"\mathrm{erf}^{2}\left(x\right)"
    assert latex(sp.sign(x)) == r"\mathrm{sign}\left(x\right)"
    for function in (relu, step, sigmoid, softplus):
        assert latex(function(x)) == rf"\mathrm{{{function.__name__}}}\left(x\right)"
        assert latex(function(x) ** 3) == rf"\mathrm{{{function.__name__}}}^{{3}}\left(x\right)"


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("gamma__3", r"\gamma_{3}"),
        ("W__3,1", "W_{3,1}"),
        ("W__l", "W_{l}"),
        ("W__2*l+1", "W_{2l+1}"),
        ("W__3*l+0", "W_{3l}"),
        ("W__3*l+10", "W_{3l+10}"),
        ("W__10*l+0,2", "W_{10l,2}"),
        ("xhat__12", r"\hat{x}_{12}"),
        ("xhat", r"\hat{x}"),
        ("s__l,0", "s_{l,0}"),
        ("epsilon", r"\varepsilon"),
        ("alpha__4", r"\alpha_{4}"),
        ("m1", "m_{1}"),
        ("m1__4", "m_{1,4}"),
        ("J_F__2", "J_{F,2}"),
        ("xhat__:i", r"\hat{x}_{\cdot i}"),
        ("xhat__3:i", r"\hat{x}_{3,\cdot i}"),
        ("xhat__2*l+1,0:i", r"\hat{x}_{2l+1,0,\cdot i}"),
        ("sigma2__3", r"\sigma^{2}_{3}"),
    ],
)
def test_tags(name: str, printed: str) -> None:
    assert latex(sp.Symbol(name)) == printed
    assert latex(sp.MatrixSymbol(name, 2, 2)) == printed


def test_signs_and_order() -> None:
    A, B = sp.MatrixSymbol("A", 2, 2), sp.MatrixSymbol("B", 2, 2)
    assert latex(A - B) == "A-B"
    assert latex(sp.Identity(2) - 2 * A) == r"I-2 \, A"
    assert latex(-A) == "-A"
    assert latex(sp.MatMul(x + 1, A)) == r"\left(x + 1\right) \, A"
    assert latex(sp.MatMul(A, A + B)) == r"A \, \left(A+B\right)"
    assert latex(sp.MatMul(A, sp.MatMul(-1, B))) == r"-A \, B"
    assert latex(sp.MatMul(-x, sp.MatMul(-1, B))) == r"x \, B"


def test_matrices() -> None:
    A, v = sp.MatrixSymbol("A", 2, 2), sp.MatrixSymbol("v", 2, 1)
    assert latex(sp.DiagMatrix(v)) == r"\mathrm{diag}\!\left(v\right)"
    assert latex(v * v.T) == r"v \, v^{T}"
    assert latex((A + sp.Identity(2)).T) == r"\left(A + I\right)^{T}" or latex((A + sp.Identity(2)).T).startswith("I")
    one = sp.OneMatrix
    assert [latex(one(2, 1)), latex(one(1, 2))] == [r"\mathbf{1}", r"\mathbf{1}^{T}"]
    assert latex(one(2, 2)) == r"\mathbf{1} \mathbf{1}^{T}"


def test_indices() -> None:
    i, j = sp.symbols("i j", integer=True)
    assert latex(sp.IndexedBase("x")[j]) == "x_{j}"
    assert latex(sp.IndexedBase("xhat")[i]) == r"\hat{x}_{i}"
    assert latex(sp.IndexedBase("J_F")[i, j]) == r"\left(J_{F}\right)_{i j}"


def test_the_formulas_a_reader_knows() -> None:
    assert derive_layer("layernorm").latex() == (
        r"J = \frac{1}{s} \, \mathrm{diag}\!\left(\gamma\right) \, "
        r"\left(I-\frac{1}{n} \, \mathbf{1} \mathbf{1}^{T}-\frac{1}{n} \, \hat{x} \, \hat{x}^{T}\right)"
    )
    assert derive_layer("batchnorm").latex() == (
        r"J = \frac{\gamma_{i}}{s_{i}} \, "
        r"\left(I-\frac{1}{B} \, \mathbf{1} \mathbf{1}^{T}"
        r"-\frac{1}{B} \, \hat{x}_{\cdot i} \, \hat{x}_{\cdot i}^{T}\right)"
    )
    assert derive_layer("activation", None, "gelu").latex() == (
        r"J = \mathrm{diag}\!\left(\frac{\sqrt{2} \, x \, e^{- \frac{x^{2}}{2}}}{2 \, \sqrt{\pi}}"
        r" + \frac{\mathrm{erf}\left(\frac{\sqrt{2} \, x}{2}\right)}{2} + \frac{1}{2}\right)"
    )


def test_a_derivation_shows_itself_in_a_notebook() -> None:
    for derivation in (derive_layer("linear"), derive_spectrum("rmsnorm")):
        for shown in (derivation, *derivation.steps):
            text = shown._repr_latex_()
            assert text == f"$\\displaystyle {shown.latex()}$"
            assert text.count("$") == 2
