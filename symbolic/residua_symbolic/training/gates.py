"""The LSTM's derivative from one step to the next: the direct path, what all paths give, and how near 1 it is."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same

GATES = "The LSTM's gradient along its cell"
T = sp.Symbol("T", integer=True, positive=True)
t = sp.Symbol("t", integer=True, positive=True)
b, z = sp.symbols("b z", real=True)
DELTA = sp.Symbol("delta", positive=True)
c, cq, o = sp.symbols("c_p c_q o_q", real=True)  # the cell before of units p and q, and q's output gate before
h = sp.Symbol("h_q", real=True)  # what q hands to the gates
NAMES = ("f", "i", "g")
PRE = {name: sp.Symbol(f"a_{name}", real=True) for name in NAMES}  # of unit p, without q's part
INTO = {name: sp.Symbol(f"U_{name}", real=True) for name in NAMES}  # from h_q to the gates of unit p
OTHER = sp.Symbol("D_pq")
FORGET = sp.Function("f")
GATE = {name: sp.Symbol(f"{name}_p", real=True) for name in NAMES}


def sigmoid(x: sp.Expr) -> sp.Expr:
    """1/(1 + exp(−x))."""
    return 1 / (1 + sp.exp(-x))


@cache
def gates() -> Derivation:
    """∂c_t/∂c_(t−1) = diag(f_t) plus what the gates' own dependence adds; along the direct path Π f_t, below 1."""
    own_gate, others = GATE["f"], _through_gates()
    half, needed = sp.log(2) / sp.log(1 + sp.exp(-b)), -sp.log((1 - DELTA) ** (-1 / T) - 1)
    product = sp.Product(FORGET(t), (t, 1, T))
    steps = (
        Step(
            "the cell",
            sp.Symbol("c_{p}^{t}"),
            GATE["f"] * c + GATE["i"] * GATE["g"],
            "definition (Hochreiter, Schmidhuber 1997; the forget gate: Gers et al. 2000); f, i, o are sigmoids and "
            "g a tanh of W x + U h + b, and h = o tanh(c)",
        ),
        Step(
            "direct path, same unit",
            sp.Symbol(r"\partial c_{p}^{t}/\partial c_{p}^{t-1}|_{h}"),
            own_gate,
            "h, and with it all gates, held constant; between different units there is no direct path",
            (Proof("differentiated; 0 by another unit's cell", lambda right: right == _direct() and _none_across()),),
        ),
        Step(
            "all other paths",
            OTHER,
            others,
            "from c_q through h_q and the gates of unit p; f, i are sigmoids with slope f(1 − f), i(1 − i), g a tanh "
            "with slope 1 − g²",
            (
                Proof(
                    "any number of units: the rest of a gate's sum does not depend on c_q; differentiated in full",
                    lambda right: _is_rest(right),
                ),
            ),
        ),
        Step(
            "T steps along the direct path",
            sp.Symbol("d_T"),
            product,
            "the product of the diagonals: the only path that meets no weight; all others go through gates",
        ),
        Step(
            "never 1",
            sp.Symbol(r"-\log f"),
            sp.log(1 + sp.exp(-z)),
            "each factor costs the logarithm of 1 + exp(−z) > 1, whatever is learned: the product is below 1 and "
            "falls with every step",
            (
                Proof("the sigmoid's definition", lambda right: sp.expand(sp.exp(right) - 1 - sp.exp(-z)) == 0),
                Proof("its sign", lambda right: bool((sp.exp(right) - 1).simplify().is_positive)),
            ),
        ),
        Step(
            "half gone",
            sp.Symbol("T_{1/2}"),
            half,
            "steps after which half is left, with every gate at the sigmoid of b",
            (Proof("put in: f^T = 1/2", lambda right: _power(b, right, sp.Rational(1, 2))),),
        ),
        Step(
            "to stay within δ of 1",
            sp.Symbol("b_{T}"),
            needed,
            "the least b that leaves 1 − δ after T steps; it grows as the logarithm of T/δ",
            (
                Proof("put in: f^T = 1 − δ", lambda right: _power(right, T, 1 - DELTA)),
                Proof("growth: T (exp(−b)) tends to −log(1 − δ)", _grows),
            ),
        ),
        Step(
            "at bias 0",
            sp.Symbol("f|_{z = 0}"),
            sp.Rational(1, 2),
            "where nothing has been learned and the bias is 0, the path halves at every step",
            (Proof("the sigmoid at 0", lambda right: sigmoid(sp.Integer(0)) == right),),
        ),
    )
    assumptions = (
        "the LSTM of torch: forget gate, no peephole",
        "half gone, to stay within δ: every forget gate has the pre-activation b at every step",
    )
    return Derivation(GATES, sp.Symbol("d_T"), product, assumptions, steps)


def _values(at: sp.Expr) -> dict[str, sp.Expr]:
    """The gates of unit p as functions of what q hands over."""
    inner = {name: PRE[name] + INTO[name] * at for name in NAMES}
    return {"f": sigmoid(inner["f"]), "i": sigmoid(inner["i"]), "g": sp.tanh(inner["g"])}


def _through_gates() -> sp.Expr:
    f, i, g = (GATE[name] for name in NAMES)
    slopes = {"f": f * (1 - f) * c, "i": i * (1 - i) * g, "g": (1 - g**2) * i}
    return sp.Add(*(slopes[name] * INTO[name] for name in NAMES)) * o * (1 - sp.tanh(cq) ** 2)


def _direct() -> sp.Expr:
    return sp.diff(GATE["f"] * c + GATE["i"] * GATE["g"], c)


def _none_across() -> bool:
    return bool(sp.diff(GATE["f"] * c + GATE["i"] * GATE["g"], cq) == 0)


def _is_rest(right: sp.Expr) -> bool:
    """The total derivative by c_q, p ≠ q, and, for p = q, what it has beside f."""
    values = _values(o * sp.tanh(cq))
    put = {GATE[name]: values[name] for name in NAMES}
    across = sp.diff(values["f"] * c + values["i"] * values["g"], cq)
    stated = right.xreplace(put)
    own = sp.diff((values["f"] * c + values["i"] * values["g"]).xreplace({c: cq}), cq)
    return same(across, stated) and same(own - values["f"], stated.xreplace({c: cq}))


def _power(bias: sp.Expr, steps: sp.Expr, left: sp.Expr) -> bool:
    """(1 + exp(−bias))^(−steps) = left, by logarithms."""
    cost = sp.log(sp.simplify(1 + sp.exp(-bias)))
    return bool(sp.simplify(sp.expand_log(-steps * cost, force=True) - sp.expand_log(sp.log(left), force=True)) == 0)


def _grows(right: sp.Expr) -> bool:
    size = sp.Symbol("s", positive=True)  # 1/T
    return bool(sp.simplify(sp.limit(sp.exp(-right).subs(T, 1 / size) / size, size, 0) + sp.log(1 - DELTA)) == 0)
