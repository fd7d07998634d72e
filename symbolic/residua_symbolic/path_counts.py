"""How much work derivatives are, exactly: paths, repeated and single evaluation, flops, and one reverse pass.

An MLP has the widths n_0 (inputs), n_1 … n_L. Its errors δ_l = ∂C/∂z_l are wanted, down to layer l = 1. Counts are
recursions over the layers; their closed forms are proved by induction and, beside that, as polynomials in free widths
for the first depths.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import first_apart, last_apart, same

l, r = sp.symbols("l r", integer=True)
L, B = sp.symbols("L B", integer=True, positive=True)
n = sp.IndexedBase("n", integer=True, positive=True)
width = sp.Symbol("n", integer=True, positive=True)  # where all layers have the same
p = sp.Symbol("p", integer=True)
DEPTHS = range(1, 7)
ONE = sp.Integer(1)


@dataclass(frozen=True, repr=False)
class Count(Derivation):
    """A count as a formula in the widths; `formula` for a layer l of a net of L layers where it depends on l."""

    def at(self, widths: Sequence[int], layer: int = 1) -> sp.Rational:
        """The count for these widths, inputs first, from that layer on. Raises ResiduaError where they make no net."""
        if len(widths) < 2 or any(isinstance(w, bool) or not isinstance(w, int) or w < 1 for w in widths):
            raise ResiduaError(f"{self.title}: widths must be at least two positive integers, got {list(widths)}")
        if not 1 <= layer < len(widths):
            raise ResiduaError(f"{self.title}: layer must be from 1 to {len(widths) - 1}, got {layer}")
        found = _written_out(self.formula, len(widths) - 1, layer)
        return found.xreplace({n[place]: sp.Integer(w) for place, w in enumerate(widths)})


PATHS = sp.Product(n[r], (r, l + 1, L))
EVALUATIONS = sp.Sum(sp.Product(n[r], (r, l + 1, p)), (p, l, L))
BACKWARD = sp.Sum(n[p] * n[p + 1], (p, l, L - 1)) + sp.Sum(n[p], (p, l, L))


def paths() -> Count:
    """Paths from one unit of layer l to the outputs: n_{l+1} ⋯ n_L. 004, L79."""
    reason = "every unit of the next layer goes on by itself"
    return _count("Paths from a unit", _closed("P", PATHS, ONE, lambda rest: n[l + 1] * rest, reason))


def path_products() -> Count:
    """Multiplications where ∂C/∂z of one unit of layer l is a sum over paths: 2(L − l) + 1 for each."""
    before = paths()
    factors = Step(
        "factors of a path",
        sp.Function("F")(l),
        2 * (L - l) + 2,
        "φ' of each of its L − l + 1 units, L − l weights, ∂C/∂a of its last unit",
        (Proof("counted along the layers", lambda right: same(right, (L - l + 1) + (L - l) + 1)),),
    )
    closed = (2 * (L - l) + 1) * PATHS
    proof = Proof("one less than factors, for every path", lambda right: same(right, (factors.right - 1) * PATHS))
    whole = Step("multiplications", sp.Function("X")(l), closed, "each path multiplied out by itself", (proof,))
    return Count("Multiplications path by path", whole.left, closed, (), (*before.steps, factors, whole))


def repeated_evaluations() -> Count:
    """How often some ∂C/∂z is evaluated to have that of one unit of layer l, each anew where it is asked for.

    004 (L79) describes this as computing forwards: for ∂C/∂z_1 those of z_3 and z_4, for each of them z_5 and z_6.
    """
    reason = "itself, and those of all units of the next layer"
    return _count("Repeated evaluations", _closed("E", EVALUATIONS, ONE, lambda rest: 1 + n[l + 1] * rest, reason))


def repeated_products() -> Count:
    """Multiplications of that: 2 E − 1."""
    reason = "one by φ', and for each unit of the next layer one by the weight and those of its ∂C/∂z"
    steps = _closed("T", 2 * EVALUATIONS - 1, ONE, lambda rest: 1 + n[l + 1] * (1 + rest), reason)
    return _count("Multiplications with repeated evaluation", steps)


def backward_products() -> Count:
    """Multiplications of the δ-recursion for all units of the layers l … L: W'ᵀδ' and φ' ∘."""
    reason = "the transposed weights times the errors of the next layer, and φ'"
    steps = _closed("M", BACKWARD, n[L], lambda rest: rest + n[l] * n[l + 1] + n[l], reason)
    return _count("Multiplications of the backward recursion", steps)


