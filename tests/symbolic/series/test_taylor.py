"""The verb `taylor` for expressions: what it takes, what it gives, and what it refuses."""

import json
import math
import re
import warnings
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic import Enclosure, taylor
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.series.expression import ConvergenceWarning

x, y = sp.symbols("x y", real=True)


def test_the_example_of_the_contract() -> None:
    s = taylor("sin(x)", order=7, at=0)
    assert s.coefficients == (0, 1, 0, sp.Rational(-1, 6), 0, sp.Rational(1, 120), 0, sp.Rational(-1, 5040))
    assert sp.expand(s.polynomial - (x - x**3 / 6 + x**5 / 120 - x**7 / 5040)) == 0
    assert s.radius is sp.oo
    bound = s.remainder(-1, 1)
    worst = math.sin(1) - float(s.polynomial.subs(x, 1))
    assert float(bound.lower) <= -worst < worst <= float(bound.upper) < 1.01 * worst
    assert repr(s) == "<Taylor series of sin(x) at x = 0, order 7>"


def test_text_and_sympy_give_the_same() -> None:
    assert taylor("exp(x)*sin(x)", 9).coefficients == taylor(sp.exp(x) * sp.sin(x), 9).coefficients


@pytest.mark.parametrize("at", ["pi/2", sp.pi / 2])
def test_the_point_may_be_a_constant(at: object) -> None:
    assert taylor("sin(x)", 4, at=at).coefficients == (1, 0, sp.Rational(-1, 2), 0, sp.Rational(1, 24))


def test_points_are_taken_exactly() -> None:
    assert taylor("x^2", 2, at="0.1").coefficients == (sp.Rational(1, 100), sp.Rational(1, 5), 1)
    assert taylor("x^2", 1, at=0.1).coefficients[0] == sp.Rational(0.1) ** 2


def test_several_variables_have_total_degree() -> None:
    s = taylor("x*sin(y)", order=4, at={"x": 0, "y": 1})
    assert set(map(sum, s.coefficients)) <= {0, 1, 2, 3, 4}
    direct = sp.series(sp.sin(1 + sp.Symbol("t")), sp.Symbol("t"), 0, 4).removeO().subs(sp.Symbol("t"), y - 1)
    assert sp.expand(s.polynomial - x * direct) == 0
    assert s({"x": 0.5, "y": 1.25}) == pytest.approx(float(s.polynomial.subs({x: 0.5, y: 1.25})), rel=1e-14)
    bound = s.remainder({"x": -0.1, "y": 0.9}, {"x": 0.1, "y": 1.1})
    corner = 0.1 * math.sin(1.1) - float(s.polynomial.subs({x: 0.1, y: 1.1}))
    assert float(bound.lower) <= corner <= float(bound.upper) < 30 * abs(corner)


def test_a_constant_and_order_zero() -> None:
    assert taylor("2^3", 2).coefficients == (8, 0, 0)
    s = taylor("exp(x)", 0)
    assert s.coefficients == (1,)
    bound = s.remainder(0, 1)
    assert float(bound.lower) <= 0.0
    assert math.e - 1 <= float(bound.upper) < 1.01 * (math.e - 1)


def test_values_and_errors_seen() -> None:
    s = taylor("exp(sin(x))", 12)
    points = np.linspace(-0.5, 0.5, 11)
    np.testing.assert_allclose(s.values(points), np.exp(np.sin(points)), rtol=1e-15)
    seen, where = s.largest_error_seen(-0.5, 0.5)
    bound = s.remainder(-0.5, 0.5)
    with mpmath.workdps(50):
        polynomial = sum(mpmath.mpf(c.p) / c.q * mpmath.mpf(where) ** k for k, c in enumerate(s.coefficients))
        assert seen == pytest.approx(float(abs(mpmath.exp(mpmath.sin(where)) - polynomial)), rel=1e-6)
    assert max(-float(bound.lower), float(bound.upper)) >= seen


def test_beyond_the_radius_the_bound_holds_and_a_warning_says_so() -> None:
    s = taylor("1/(1+x^2)", 10)
    with pytest.warns(ConvergenceWarning, match="beyond the radius of convergence, about 1 as"):
        s.remainder(-2, 2)
    assert s.radius == 1
    with pytest.warns(ConvergenceWarning, match="beyond the radius of convergence 1: the bound holds"):
        bound = s.remainder(-2, 2)
    worst = 1 / 5 - float(s.polynomial.subs(x, 2))
    assert float(bound.lower) <= worst <= float(bound.upper)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s.remainder(-0.5, 0.5)


