"""One sigmoid against a hard sigmoid: the same problem seen from the other side, and why no sigmoid is nearer."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same

x, b, c, d, beta = sp.symbols("x b c d beta", real=True)
w, width, p, q, u, v, mu, k, h = sp.symbols("w lambda p q u v mu k h", positive=True)
E, P = sp.Symbol("E", positive=True), sp.Symbol("P", positive=True)
F, G, H, sigma, phi, e, I = (sp.Function(name) for name in ("F", "g", "H", "sigma", "phi", "e", "I"))
RUNS, POINTS_FREE, POINTS_HELD = sp.symbols("R n_free n_held")
RIVALS = "No sigmoid is nearer: two zeros of a sum of exponentials"
SCALES = "Every width and height is the same problem"


def no_sigmoid_is_nearer() -> Derivation:
    """D = rival − sigmoid has a derivative with at most two zeros, so D rises and falls three times at most."""
    difference = p * sp.cosh(u * x + beta) - q * sp.cosh(v * x)
    applied = (u**2 - v**2) / 2 * (p * sp.cosh(u * x + beta) + q * sp.cosh(v * x))
    steps = (
        Step(
            "slope of a sigmoid",
            sigma(x).diff(x),
            1 / (4 * sp.cosh(x / 2) ** 2),
            "so c w σ'(w x + b) is c w/(4 cosh²((w x + b)/2))",
            (_slope(),),
        ),
        Step(
            "where two slopes agree",
            F(x),
            difference,
            "roots of both sides: D' vanishes where F does; u = w/2 of the rival, β = b/2, and v of the sigmoid; p, q "
            "> 0 if both rise; if not, D' has no zero",
        ),
        Step(
            "an operator",
            F(x).diff(x, 2) - (u**2 + v**2) / 2 * F(x),
            applied,
            "of one sign everywhere, if u ≠ v",
            (_operator(difference),),
        ),
        Step(
            "twice a derivative",
            sp.exp(mu * x) * sp.Derivative(sp.exp(-2 * mu * x) * sp.Derivative(sp.exp(mu * x) * F(x), x), x),
            F(x).diff(x, 2) - mu**2 * F(x),
            "with μ² = (u² + v²)/2. Rolle, twice: F has at most two zeros more than a function without any",
            (_rolle(),),
        ),
        Step(
            "equal widths",
            sp.exp(u * x) * (p * sp.cosh(u * x + beta) - q * sp.cosh(u * x)),
            sp.exp(2 * u * x) * (p * sp.exp(beta) - q) / 2 + (p * sp.exp(-beta) - q) / 2,
            "u = v: monotone, one zero at most",
            (_equal_widths(),),
        ),
        Step("stretches", RUNS, sp.Integer(3), "two zeros of D' part the line into three", (_parts(),)),
        Step("points, ends free", POINTS_FREE, RUNS + 2, "as for ramps", (_least(1),)),
        Step("points, ends held", POINTS_HELD, RUNS, "as for ramps", (_least(-1),)),
    )
    assumptions = (
        "any rival c σ(w x + b) + d with w > 0: σ(−z) = 1 − σ(z) makes w positive, and for w = 0 D' has no zero",
    )
    return Derivation(RIVALS, RUNS, sp.Integer(3), assumptions, steps)


def _slope() -> Proof:
    def holds(right: sp.Expr) -> bool:
        z = sp.Symbol("z", positive=True)  # e^(x/2)
        stated = right.rewrite(sp.exp).subs(sp.exp(-x / 2), 1 / z).subs(sp.exp(x / 2), z)
        slope = sp.diff(1 / (1 + sp.exp(-x)), x).subs(sp.exp(-x), z**-2)
        return same(stated, slope)

    return Proof("rational in the exponential", holds)


def _operator(difference: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        left = difference.diff(x, 2) - (u**2 + v**2) / 2 * difference
        factor = sp.expand(right / ((u**2 - v**2) / 2), deep=False)
        positive = all(part.is_positive for part in sp.Add.make_args(sp.cancel(factor)))
        return same(left, right) and positive

    return Proof("differentiated; the sum that is left has positive terms", holds)


def _rolle() -> Proof:
    return Proof("carried out", lambda right: same(_carried_out(), right))


def _carried_out() -> sp.Expr:
    inner = sp.diff(sp.exp(mu * x) * F(x), x)
    outer = sp.diff(sp.expand(sp.exp(-2 * mu * x) * inner), x)
    return sp.expand(sp.powsimp(sp.expand(sp.exp(mu * x) * outer)))


def _equal_widths() -> Proof:
    def holds(right: sp.Expr) -> bool:
        left = sp.exp(u * x) * (p * sp.cosh(u * x + beta) - q * sp.cosh(u * x))
        apart = sp.expand((left - right).rewrite(sp.exp), power_exp=True)
        return bool(sp.powsimp(apart) == 0)

    return Proof("written in exponentials", holds)


def _parts() -> Proof:
    return Proof("zeros and one", lambda right: right == 2 + 1)


def _least(spent: int) -> Proof:
    def holds(right: sp.Expr) -> bool:
        more = right - RUNS
        return bool(more - spent > 0 and more - 1 - spent <= 0)

    return Proof("the least number of points that needs more stretches", holds)


def scales() -> Derivation:
    """One number for all hard sigmoids: widths and heights are carried over, ramp and sigmoid change places."""
    ramp = E + (1 - 2 * E) * H(x)
    steps = (
        Step(
            "a wider ramp",
            G(x / width),
            c * sigma(w / width * x + b) + d,
            "g(x) = c σ(w x + b) + d stretched is again one sigmoid: what is near H(x) is as near H(x/λ)",
            (_stretched(),),
        ),
        Step(
            "a higher one",
            h * H(x) - (h * c * sigma(w * x + b) + h * d),
            h * (H(x) - G(x)),
            "the error grows with the height, and is the same share of it",
            (_higher(),),
        ),
        Step(
            "places changed",
            H(x) - (sigma(x) - E) / (1 - 2 * E),
            (ramp - sigma(x)) / (1 - 2 * E),
            "the ramp from E to 1 − E nearest to the sigmoid, at distance E, gives the sigmoid nearest to the hard "
            "one: its errors alternate as well",
            (_places(ramp),),
        ),
        Step("its distance", P, E / (1 - 2 * E), "E over the height of that ramp", (_distance(),)),
        Step("tanh", sp.tanh(x), 2 * sigma(2 * x) - 1, "so its nearest ramp is off by twice as much", (_tanh(),)),
        Step(
            "in the mean, width λ",
            sp.Derivative(width * I(x / width), x),
            e(x / width),
            "with I' = e = |H − g|^p: the integral is λ times as large, and goes to 0 with the width; the supremum "
            "does not",
            (_means(),),
        ),
    )
    assumptions = ("H is the ramp from 0 to 1 with knots −1 and 1 (or −k and k), g any sigmoid",)
    return Derivation(SCALES, P, E / (1 - 2 * E), assumptions, steps)


def _stretched() -> Proof:
    return Proof("put in", lambda right: sp.expand((c * sigma(w * x + b) + d).subs(x, x / width) - right) == 0)


def _higher() -> Proof:
    def holds(right: sp.Expr) -> bool:
        g = c * sigma(w * x + b) + d
        return same(h * H(x) - h * g, right.subs(G(x), g))

    return Proof("multiplied out", holds)


def _places(ramp: sp.Expr) -> Proof:
    return Proof("identity", lambda right: same((H(x) - (sigma(x) - E) / (1 - 2 * E)), right))


def _distance() -> Proof:
    """sup |ramp − σ| = E, divided by the factor of the step before."""

    def holds(right: sp.Expr) -> bool:
        return same(right * (1 - 2 * E), E)

    return Proof("times the height it is E", holds)


def _tanh() -> Proof:
    def holds(right: sp.Expr) -> bool:
        z = sp.Symbol("z", positive=True)  # e^x
        stated = right.replace(sigma, lambda at: 1 / (1 + sp.exp(-at))).subs(sp.exp(-2 * x), z**-2)
        tanh = sp.tanh(x).rewrite(sp.exp).subs(sp.exp(-x), 1 / z).subs(sp.exp(x), z)
        return same(stated, tanh)

    return Proof("rational in the exponential", holds)


def _means() -> Proof:
    def holds(right: sp.Expr) -> bool:
        left = sp.diff(width * I(x / width), x).doit()
        inner = sp.Function("I")(x).diff(x)
        stated = right.replace(e, lambda at: inner.subs(x, at).doit())
        return bool(sp.simplify(left - stated) == 0)

    return Proof("chain rule", holds)