def saved_evaluations() -> Count:
    """Repeated evaluations for all units of layer 1, minus one for each unit: what working backwards saves (004, L79).

    Every term is at least 0; all are 0 only if each layer before the last has a single unit.
    """
    total = n[1] * EVALUATIONS.xreplace({l: ONE}) - sp.Sum(n[p], (p, 1, L))
    formula = sp.Sum(sp.Product(n[r], (r, 1, p)) - n[p], (p, 1, L))
    both = Proof("every L: n_1 taken into the product, term by term", lambda right: _saved(right))
    step = Step(
        "saved",
        sp.Symbol("S"),
        formula,
        "n_1 E_1 minus the number of units",
        (both, _at_depths(lambda depth: _written_out(total, depth, 1))),
    )
    evaluations = repeated_evaluations()
    return Count("Evaluations saved by working backwards", step.left, formula, (), (*evaluations.steps, step))


def _saved(right: sp.Expr) -> bool:
    """n_1 Σ_p Π_{2…p} = Σ_p Π_{1…p}, by the first factor of every product."""
    ((label, first, last),) = right.limits
    whole = sp.Product(n[r], (r, 1, label))
    factor, rest = first_apart(whole)
    product = n[1] * EVALUATIONS.xreplace({l: ONE}).function.xreplace({p: label})
    return (first, last) == (1, L) and same(factor * rest, product) and same(right.function, whole - n[label])


def equal_widths() -> Derivation:
    """All L layers of n units: paths n^(L−1), repeated evaluations n (n^L − 1)/(n − 1), backward (L − 1) n² + L n."""
    units = sp.Symbol("N_E")
    rows = (
        ("paths from a unit", sp.Symbol("P"), width ** (L - 1), paths(), ONE),
        ("repeated evaluations", units, width * (width**L - 1) / (width - 1), repeated_evaluations(), width),
        ("backward multiplications", sp.Symbol("M"), (L - 1) * width**2 + L * width, backward_products(), ONE),
    )
    steps = tuple(
        Step(name, symbol, closed, "the count with n for every width", (_geometric(count.formula, factor),))
        for name, symbol, closed, count, factor in rows
    )
    assumptions = ("n ≥ 2 for the repeated evaluations; at n = 1 they are L",)
    return Derivation("Counts at equal widths", units, rows[1][2], assumptions, steps)


def _geometric(count: sp.Expr, factor: sp.Expr) -> Proof:
    """The count at L + 1 is that at L and what the last layer adds; and L = 1. Both sides as functions of L."""

    def holds(right: sp.Expr) -> bool:
        return all(
            same(right.xreplace({L: sp.Integer(depth)}), factor * _of_equal(count, depth)) for depth in DEPTHS
        ) and _same_increment(right, count, factor)

    return Proof(f"L = {DEPTHS[0]}…{DEPTHS[-1]} as polynomials in n, and the increment for every L", holds)


def _of_equal(count: sp.Expr, depth: int) -> sp.Expr:
    return _with_equal_widths(_written_out(count, depth, 1))


def _same_increment(right: sp.Expr, count: sp.Expr, factor: sp.Expr) -> bool:
    """From L to L + 1 the printed form grows as the count does, whose last terms are taken out of its Σ and Π."""
    grown, now = right.xreplace({L: L + 1}), _with_equal_widths(count.xreplace({l: ONE}))
    longer = _last_layer_apart(now.xreplace({L: L + 1}))
    if isinstance(now, sp.Product):
        return same(grown * now, right * longer)
    return same(grown - right, factor * (longer - now))


def _with_equal_widths(e: sp.Expr) -> sp.Expr:
    return e.replace(lambda a: isinstance(a, sp.Indexed), lambda a: width)


def _last_layer_apart(e: sp.Expr) -> sp.Expr:
    """Every Σ and Π with its last term taken out, and that carried out."""
    if isinstance(e, sp.Add):
        return sp.Add(*map(_last_layer_apart, e.args))
    last, others = last_apart(e)
    return last.doit() * others if isinstance(e, sp.Product) else last.doit() + others