def test_the_mean_square_error_is_exact_where_the_integral_is_known() -> None:
    s = taylor("sin(x)", 3)
    found = s.mean_square_error(-sp.pi, sp.pi)
    assert isinstance(found, sp.Expr)
    with mpmath.workdps(30):
        integral = mpmath.quad(lambda v: (mpmath.sin(v) - v + v**3 / 6) ** 2, [-mpmath.pi, mpmath.pi])
        assert float(found) == pytest.approx(float(integral / (2 * mpmath.pi)), rel=1e-14)
    other = taylor("exp(sin(x))", 3).mean_square_error(-1, 1)
    assert isinstance(other, Enclosure)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: taylor("sin(x)", -1), "order"),
        (lambda: taylor("sin(x)", 10**9), "at most 2000"),
        (lambda: taylor("sin(x)", 2.5), "order"),  # type: ignore[call-overload]
        (lambda: taylor("x*y", 2), "a value for each of x, y"),
        (lambda: taylor("x*y", 2, at={"x": 0}), "missing: y"),
        (lambda: taylor("x", 2, at={"x": 0, "z": 1}), "surplus: z"),
        (lambda: taylor("x", 2, at="x"), "at: x"),
        (lambda: taylor("x", 2, at=math.inf), "finite"),
        (lambda: taylor("x", 2, weights={}), "weights goes with a network"),  # type: ignore[call-overload]
        (lambda: taylor("x*y", 2, at={"x": 0, "y": 0}, variable="z"), "one of x, y, got 'z'"),
        (lambda: taylor("sin(x)", 3)({"z": 1}), "values by name for x, got values for z"),
        (lambda: taylor("sin(x)", 3)("a"), "expected numbers for x"),
        (lambda: taylor("x*y", 3, at={"x": 0, "y": 0})(1.0), "values by name for x, y"),
        (lambda: taylor("x*y", 3, at={"x": 0, "y": 0}).values({"x": 1}), "got values for x"),
        (lambda: taylor("sin(x)", 3).remainder(-1, 1, bits=10**9), "bits must lie between"),
        (lambda: taylor("sin(x)", 3).text(-1), "lower alone"),
        (lambda: taylor("x*y", 3, at={"x": 0, "y": 0}).remainder({"x": -1}, {"x": 1}), "got values for x"),
        (lambda: taylor("sin(x)", 3).remainder(1, -1), "lower < upper"),
        (lambda: taylor("sin(x)", 3).remainder(1, 1), "lower < upper"),
        (lambda: taylor("sin(x)", 3).remainder(1, 2), "contains x = 0"),
        (lambda: taylor("sin(x)", 3).remainder("a", 2), "lower"),
        (lambda: taylor("x*y", 3, at={"x": 0, "y": 0}).remainder(-1, 1), "a value for each"),
        (lambda: taylor("x*y", 3, at={"x": 0, "y": 0}).radius, "one variable only"),
        (lambda: taylor("exp(a+b+c+d+g+h+k+l)", 40, at=dict.fromkeys("abcdghkl", 0)), "at most 100000"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: object, words: str) -> None:
    with pytest.raises(ResiduaError, match=words) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["relu(x)", "abs(x)", "log(x)", "sqrt(x)", "1/x", "sign(x)", "x^(1/3)", "sqrt(x^2)"])
def test_points_without_a_series_are_refused(text: str) -> None:
    with pytest.raises(PointError):
        taylor(text, 3)


def test_formats_say_the_same() -> None:
    s = taylor("1/(1-x)", 4)
    for words in (s.text("-1/2", "1/2"), s.markdown("-1/2", "1/2")):
        assert "radius of convergence: 1" in words
        assert "certified" in words
        assert "mean square error" in words
    assert r"\toprule" in s.latex()
    found = s.to_dict("-1/2", "1/2")
    assert found["coefficients"] == ["1"] * 5
    assert found["values"] == [1.0] * 5
    assert found["radius"] == {"exact": "1", "value": 1.0}
    assert found["remainder"]["upper"] >= found["largest_error_seen"] >= 0.9 * found["remainder"]["upper"]


