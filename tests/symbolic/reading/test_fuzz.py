"""Good texts with random changes: an Expression or an ExpressionError, in time; text, program and SymPy agree."""

import random
import time
from typing import Any

import mpmath as mp
import pytest

from residua_symbolic.reading import Expression, ExpressionError, read

from .interpreters import OfText, UndefinedError, of_program, of_sympy

SECONDS = 10.0
BUDGET = 8.0  # of the run, within which it makes what rounds it can, and LEAST at least
ROUNDS, LEAST = 1500, 200
SEED = 4
GOOD = [
    *("1/(exp(-(w*x+b))+1)", "log(x)+x*w-sin(w)", "4*x*(1-x)", "x^2-2**x+x**-1.5", "gelu(x)*silu(y)"),
    *("relu(x)-step(y)+softplus(w)", "abs(y)*sign(y)/abs(x)", "sinh(x)*cosh(y)-tanh(x)", "atan(y)+tan(x+pi/2)"),
    *("erf(x/sqrt(2))+ln(E*b)", "-x^2^w", "1e-3*b/0.1", "sqrt(x^2*y^2)+exp(y)^0.5", "sin(pi*x)^2+cos(pi*x)^2"),
    *("abs(sqrt(x)*log(y))", "(x*y)^(1/3)/(x^(1/3)*y^w)", "sigmoid(tanh(exp(-x)))", "exp(log(x)*y)-x^y"),
]
PIECES = [
    *("+", "-", "*", "/", "^", "**", "(", ")", "x", "y", "w", "b", "0", "1", "2", "1/2", "-1", "pi", "E", ".", "e"),
    *("exp(", "log(", "sqrt(", "abs(", "sign(", "tanh(", "gelu(", "relu(", "erf(", " ", "^64", "99", "_", "lambda"),
]
POINTS = [{"x": "0.7", "y": "-1.3", "w": "0.4", "b": "2.1"}, {"x": "1.9", "y": "0.6", "w": "-0.8", "b": "-0.3"}]
FEW, MANY = 40, 120  # digits: what the two differ by is what FEW has lost by cancellation
MARGIN = 100  # of the estimate, which is of a rounding error and may be small by chance


def changed(text: str, source: random.Random) -> str:
    """`text` changed once to three times: a piece inserted, a part deleted or copied, a function, a text for a name."""
    for _ in range(source.randint(1, 3)):
        i, j = sorted(source.choices(range(len(text) + 1), k=2))
        kind = source.randrange(5)
        if kind == 0:
            text = text[:i] + source.choice(PIECES) + text[i:]
        elif kind == 1:
            text = text[:i] + text[min(j, i + 3) :]
        elif kind == 2:
            text = text[:j] + text[i:j] + text[j:]
        elif kind == 3:
            text = f"{source.choice(('exp', 'log', 'sqrt', 'abs', 'tanh', 'gelu', 'sign', 'tan'))}({text})"
        else:
            text = text.replace(source.choice("xywb"), f"({source.choice(GOOD)})", 1)
    return text


def values_at(expression: Expression, point: dict[str, str], digits: int) -> tuple[Any, Any, Any]:
    with mp.workdps(digits):
        values = {name: mp.mpf(point.get(name, "1.1")) for name in expression.variables}
        text = OfText(expression.text, values).value()
        return text, of_program(expression.program, values), of_sympy(expression.sympy, values)


def agrees(expression: Expression, point: dict[str, str]) -> bool:
    """Whether text, program and SymPy's form have one value, up to cancellation. Raises UndefinedError."""
    few, many = values_at(expression, point, FEW), values_at(expression, point, MANY)
    with mp.workdps(MANY):
        lost = sum(abs(a - b) for a, b in zip(few, many, strict=True))
        bound = MARGIN * lost * mp.mpf(10) ** (FEW - MANY) + _unit(many[0])
        return all(abs(one - many[0]) <= bound for one in many)


def _unit(value: Any) -> Any:
    return MARGIN * mp.mpf(10) ** -MANY * max(1, abs(value))


def test_changed_texts_are_read_or_refused_in_time() -> None:
    source = random.Random(SEED)
    compared = refused = rounds = 0
    end = time.perf_counter() + BUDGET
    while rounds < LEAST or (rounds < ROUNDS and time.perf_counter() < end):
        rounds += 1
        text = changed(source.choice(GOOD), source)
        begin = time.perf_counter()
        try:
            expression = read(text)
        except ExpressionError as error:
            refused += 1
            if not str(error).isprintable():
                pytest.fail(f"{text}: more than a line")
            continue
        finally:
            assert time.perf_counter() - begin < SECONDS, text
        for point in POINTS:
            try:
                assert agrees(expression, point), (text, point, expression.sympy)
                compared += 1
            except UndefinedError:
                continue
    assert min(compared, refused) > rounds // 10


def test_a_form_that_differs_is_noticed() -> None:
    expression, other = read("x^2 + y"), read("x^2 + y + x/10^60")
    text, program, form = expression.text, expression.program, expression.sympy
    assert agrees(Expression(text, program, form), POINTS[0])
    assert not agrees(Expression(other.text, program, form), POINTS[0])
    assert not agrees(Expression(text, other.program, form), POINTS[0])
    assert not agrees(Expression(text, program, other.sympy), POINTS[0])
    with pytest.raises(UndefinedError):
        agrees(read("log(y)"), POINTS[0])
