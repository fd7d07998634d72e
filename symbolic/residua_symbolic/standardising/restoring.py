"""What standardising forgets, what γ and β restore, and which layer could have done it without them."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.functions import relu
from residua_symbolic.identities import same
from residua_symbolic.standardising.averages import fractions, rational
from residua_symbolic.standardising.linearity import standardised_pair

RESTORED = "What γ and β restore"
FORGOTTEN = "What standardising forgets"
TWO_BATCHES = "Two batches with one image"
ABSORBED = "A linear layer takes γ and β in"
RECTIFIED = "ReLU takes γ in, and not β"
x, m, beta, c, z = sp.symbols("x mu beta c z", real=True)
gamma = sp.Symbol("gamma", real=True)
v, eps, g, a, s1, s2 = sp.symbols("v epsilon g a s_1 s_2", positive=True)
s = sp.Symbol("s", positive=True)
mu1, mu2 = sp.symbols("mu_1 mu_2", real=True)
W, G, h, B, b = sp.symbols("W Gamma xhat beta b", commutative=False)
f = sp.Function("f")
xhat = sp.Symbol("xhat", real=True)


def restored() -> Derivation:
    """γ x̂ + β is x on a batch exactly for γ = s = √(v + ε), β = μ; with γ = √v a share is missing."""
    back = gamma * (x - m) / s + beta
    missing = (x - m) * (sp.sqrt(v) / sp.sqrt(v + eps) - 1)
    steps = (
        Step(
            "what is left over",
            back - x,
            (gamma / s - 1) * (x - m) + (beta - m),
            "a line in x: 0 at two different x only if γ = s and β = μ",
            (_identity(back - x), Proof("coefficients of the line", _coefficients)),
        ),
        Step("γ = s, β = μ", s * xhat + m, x, "for every x of the batch", (_image_put_in(s * xhat + m, (x - m) / s),)),
        Step(
            "γ = √v, β = μ",
            (back - x).subs({gamma: sp.sqrt(v), beta: m, s: sp.sqrt(v + eps)}),
            missing,
            "not 0 for ε > 0",
            (_identity((back - x).subs({gamma: sp.sqrt(v), beta: m, s: sp.sqrt(v + eps)})),),
        ),
        Step(
            "another batch",
            s1 * (x - mu2) / s2 + mu1 - x,
            (s1 / s2 - 1) * (x - mu2) + (mu1 - mu2),
            "γ and β of batch 1 on batch 2: 0 only if both have the same μ and s",
            (_identity(s1 * (x - mu2) / s2 + mu1 - x),),
        ),
    )
    return Derivation(RESTORED, back - x, (gamma / s - 1) * (x - m) + (beta - m), ("s = √(v + ε) of the batch",), steps)


def _identity(left: sp.Expr) -> Proof:
    return Proof("an identity of fractions", lambda right: same(left, right))


def _image_put_in(left: sp.Expr, image: sp.Expr) -> Proof:
    return Proof("x̂ put in", lambda right: same(left.subs(xhat, image), right))


def _coefficients(right: sp.Expr) -> bool:
    slope, at_mean = sp.diff(right, x), right.subs(x, m)
    return same(slope, gamma / s - 1) and same(at_mean, beta - m)


def forgotten() -> Derivation:
    """Same image exactly if x' = a x + c with a > 0: of each feature (or sample) mean and scale, and nothing else."""
    inverse = mu2 + s2 * xhat
    steps = (
        Step("image", xhat, (x - mu1) / s1, "definition, ε = 0"),
        Step(
            "undone",
            mu1 + s1 * xhat,
            x,
            "two numbers and the image give x back",
            (_image_put_in(mu1 + s1 * xhat, (x - mu1) / s1),),
        ),
        Step(
            "another x' with this image",
            inverse.subs(xhat, (x - mu1) / s1),
            s2 / s1 * x + (mu2 - s2 / s1 * mu1),
            "a x + c with a = s_2/s_1 > 0, one a and c for all entries",
            (_identity(inverse.subs(xhat, (x - mu1) / s1)),),
        ),
        Step(
            "and every such x'",
            (a * x + c - (a * mu1 + c)) / (a * s1),
            (x - mu1) / s1,
            "mean a μ + c, deviation a s",
            (_identity((a * x + c - (a * mu1 + c)) / (a * s1)),),
        ),
    )
    return Derivation(FORGOTTEN, inverse, s2 / s1 * x + (mu2 - s2 / s1 * mu1), ("ε = 0, s > 0",), steps)


def two_batches() -> Derivation:
    """{−1, 1} and {−2, 2} have one image: no γ, β, nor any function of it, gives both back."""
    first, second = fractions(-1, 1), fractions(-2, 2)
    images = [sp.Tuple(*map(rational, standardised_pair(values))) for values in (first, second)]
    steps = (
        Step("of −1, 1", f(-1, 1), sp.Tuple(-1, 1), "mean 0, deviation 1", (_counted(images[0]),)),
        Step("of −2, 2", f(-2, 2), sp.Tuple(-1, 1), "mean 0, deviation 2", (_counted(images[1]),)),
    )
    return Derivation(
        TWO_BATCHES, f(-1, 1), sp.Tuple(-1, 1), ("two batches, or two samples of two features; ε = 0",), steps
    )


def _counted(found: sp.Tuple) -> Proof:
    return Proof("counted in fractions", lambda right: right == found)


def absorbed() -> Derivation:
    """W (Γ x̂ + β) + b = (W Γ) x̂ + (W β + b): with a linear layer behind, γ and β add no function."""
    both = W * G * h + W * B + b
    steps = (
        Step("normalisation with γ, β", f(h), G * h + B, "Γ = diag(γ)"),
        Step(
            "and a linear layer",
            W * f(h) + b,
            both,
            "a linear layer on x̂ alone, with weight W Γ and bias W β + b",
            (_multiplied(),),
        ),
    )
    return Derivation(ABSORBED, W * f(h) + b, both, ("nothing between the two",), steps)


def _multiplied() -> Proof:
    return Proof(
        "noncommutative expansion: the factors are different matrices",
        lambda right: sp.expand((W * f(h) + b).subs(f(h), G * h + B) - right) == 0,
    )


def rectified() -> Derivation:
    """relu(γ z) = γ relu(z) for γ > 0, so the next layer can have it; relu(z + 1) is no multiple of relu(z)."""

    def by_sign(left: sp.Expr) -> Proof:
        size = sp.Symbol("p", positive=True)

        def holds(right: sp.Expr) -> bool:
            signs = (size, -size, sp.Integer(0))
            return all(
                left.subs(z, at).doit() == right.replace(relu, relu.definition).subs(z, at).doit() for at in signs
            )

        return Proof("by definition, for z positive, negative and 0", holds)

    at = sp.Rational(-1, 2)
    steps = (
        Step("γ > 0", relu(g * z), g * relu(z), "z > 0 and z ≤ 0 apart", (by_sign(relu.definition(g * z)),)),
        Step("β = 1 at z = −1/2", relu(at + 1), sp.Rational(1, 2), "z + 1 > 0", (_value(at + 1),)),
        Step("without β there", c * relu(at), sp.Integer(0), "whatever c is", (_value(at),)),
    )
    return Derivation(RECTIFIED, relu(g * z), g * relu(z), ("γ > 0",), steps)


def _value(at: sp.Expr) -> Proof:
    return Proof("by definition", lambda right: relu.definition(at) == right)