@pytest.mark.parametrize(("text", "order"), [("exp(sin(x))", 100), ("sin(x)", 60), ("exp(x)", 30)])
def test_errors_are_seen_however_small_they_are(text: str, order: int) -> None:
    s = taylor(text, order)
    seen, where = s.largest_error_seen(-1, 1)
    bound = s.remainder(-1, 1)
    size = max(-float(bound.lower), float(bound.upper))
    assert abs(where) == 1
    assert size / 2 < seen <= size * (1 + 2**-50)


def test_of_a_polynomial_no_error_is_seen() -> None:
    s = taylor("(x+1)^3/7", 3, at="1/3")
    assert s.largest_error_seen(-1, 1)[0] == 0.0
    assert "largest |f - T| seen at 201 points on [-1, 1]: 0\n" in s.text(-1, 1)
    assert "O{" not in s.latex()
    assert taylor("(x+1)^3/7", 2, at="1/3").largest_error_seen(-1, 1)[0] > 0.1
    assert r"O{\left(x^{3} \right)}" in taylor("x^3+x", 2).latex()


def test_where_a_function_does_not_exist_is_said() -> None:
    with pytest.warns(ConvergenceWarning, match="no bound was found"):
        words = taylor("1/(x-1)", 2).text(-2, 2)
    assert "certified: no bound found" in words
    assert "f does not exist at 1 of them" in words
    with pytest.warns(ConvergenceWarning):
        assert "f does not exist at 100 of them" in taylor("sqrt(1-x)", 2).text(0, 2)


def test_a_removable_point_has_all_that_others_have() -> None:
    s = taylor("sin(x)/x", 4)
    assert s.values(0.0) == 1.0
    assert s.values([0.0, 0.5]).tolist() == [1.0, math.sin(0.5) / 0.5]
    bound = s.remainder(-1, 1)
    seen, _ = s.largest_error_seen(-1, 1)
    assert -float(bound.lower) >= seen == pytest.approx(abs(math.sin(1) - 1 + 1 / 6 - 1 / 120), rel=1e-9)
    assert "does not exist" not in s.text(-1, 1)


@pytest.mark.parametrize("text", ["exp(sin(x))", "1/(3+x)", "sin(x)*exp(x)-x", "gelu(x)"])
def test_printed_bounds_contain_the_certified_ones(text: str) -> None:
    s = taylor(text, 3)
    bound = s.remainder(-1, 1)
    found = re.search(r"certified: within \[(.*), (.*)\]", s.text(-1, 1))
    assert found is not None
    low, high = map(Fraction, found.groups())
    size = float(bound.upper) - float(bound.lower)
    assert low <= Fraction(float(bound.lower)) <= low + Fraction(size / 1e4)
    assert high - Fraction(size / 1e4) <= Fraction(float(bound.upper)) <= high
    assert all(len(number.strip("-0.").replace(".", "").split("e")[0]) <= 6 for number in found.groups())


def test_a_closed_form_keeps_its_digits_when_it_cancels() -> None:
    s = taylor("sin(x)", 60)
    with mpmath.workdps(250):
        mean = mpmath.quad(lambda v: (mpmath.sin(v) - mpmath.polyval(_descending(s), v)) ** 2, [-1, 0, 1]) / 2
    assert s.to_dict(-1, 1)["mean_square_error"]["value"] == pytest.approx(float(mean), rel=1e-12)
    assert f"{float(mean):.6e}".split("e")[0][:7] in s.text(-1, 1)


def _descending(s: object) -> list[mpmath.mpf]:
    return [mpmath.mpf(int(c.p)) / int(c.q) for c in reversed(s.coefficients)]  # type: ignore[attr-defined]


def test_numbers_of_thousands_of_digits_are_printed() -> None:
    s = taylor("exp(sin(x))", 1500)
    found = s.to_dict()
    assert len(found["coefficients"][-1]) > 5000
    assert found["coefficients"][-1] in found["polynomial"]
    for words in (s.text(), s.markdown(), s.latex()):
        assert max(map(len, words.splitlines())) < 700


def test_the_polynomial_is_written_in_powers_of_the_distance() -> None:
    assert ": 1 - (x - pi/2)**2/2 + (x - pi/2)**4/24\n" in taylor("sin(x)", 4, at="pi/2").text()
    assert ": x*sin(1)\n" in taylor("x*sin(y)", 1, at={"x": 0, "y": 1}).text()
    assert "(x + 1 + pi/2)" in taylor("sin(x)", 2, at="-pi/2-1").text()
    assert taylor("x^x", 2, at=1).text().splitlines()[0].endswith(": 1 + (x - 1) + (x - 1)**2")


