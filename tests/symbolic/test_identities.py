import pytest
import sympy as sp

from residua_symbolic.identities import first_apart, generators, is_free_of, last_apart, same, tends_to_zero

a, b, h, x = sp.symbols("a b h x")
n, N = sp.symbols("n N", integer=True, positive=True)
f, r = sp.Function("f"), sp.Function("r")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((a + b) ** 3, a**3 + 3 * a**2 * b + 3 * a * b**2 + b**3),
        (1 / a + 1 / b, (a + b) / (a * b)),
        (x**n * x, x ** (n + 1)),
        (x ** (n - 1) * x, x**n),
        ((f(x) + 1) ** 2 - 1, f(x) * (f(x) + 2)),
        ((a**2 - b**2) / (a - b), a + b),
        (sp.Sum(f(n), (n, 1, N)) * 2, sp.Sum(f(n), (n, 1, N)) + sp.Sum(f(n), (n, 1, N))),
        (sp.Integer(0), sp.Integer(0)),
        (sp.Rational(1, 3), sp.Rational(2, 6)),
    ],
)
def test_the_same(left: sp.Expr, right: sp.Expr) -> None:
    assert same(left, right)
    assert not same(left, right + 1)
    assert not same(left, 2 * right + sp.Rational(1, 7))
    assert not same(left, right + a * h)


def test_what_is_no_identity_is_none() -> None:
    """sin² + cos² = 1 and |x|² = x² are true, but not of free generators."""
    assert not same(sp.sin(x) ** 2 + sp.cos(x) ** 2, 1)
    assert not same(f(x), f(h))
    assert not same(x**n, x**N)


def test_generators() -> None:
    e = f(x) * x ** (n - 2) / (a + sp.Derivative(f(x), x))
    assert generators(e) == {f(x), x, x**n, a, sp.Derivative(f(x), x)}


def test_division_by_zero_is_refused() -> None:
    with pytest.raises(ZeroDivisionError):
        same(sp.Pow(sp.Add(a, -a, evaluate=False), -1, evaluate=False), a)


def test_tends_to_zero() -> None:
    small = (h, r(h))
    assert tends_to_zero(h * a + r(h) * (a + b), small)
    assert tends_to_zero(sp.Integer(0), small)
    assert not tends_to_zero(h * a + b, small)
    assert not tends_to_zero(h / h, small)
    assert not tends_to_zero(sp.sqrt(h) * 0 + sp.sqrt(h), small)  # true, yet nothing that this can know
    assert tends_to_zero(h / (a + h), small, [a])
    assert not tends_to_zero(h / (a + h), small)  # a may be 0
    assert not tends_to_zero(h / (a + b + h), small, [a, b])  # a + b may be
    assert not tends_to_zero(r(h) / h, small)
    assert tends_to_zero((a * h) ** 2 / h, small)


def test_is_free_of() -> None:
    assert is_free_of(a + f(x), (h, r(h)))
    assert not is_free_of(a + h, (h, r(h)))
    assert not is_free_of(f(x + h), (h,))


def test_terms_taken_out_of_sums_and_products() -> None:
    for kind, join in ((sp.Sum, sp.Add), (sp.Product, sp.Mul)):
        whole = kind(n**2 + 1, (n, 2, 6))
        for apart in (first_apart, last_apart):
            term, rest = apart(whole)
            assert join(term, rest.doit()) == whole.doit()
            assert rest.doit() != whole.doit()
