"""Matrix form of a layer's Jacobian, and back: a matrix expression entry by entry."""

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from residua_symbolic.domains.tangents import Axis, atom, i, labels
from residua_symbolic.operator import Operator, Term

Powers = dict[sp.Expr, sp.Expr]


COLUMN = ":"  # in a symbol's name, before the label of the feature that it is the column of


def matrix_form(operator: Operator, outputs: sp.Expr | None = None, inputs: sp.Expr | None = None) -> sp.MatrixExpr:
    """The operator as a SymPy matrix expression over the axis that it couples, what its terms have in common in front.

    Where rows are coupled, it is that of one feature, the label of which stays.
    """
    axis = operator.axis
    outputs, inputs = outputs or axis.size, inputs or axis.size
    scalars, vectors = zip(*(_factors(term.left, axis.label) for term in operator.terms), strict=True)
    scalar, vector = _common(list(scalars)), _common(list(vectors))
    outer = {f.base for term in operator.terms for f in term.right.atoms(sp.Indexed)}
    vector = {v: exponent for v, exponent in vector.items() if not isinstance(v, sp.Indexed) or v.base not in outer}
    inner = [
        _term(term, _product(_without(s, scalar)), _product(_without(v, vector)), outputs, inputs, axis)
        for term, s, v in zip(operator.terms, scalars, vectors, strict=True)
    ]
    body = inner[0] if len(inner) == 1 else sp.MatAdd(*inner)
    if vector:
        diagonal = sp.DiagMatrix(_column(_product(vector), outputs, axis))
        body = diagonal if isinstance(body, sp.Identity) else diagonal * body
    return _product(scalar) * body


def _factors(left: sp.Expr, label: sp.Symbol) -> tuple[Powers, Powers]:
    """The powers without and with the label."""
    scalars: Powers = {}
    vectors: Powers = {}
    for factor in sp.Mul.make_args(left):
        base, exponent = factor.as_base_exp()
        if factor != 1:
            (vectors if label in labels(factor) else scalars)[base] = exponent
    return scalars, vectors


def _common(every: list[Powers]) -> Powers:
    """The powers that all have."""
    first, *others = every
    return {base: exponent for base, exponent in first.items() if all(o.get(base) == exponent for o in others)}


def _without(powers: Powers, taken: Powers) -> Powers:
    return {base: exponent for base, exponent in powers.items() if base not in taken}


def _product(powers: Powers) -> sp.Expr:
    return sp.Mul(*(base**exponent for base, exponent in powers.items()))


def _term(term: Term, scalar: sp.Expr, vector: sp.Expr, outputs: sp.Expr, inputs: sp.Expr, axis: Axis) -> sp.MatrixExpr:
    if term.tied:
        return scalar * (sp.Identity(outputs) if vector == 1 else sp.DiagMatrix(_column(vector, outputs, axis)))
    if term.matrix is None:
        right = term.right.xreplace({axis.primed: axis.label})
        return scalar * _column(vector, outputs, axis) * _column(right, inputs, axis).T
    matrix: sp.MatrixExpr = sp.MatrixSymbol(term.matrix.base.label.name, outputs, inputs)
    if vector != 1:
        matrix = sp.DiagMatrix(_column(vector, outputs, axis)) * matrix
    if term.right != 1:
        raise ValueError(f"no matrix form for {term}")
    return scalar * matrix


def _column(e: sp.Expr, size: sp.Expr, axis: Axis) -> sp.MatrixExpr:
    """The column with the entries `e`, a function of the label of the axis."""
    if e == 1:
        return sp.OneMatrix(size, 1)
    if isinstance(e, sp.Indexed):
        others = [str(label) for label in e.indices if label != axis.label]
        return sp.MatrixSymbol(COLUMN.join([e.base.label.name + "__" * bool(others), *others]), size, 1)
    atoms = sorted((a for a in e.atoms(sp.Indexed) if axis.label in labels(a)), key=str)
    if len(atoms) != 1:
        return sp.hadamard_product(*(_column(factor, size, axis) for factor in sp.Mul.make_args(e)))
    z = sp.Symbol("z", real=True)
    column = sp.MatrixSymbol(atoms[0].base.label.name, size, 1)
    return ElementwiseApplyFunction(sp.Lambda(z, e.xreplace({atoms[0]: z})), column)


def entry(m: sp.Expr, p: sp.Symbol, q: sp.Symbol | None) -> sp.Expr:
    """m[p, q] in index form; q is None for a column."""
    if isinstance(m, sp.Identity):
        return sp.KroneckerDelta(p, q)
    if isinstance(m, sp.OneMatrix):
        return sp.Integer(1)
    if isinstance(m, sp.MatrixSymbol):
        name, column, _ = m.name.partition("__" + COLUMN)
        return atom(name, (p, i) if column else (p,) if m.shape[1] == 1 else (p, q))
    if isinstance(m, sp.DiagMatrix):
        return sp.KroneckerDelta(p, q) * entry(m.args[0], p, None)
    if isinstance(m, ElementwiseApplyFunction):
        return m.function(entry(m.expr, p, q))
    if isinstance(m, sp.Transpose) and q is not None:
        return entry(m.arg, q, None if m.arg.shape[1] == 1 else p)
    if isinstance(m, sp.HadamardProduct):
        return sp.Mul(*(entry(a, p, q) for a in m.args))
    if isinstance(m, sp.MatAdd):
        return sp.Add(*(entry(a, p, q) for a in m.args))
    if isinstance(m, sp.MatMul):
        coefficient, matrices = m.as_coeff_matrices()
        return coefficient * _product_entry(matrices, p, q)
    raise TypeError(f"no entries for {m!r}")


def _product_entry(matrices: list[sp.Expr], p: sp.Symbol, q: sp.Symbol | None) -> sp.Expr:
    first, *rest = matrices
    if not rest:
        return entry(first, p, q)
    if isinstance(first, sp.DiagMatrix):
        return entry(first.args[0], p, None) * _product_entry(rest, p, q)
    if first.shape[1] == 1 and len(rest) == 1 and isinstance(rest[0], sp.Transpose | sp.OneMatrix):
        second = rest[0].arg if isinstance(rest[0], sp.Transpose) else rest[0]
        return entry(first, p, None) * (sp.Integer(1) if isinstance(second, sp.OneMatrix) else entry(second, q, None))
    inner = sp.Dummy("r", integer=True)
    size = first.shape[1]
    return sp.Sum(entry(first, p, inner) * _product_entry(rest, inner, q), (inner, 1, size))