def matrix_flops() -> Count:
    """Matrix-product flops of backward over forward: 2 − n_0 n_1 / Σ n_{l−1} n_l, where no gradient by x is asked for.

    A product of matrices a × b and b × c counts 2 a b c, as is usual; biases and activations are not counted.
    """
    pairs = sp.Sum(n[p - 1] * n[p], (p, 1, L))
    first, others = first_apart(pairs)
    forward, weights, errors = 2 * B * pairs, 2 * B * pairs, 2 * B * others
    ratio = 2 - n[0] * n[1] / pairs
    F, G, D = sp.symbols("F G D")

    def counted(products: Callable[[int], sp.Expr]) -> Proof:
        return _at_depths(lambda depth: sp.Add(*(products(place) for place in range(1, depth + 1))))

    def product(rows: sp.Expr, inner: sp.Expr, columns: sp.Expr) -> sp.Expr:
        return 2 * rows * inner * columns

    steps = (
        Step(
            "forward",
            F,
            forward,
            "z_l = a_{l−1} W_lᵀ: B × n_{l−1} by n_{l−1} × n_l",
            (counted(lambda at: product(B, n[at - 1], n[at])),),
        ),
        Step(
            "gradients of the weights",
            G,
            weights,
            "δ_lᵀ a_{l−1}: n_l × B by B × n_{l−1}",
            (counted(lambda at: product(n[at], B, n[at - 1])),),
        ),
        Step(
            "errors",
            D,
            errors,
            "δ_l W_l for the layer before: not for the first, no gradient by x being asked for",
            (counted(lambda at: product(B, n[at], n[at - 1]) if at > 1 else sp.Integer(0)),),
        ),
        Step(
            "with the gradient by x",
            (G + F) / F,
            sp.Integer(2),
            "then the first layer has its product, too",
            (Proof("the sums put in", lambda right: same((weights + forward) / forward, right)),),
        ),
        Step(
            "backward over forward",
            (G + D) / F,
            ratio,
            "the sum over l ≥ 2 is the whole one without its first term",
            (
                Proof("every L", lambda right: same((weights + 2 * B * (pairs - first)) / forward, right)),
                _at_depths(lambda depth: _written_out((weights + errors) / forward, depth, 1)),
            ),
        ),
    )
    assumptions = ("weights of every layer have a gradient", "no gradient by the input x")
    return Count("Flops of backward over forward", steps[-1].left, ratio, assumptions, steps)


@dataclass(frozen=True)
class Operation:
    """A kind of operation, and what its derivatives take."""

    count: sp.Symbol  # how many there are in the function
    arguments: int
    derivatives: sp.Expr  # operations for the derivatives by all arguments, the value being there
    products: int  # multiplications by those that are not 1 or −1

    @property
    def reverse(self) -> sp.Expr:
        """Operations in the reverse pass: an addition into each argument."""
        return self.derivatives + self.products + self.arguments

    @property
    def forward(self) -> sp.Expr:
        """Operations along one direction: the terms of the arguments are added up."""
        return self.derivatives + self.products + self.arguments - 1


DERIVATIVE_COST = sp.Symbol("c", integer=True, nonnegative=True)
SUM = Operation(sp.Symbol("A", integer=True, nonnegative=True), 2, sp.Integer(0), 0)
PRODUCT = Operation(sp.Symbol("M", integer=True, nonnegative=True), 2, sp.Integer(0), 2)
FUNCTION = Operation(sp.Symbol("U", integer=True, nonnegative=True), 1, DERIVATIVE_COST, 1)
QUOTIENT = Operation(sp.Symbol("Q", integer=True, nonnegative=True), 2, DERIVATIVE_COST, 2)  # or power, counted as one
OPERATIONS = (SUM, PRODUCT, FUNCTION)


def reverse_cost() -> Derivation:
    """One reverse pass costs at most max(4, c + 2) times the function, whatever the number of inputs: 004, L176.

    A function of A additions (and subtractions), M multiplications and U functions of one value, the derivative of
    which takes c operations. Baur, Strassen 1983; Griewank, Walther 2008, "Evaluating Derivatives", ch. 4.
    """
    N, F, R, T, K, K_Q = sp.symbols("N F R T K K_Q", positive=True)
    value = sp.Add(*(o.count for o in OPERATIONS))
    reverse = sp.Add(*(o.count * o.reverse for o in OPERATIONS))
    direction = sp.Add(*(o.count * o.forward for o in OPERATIONS))
    steps = (
        Step("function", F, value, "definition: every operation counts 1"),
        Step(
            "reverse pass",
            R,
            reverse,
            "into each argument one addition; before it, for a product one multiplication, "
            "for a function its derivative, of c operations, and one multiplication",
        ),
        Step("forward pass, one direction", T, direction, "a sum: 1; a product: 2 and 1; a function: c and 1"),
        Step(
            "largest cost of an operation",
            K,
            sp.Max(*(o.reverse for o in OPERATIONS)),
            "the largest factor in R, which functions of such operations alone reach",
            (_largest(reverse, OPERATIONS),),
        ),
        Step(
            "bound",
            K * F - R,
            sp.Add(*(o.count * (K - o.reverse) for o in OPERATIONS)),
            "no term is negative: R ≤ K F, with no N in it",
            (Proof("the counts put in", lambda right: same(K * value - reverse, right)),),
        ),
        Step(
            "largest cost with quotients and powers",
            K_Q,
            sp.Max(*(o.reverse for o in (*OPERATIONS, QUOTIENT))),
            "where each counts 1 in F, and both its derivatives together c: then two multiplications and two additions",
            (_largest(reverse + QUOTIENT.count * QUOTIENT.reverse, (*OPERATIONS, QUOTIENT)),),
        ),
        Step(
            "one input",
            R - T,
            F,
            "one input: the forward pass is the cheaper one, by as much as F",
            (Proof("the counts put in", lambda right: same(reverse - direction, right.xreplace({F: value}))),),
        ),
        Step(
            "N inputs",
            N * T - R,
            (N - 2) * T + sp.Add(*(o.count * (o.forward - 1) for o in OPERATIONS)),
            "from two inputs on never negative",
            (Proof("the counts put in", lambda right: same(N * direction - reverse, right.xreplace({T: direction}))),),
        ),
    )
    assumptions = (
        "one output",
        "values of the forward pass are kept",
        "adding to a sum that is 0 counts",
        "the derivative of a function takes c operations, the value being there; of several functions, c is the most",
        "a quotient counts as a reciprocal and a product, a power as a logarithm, a product and an exponential",
    )
    return Derivation("Cost of one reverse pass", K * F - R, steps[4].right, assumptions, steps)