def test_a_single_variable_may_move() -> None:
    s = taylor("w*sin(x)+b", 3, at={"w": 2, "x": 0, "b": "pi"}, variable="x")
    assert s.coefficients == (sp.pi, 2, 0, sp.Rational(-1, 3))
    assert s.radius is sp.oo
    assert s.variables == ("x",)
    w, u = sp.symbols("w u")
    assert taylor(w * sp.exp(u), 2, at={w: 3, u: 0}, variable="u").coefficients == (3, 3, sp.Rational(3, 2))


def test_boxes_have_errors_and_values_too() -> None:
    s = taylor("x*sin(y)", 3, at={"x": 0, "y": 1})
    corners = {"x": -1, "y": 0}, {"x": 1, "y": 2}
    seen, where = s.largest_error_seen(*corners)
    assert abs(where["x"]) == 1
    direct = float(s.values(where)) - float(s(where))
    assert seen == pytest.approx(abs(direct), rel=1e-9)
    bound = s.remainder(*corners)
    assert max(-float(bound.lower), float(bound.upper)) >= seen
    found = s.to_dict(*corners)
    assert json.loads(json.dumps(found)) == found
    assert found["largest_error_seen"] == seen
    assert "on [-1, 1] x [0, 2]" in s.text(*corners)


@pytest.mark.parametrize("text", ["exp(x)", "sin(exp(x))", "sinh(x)*x", "exp(exp(exp(x)))", "(x+2)^5"])
def test_an_entire_function_has_no_warning(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        taylor(text, 4).remainder(-3, 3)


@pytest.mark.parametrize(("text", "radius"), [("tanh(x)", math.pi / 2), ("sqrt(1-x)", 1), ("atan(x)*erf(x)", 1)])
def test_a_remainder_knows_about_where_the_series_ends(text: str, radius: float) -> None:
    s = taylor(text, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s.remainder(-radius / 2, 0.98 * radius)
    with pytest.warns(ConvergenceWarning, match="about"):
        s.remainder(-1.2 * radius, radius / 2)
    assert "convergence" not in vars(s)  # nothing waited for the radius itself


def test_a_radius_that_cannot_be_had_is_said_and_nothing_else_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ResiduaError("no radius today")

    monkeypatch.setattr("residua_symbolic.series.expression.expression_radius", refuse)
    s = taylor("relu(x-1)+tanh(x)", 3)
    assert "radius of convergence: not known (no radius today)" in s.text(-2, 2)
    assert s.to_dict(-2, 2)["radius"] is None


def test_an_estimated_radius_does_not_look_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    from residua_symbolic.series.convergence.radius import Radius

    guess = Radius.estimated(1.23456789, 0.0, "from nothing")
    monkeypatch.setattr("residua_symbolic.series.expression.expression_radius", lambda *_: guess)
    s = taylor("tanh(x)", 3)
    assert "radius of convergence: about 1.235 (an estimate: from nothing)" in s.text()
    assert s.to_dict()["radius"] == {"estimate": 1.23456789}
    assert s.to_dict()["radius_certified"] is False


def test_formulas_fit_a_page() -> None:
    long = "tanh(tanh(tanh(x)))+exp(sin(cos(tan(x^2+1)+1/7)+1/3))+log(2+x^2)*sqrt(3+x)"
    for s in (taylor("exp(sin(x))", 200), taylor(long, 4), taylor("sin(x)", 300)):
        formula = s.latex().split("\\]")[0].splitlines()
        assert len(formula) < 20
    assert r"f\left(x\right)" in taylor(long, 4).latex()
    assert taylor("sin(x)", 300).latex().count(r"\begin{tabular}") == 11


@pytest.mark.parametrize(("text", "order", "at"), [("exp(sin(x))", 30, "0"), ("tanh(x)", 6, "1"), ("x^x", 5, "1")])
def test_plain_data_reads_back(text: str, order: int, at: str) -> None:
    s = taylor(text, order, at=at)
    found = json.loads(json.dumps(s.to_dict()))
    again = sp.sympify(found["polynomial"], locals={"x": x})
    assert sp.expand(again - s.polynomial) == 0
    assert tuple(sp.sympify(c) for c in found["coefficients"]) == s.coefficients
