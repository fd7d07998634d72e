"""Linear regression under full-batch gradient descent: the weights after every step, in closed form."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import flint
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from residua_network import ResiduaError, ShapeError
from residua_network.checks import number, whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.balls import precision
from residua_symbolic.domains.rounded import UNIT

Floats = NDArray[np.float64]
BITS = 256  # the power of a matrix that shrinks loses what it shrinks by; far fewer bits than these
eta, t, N = sp.symbols("eta t N", positive=True)
lam, c0 = sp.symbols("lambda c_0", real=True)
H, w0, best, now = (sp.Symbol(name, commutative=False) for name in ("H", "w_0", "w_*", "w_t"))
after = sp.Symbol("w_{t+1}", commutative=False)
DECAY = 1 - eta * H


class Path(NamedTuple):
    """Weights after given numbers of steps, (times, weights): certified to the last bit of float64, and a bound of
    what rounding in training may add to each entry."""

    weights: Floats
    rounding: Floats


@cache
def derive_regression() -> Derivation:
    """w_t = w_* + (1 − ηH)^t (w_0 − w_*) for the mean square error of a linear model, H = 2 XᵀX/N."""
    formula = best + DECAY**t * (w0 - best)
    gradient, next_one = sp.Function(r"\nabla L")(now), best + DECAY * (now - best)
    direction, loss = sp.Symbol(r"dL"), sp.Symbol("L")
    X, y, w, v, form = _matrices()
    direction_of = 2 * v.T * X.T * (X * w - y) / N
    steps = (
        Step("loss", loss, form, "definition: mean square error of N rows, one output"),
        Step(
            "gradient",
            direction,
            direction_of,
            "the part of first order of L(w + v)",
            (Proof("matrices of symbolic size, expanded", lambda right: _is_derivative(right, form, w, v)),),
        ),
        Step(
            "minimum",
            gradient,
            H * (now - best),
            "H = 2 XᵀX/N, and w_* is where the gradient vanishes: H w_* = 2 Xᵀy/N",
            (
                Proof(
                    "exact rationals, beside the gradient above", lambda right: _vanishes_at_best(right, direction_of)
                ),
            ),
        ),
        Step(
            "one step",
            after,
            next_one,
            "w − η∇L",
            (Proof("expanded, order kept", lambda right: sp.expand(now - eta * H * (now - best) - right) == 0),),
        ),
        Step(
            "all steps",
            now,
            formula,
            "induction over t",
            (
                Proof("t = 0, and from t to t + 1 by one step", lambda right: _by_induction(right, next_one)),
                Proof("descent on exact rationals, gradients entry by entry", _met_exactly),
            ),
        ),
        Step(
            "along an eigenvector",
            sp.Symbol("c_t"),
            (1 - eta * lam) ** t * c0,
            "c is the part of w − w_* along e, H e = λ e: it tends to 0 if 0 < η < 2/λ, and grows if η > 2/λ",
            (Proof("H replaced by its eigenvalue", lambda right: _along(right, formula)),),
        ),
    )
    assumptions = ("all N rows in every step, no momentum", "H has full rank, or w_* is the solution nearest to w_0")
    return Derivation("Linear regression under gradient descent", now, formula, assumptions, steps)


def _matrices() -> tuple[Any, ...]:
    rows, size = sp.symbols("N n", integer=True, positive=True)
    X, y = sp.MatrixSymbol("X", rows, size), sp.MatrixSymbol("y", rows, 1)
    w, v = sp.MatrixSymbol("w", size, 1), sp.MatrixSymbol("v", size, 1)
    return X, y, w, v, (X * w - y).T * (X * w - y) / N


def _is_derivative(right: Any, form: Any, w: Any, v: Any) -> bool:
    """The part of first order in ε of the loss at w + εv; a number is its own transpose."""
    small = sp.Symbol("epsilon")
    moved = sp.expand(sp.expand(form.subs(w, w + small * v)).doit())
    zero, one = moved.subs(small, 0), moved.subs(small, 1)
    minus = moved.subs(small, -1)
    first = sp.expand((one - minus) / 2)
    half = sp.expand(right / 2)
    difference = sp.expand((first - half - half.T.doit()).doit())
    return zero != one and bool(difference == sp.ZeroMatrix(1, 1) or difference == 0)


def _by_induction(right: Any, next_one: Any) -> bool:
    begins = sp.expand(right.subs(t, 0) - w0) == 0
    apart = sp.Symbol("A", commutative=False)
    stepped, later = next_one.subs(now, right), right.subs(t, t + 1)
    return bool(begins and sp.expand((stepped - later).subs(DECAY, apart)) == 0)


def _along(right: Any, formula: Any) -> bool:
    return bool(sp.simplify((formula - best).subs(H, lam).subs({w0: c0, best: 0}) - right) == 0)


def _vanishes_at_best(right: Any, direction_of: Any) -> bool:
    """Along every unit vector, four rows and three weights."""
    X = _matrices()[0]
    rows = sp.Matrix([[1, 2, -1], [0, 1, 3], [2, -1, 1], [1, 1, 0]])
    target, point = sp.Matrix([1, -2, 3, 1]), sp.Matrix([sp.Rational(1, 2), -1, sp.Rational(2, 3)])
    hessian, solution = rows.T * rows / 2, (rows.T * rows).LUsolve(rows.T * target)
    known = {"H": hessian, "w_t": point, "w_*": solution}
    stated = sp.zeros(3, 1)
    for term in sp.expand(right).as_ordered_terms():
        value = sp.eye(3)
        for factor in term.as_ordered_factors():
            value = value * known.get(str(factor), factor)
        stated += value
    sized = direction_of.subs({X.shape[0]: 4, X.shape[1]: 3})
    names = {str(one): one for one in sized.atoms(sp.MatrixSymbol)}
    numbers = {names["X"]: rows, names["y"]: target, names["w"]: point}
    units = [sp.eye(3)[:, i] for i in range(3)]
    slopes = [sized.subs({**numbers, names["v"]: unit}).subs(N, 4).doit() for unit in units]
    return all(slope[0, 0] == one for slope, one in zip(slopes, stated, strict=True))


def _met_exactly(right: Any) -> bool:
    """On rationals: the closed form as printed beside descent with each partial derivative summed by itself."""
    x = [[1, 2, -1], [0, 1, 3], [2, -1, 1], [1, 1, 0]]
    y, w, rate = [1, -2, 3, 1], [sp.Rational(1, 2), sp.Integer(-1), sp.Rational(2, 3)], sp.Rational(1, 7)
    X, target, start = sp.Matrix(x), sp.Matrix(y), sp.Matrix(w)
    hessian = 2 * X.T * X / len(x)
    solution = (X.T * X).LUsolve(X.T * target)
    for k in range(5):
        expected = _replaced(right, hessian, solution, start, rate, k)
        if sp.Matrix(w) != expected:
            return False
        left = [sum(a * b for a, b in zip(row, w, strict=True)) - c for row, c in zip(x, y, strict=True)]
        slopes = [sp.Rational(2, len(x)) * sum(r * row[i] for r, row in zip(left, x, strict=True)) for i in range(3)]
        w = [value - rate * slope for value, slope in zip(w, slopes, strict=True)]
    return True


def _replaced(right: Any, hessian: Any, solution: Any, start: Any, rate: Any, steps: int) -> Any:
    """The printed formula with matrices in the place of its symbols."""
    decay = sp.eye(3) - rate * hessian
    found = sp.zeros(3, 1)
    for term in sp.expand(right.subs(DECAY**t, sp.Symbol("P", commutative=False))).as_ordered_terms():
        value = sp.eye(3)
        for factor in term.as_ordered_factors():
            known = {"P": decay**steps, "w_*": solution, "w_0": start}
            value = value * known.get(str(factor), factor)
        found += value
    return found


def regression_path(x: Floats, y: Floats, start: Floats, rate: float, times: Sequence[int]) -> Path:
    """The weights after each number of steps, by the formula in ball arithmetic; x (rows, weights), y (rows,).

    `rounding` bounds what float64 descent on the same numbers may differ by: the roundings of each step (residuals,
    gradient, update) multiplied by ‖1 − ηH‖ at every later one. Raises ResiduaError where H is singular.
    """
    x, y, start = (np.asarray(one, dtype=np.float64) for one in (x, y, start))
    if x.ndim != 2 or y.shape != x.shape[:1] or start.shape != x.shape[1:]:
        raise ShapeError(f"regression_path: expected (N, n), (N,), (n,), got {x.shape}, {y.shape}, {start.shape}")
    number(rate, "rate", "regression_path")
    wanted = [whole(one, "a number of steps", "regression_path", least=0) for one in times]
    with precision(BITS):
        X, target, w = (flint.arb_mat(one.reshape(len(one), -1).tolist()) for one in (x, y, start))
        two, step = flint.arb(2) / len(x), flint.arb(float(rate))
        hessian = X.transpose() * X * two
        try:
            solution = hessian.solve(X.transpose() * target * two)
        except ZeroDivisionError:
            raise ResiduaError("regression_path: expected rows that determine the weights, got a singular H") from None
        decay = flint.arb_mat(len(start), len(start), [int(k % (len(start) + 1) == 0) for k in range(len(start) ** 2)])
        decay = decay - hessian * step
        found = np.array([_floats(solution + _power(decay, k) * (w - solution)) for k in wanted])
    return Path(found, np.array([np.full(len(start), b) for b in _bounds(x, y, start, rate, wanted)]))


def _power(matrix: Any, exponent: int) -> Any:
    size = matrix.nrows()
    found = flint.arb_mat(size, size, [int(k % (size + 1) == 0) for k in range(size**2)])
    while exponent:
        if exponent % 2:
            found = found * matrix
        matrix, exponent = matrix * matrix, exponent // 2
    return found


def _floats(column: Any) -> list[float]:
    entries = column.entries()
    if not all(one.rel_accuracy_bits() > 60 or abs(one) < 1e-60 for one in entries):
        raise ResiduaError(
            "regression_path: expected a formula known to float64, got too few bits; fewer steps would do"
        )
    return [float(one.mid()) for one in entries]


def _bounds(x: Floats, y: Floats, start: Floats, rate: float, times: Sequence[int]) -> list[float]:
    """Of the Euclidean norm of what rounding adds, after each number of steps."""
    rows, size = x.shape
    unit, two = float(UNIT["float64"]), 2 / rows
    decay = np.eye(size) - rate * two * x.T @ x
    grows, widest = float(np.linalg.norm(decay, 2)), float(np.linalg.norm(x, 2))
    w, error, found = start.copy(), 0.0, [0.0]
    for _ in range(max(times, default=0)):
        left = x @ w - y
        of_residual = (size + 4) * unit * float(np.linalg.norm(abs(x) @ abs(w) + abs(y)))
        of_product = (rows + 4) * unit * float(np.linalg.norm(abs(x).T @ abs(left)))
        w = w - rate * two * x.T @ left
        error = grows * error + abs(rate) * two * (widest * of_residual + of_product)
        error += 2 * unit * float(np.linalg.norm(w))
        found.append(error)
    return [found[k] for k in times]