def _largest(total: sp.Expr, operations: Sequence[Operation]) -> Proof:
    """The largest factor of a count in the total, where c is 0, 1, 2, …, and as SymPy's maximum."""
    factors = [total.coeff(o.count) for o in operations]

    def holds(right: sp.Expr) -> bool:
        at = [{DERIVATIVE_COST: sp.Integer(cost)} for cost in range(8)]  # beyond 4, one factor stays the largest
        return right == sp.Max(*factors) and all(right.subs(c) == max(f.subs(c) for f in factors) for c in at)

    return Proof("the factors of A, M, U (and Q) compared", holds)


def _count(title: str, steps: tuple[Step, ...]) -> Count:
    return Count(title, steps[-1].left, steps[-1].right, (), steps)


def _closed(
    letter: str, closed: sp.Expr, last: sp.Expr, recursion: Callable[[sp.Expr], sp.Expr], reason: str
) -> tuple[Step, ...]:
    """A closed form for layer l, given its value at l = L and what layer l + 1 makes of it."""

    def by_induction(right: sp.Expr) -> bool:
        at_last = right.xreplace({l: L}).doit()
        return same(at_last, last) and same(_first_layer_apart(right), recursion(right.xreplace({l: l + 1})))

    def iterated(depth: int) -> sp.Expr:
        """From the last layer of a net of that depth down to the first."""
        value = last.xreplace({L: sp.Integer(depth)})
        for place in range(depth - 1, 0, -1):
            value = recursion(value).xreplace({l: sp.Integer(place)})
        return value

    induction = Proof("induction from l + 1 to l, and l = L", by_induction)
    count = sp.Function(letter)
    return (
        Step(f"{letter} at the last layer", count(L), last, "definition: the net ends there"),
        Step(f"{letter} by layer", count(l), recursion(count(l + 1)), f"definition: {reason}"),
        Step(f"{letter} in closed form", count(l), closed, "induction", (induction, _at_depths(iterated))),
    )


def _at_depths(true: Callable[[int], sp.Expr]) -> Proof:
    """The formula at l = 1 for the first depths, as a polynomial in free widths."""
    by = f"L = {DEPTHS[0]}…{DEPTHS[-1]} with free widths, as polynomials"
    return Proof(by, lambda right: all(same(_written_out(right, depth, 1), true(depth)) for depth in DEPTHS))


def _written_out(e: sp.Expr, depth: int, layer: int) -> sp.Expr:
    """`e` for a net of that depth, from that layer on, with every Σ and Π carried out."""
    return e.xreplace({L: sp.Integer(depth), l: sp.Integer(layer)}).doit()


def _first_layer_apart(e: sp.Expr) -> sp.Expr:
    """Every Σ from l and every Π from l + 1 with its first term taken out, for l < L."""
    if isinstance(e, sp.Add | sp.Mul):
        return e.func(*map(_first_layer_apart, e.args))
    if isinstance(e, sp.Product):
        return sp.Mul(*first_apart(e))
    if isinstance(e, sp.Sum):
        first, rest = first_apart(e)
        (limits,) = rest.limits
        outside, inside = _products_apart(rest.function).as_independent(limits[0], as_Add=False)
        return first.doit() + outside * sp.Sum(inside, limits)
    return e


def _products_apart(e: sp.Expr) -> sp.Expr:
    """In a sum from l + 1 no product from l + 1 on is empty."""
    return e.replace(lambda a: isinstance(a, sp.Product), lambda a: sp.Mul(*first_apart(a)))


COUNTS: dict[str, Callable[[], Count]] = {
    "paths": paths,
    "path products": path_products,
    "repeated evaluations": repeated_evaluations,
    "repeated products": repeated_products,
    "backward products": backward_products,
    "saved evaluations": saved_evaluations,
    "matrix flops": matrix_flops,
}
