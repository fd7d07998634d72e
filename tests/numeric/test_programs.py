import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from residua_network import DescriptionError, ShapeError
from residua_network.program import ARITY, ELEMENTARY, Operation, Program
from residua_numeric import elementary, programs
from residua_numeric.programs import BLOCK, PointError, evaluate_program, program_tangents, run_program
from residua_numeric.state import on_threads

ULPS = 4  # torch's elementary functions err by at most an ulp or two, the derivatives by as many operations
POINTS = (0.4, 1.7)


def d_tanh(x: float) -> float:
    return 1 / math.cosh(x) ** 2


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


Real = Callable[[float], float]
# values and derivatives by the standard library, at positive x unless the name is in ODD
BY_HAND: dict[str, tuple[Real, Real]] = {
    "exp": (math.exp, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "sqrt": (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
    "sin": (math.sin, math.cos),
    "cos": (math.cos, lambda x: -math.sin(x)),
    "tan": (math.tan, lambda x: 1 / math.cos(x) ** 2),
    "sinh": (math.sinh, math.cosh),
    "cosh": (math.cosh, math.sinh),
    "tanh": (math.tanh, d_tanh),
    "atan": (math.atan, lambda x: 1 / (1 + x * x)),
    "erf": (math.erf, lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x)),
    "abs": (abs, lambda x: math.copysign(1, x)),
    "sign": (lambda x: math.copysign(1, x), lambda x: 0),
    "relu": (lambda x: max(x, 0), lambda x: float(x > 0)),
    "step": (lambda x: float(x > 0), lambda x: 0),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "softplus": (lambda x: math.log1p(math.exp(x)), sigmoid),
}
POSITIVE = {"log", "sqrt"}
CASES = [(name, x) for name in BY_HAND for x in (*POINTS, *(() if name in POSITIVE else (-0.9, 25.0)))]
ARITHMETIC: dict[str, tuple[Callable[[float, float], float], Real, Real]] = {  # at (2.5, 0.75): f, ∂f/∂x, ∂f/∂y
    "add": (lambda x, y: x + y, lambda _: 1, lambda _: 1),
    "sub": (lambda x, y: x - y, lambda _: 1, lambda _: -1),
    "mul": (lambda x, y: x * y, lambda _: 0.75, lambda _: 2.5),
    "div": (lambda x, y: x / y, lambda _: 1 / 0.75, lambda _: -2.5 / 0.75**2),
    "pow": (lambda x, y: x**y, lambda _: 0.75 * 2.5**-0.25, lambda _: 2.5**0.75 * math.log(2.5)),
}


def one(function: str, *arguments: str | Fraction) -> Program:
    """Inputs x and y, one operation "f"."""
    return Program(("x", "y"), (Operation("f", function, arguments),), ("f",))


def close(found: float, wanted: float, dtype: str = "float64") -> bool:
    return abs(found - wanted) <= ULPS * float(np.finfo(dtype).eps) * max(abs(wanted), float(np.finfo(dtype).tiny))


# 004: 1/(exp(−(wx + b)) + 1)
LOGISTIC = Program(
    ("x", "w", "b"),
    (
        Operation("1", "mul", ("w", "x")),
        Operation("2", "add", ("1", "b")),
        Operation("3", "neg", ("2",)),
        Operation("4", "exp", ("3",)),
        Operation("5", "add", ("4", Fraction(1))),
        Operation("6", "div", (Fraction(1), "5")),
    ),
    ("6",),
)
AT = {"x": 1.0, "w": 0.0, "b": 0.0}


def test_every_function_is_there_and_has_a_case_here() -> None:
    assert set(elementary.FUNCTIONS) | set(elementary.CONSTANTS) == set(ARITY)
    assert set(BY_HAND) == set(ELEMENTARY)
    assert set(ARITHMETIC) == {name for name, arity in ARITY.items() if arity == 2}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "x"), CASES)
def test_values_and_derivatives_by_hand(name: str, x: float, dtype: str) -> None:
    x = float(np.asarray(x, dtype=dtype))
    value, derivative = BY_HAND[name]
    # near a zero of the derivative the two sides cancel: what counts is the rounding of its terms, which are below 1
    slack = ULPS * float(np.finfo(dtype).eps) if name in ("tanh", "sigmoid", "softplus", "erf") else 0.0
    run = run_program(one(name, "x"), {"x": x, "y": 0.0}, dtype)
    assert close(run.values["f"], value(x), dtype)
    assert close(run.gradients["x"], derivative(x), dtype) or abs(run.gradients["x"] - derivative(x)) <= slack
    tangent = program_tangents(one(name, "x"), {"x": x, "y": 0.0}, "x", dtype)["f"]
    assert close(tangent, run.gradients["x"], dtype) or abs(tangent - derivative(x)) <= slack
    (vectorised,) = evaluate_program(one(name, "x"), {"x": [x], "y": 0.0}, dtype)
    assert vectorised.dtype == dtype
    assert close(float(vectorised), value(x), dtype)


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_by_hand(name: str) -> None:
    value, by_x, by_y = ARITHMETIC[name]
    run = run_program(one(name, "x", "y"), {"x": 2.5, "y": 0.75})
    assert close(run.values["f"], value(2.5, 0.75))
    assert close(run.gradients["x"], by_x(2.5))
    assert close(run.gradients["y"], by_y(0.75))
    x_and_number = run_program(one(name, "x", Fraction(3, 4)), {"x": 2.5, "y": 0.0})
    number_and_y = run_program(one(name, Fraction(5, 2), "y"), {"x": 0.0, "y": 0.75})
    assert close(x_and_number.gradients["x"], by_x(2.5))
    assert close(number_and_y.gradients["y"], by_y(0.75))
    assert x_and_number.values["f"] == number_and_y.values["f"] == run.values["f"]
    assert (x_and_number.nodes, number_and_y.nodes, run.nodes) == (2, 2, 3)  # one node an operation, one an input


def test_kinks_as_torch_has_them() -> None:
    for name, value in (("relu", 0.0), ("abs", 0.0), ("sign", 0.0), ("step", 0.0)):
        run = run_program(one(name, "x"), {"x": 0.0, "y": 0.0})
        assert (run.values["f"], run.gradients["x"]) == (value, 0.0)


def test_a_rational_exponent_and_the_constants() -> None:
    program = Program(
        ("x",),
        (
            Operation("p", "pi"),
            Operation("e", "e"),
            Operation("c", "mul", ("p", "e")),
            Operation("r", "pow", ("x", Fraction(-2, 3))),
            Operation("f", "mul", ("c", "r")),
        ),
        ("f", Fraction(1, 3), "x"),
    )
    run = run_program(program, {"x": 8.0})
    assert close(run.values["f"], math.pi * math.e / 4)
    assert close(run.gradients["x"], -math.pi * math.e / 48)
    assert set(run.gradients) == {"x", "r", "f"}  # constants have none
    assert run.functions == {"r": "PowBackward0", "f": "MulBackward0"}
    assert run.nodes == 3
    constant = run_program(program, {"x": 8.0}, output=1)
    assert (constant.nodes, constant.gradients["x"], constant.values) == (0, 0.0, run.values)
    itself = run_program(program, {"x": 8.0}, output=2)
    assert (itself.nodes, itself.gradients) == (1, {"x": 1.0, "r": 0.0, "f": 0.0})
    assert evaluate_program(program, {"x": [1.0, 2.0]}, output=1).tolist() == [1 / 3, 1 / 3]


def test_the_example_of_document_004() -> None:
    run = run_program(LOGISTIC, AT)
    assert run.values == {**AT, "1": 0.0, "2": 0.0, "3": 0.0, "4": 1.0, "5": 2.0, "6": 0.5}
    backwards = {"6": 1.0, "5": -0.25, "4": -0.25, "3": -0.25, "2": 0.25, "1": 0.25}
    assert run.gradients == {**backwards, "x": 0.0, "w": 0.25, "b": 0.25}
    assert list(run.functions.values()) == [f"{name}Backward0" for name in ("Mul", "Add", "Neg", "Exp", "Add", "Div")]
    assert run.nodes == 9
    forwards = {"1": 1.0, "2": 1.0, "3": -1.0, "4": -1.0, "5": -1.0, "6": 0.25}
    assert program_tangents(LOGISTIC, AT, "w") == {"x": 0.0, "w": 1.0, "b": 0.0, **forwards}


def test_a_value_used_twice_is_one_node() -> None:
    level = [
        operation
        for k in range(10)
        for operation in (
            Operation(f"a{k}", "sub", (Fraction(1), f"x{k}")),
            Operation(f"b{k}", "mul", (f"x{k}", f"a{k}")),
            Operation(f"x{k + 1}", "mul", (Fraction(4), f"b{k}")),
        )
    ]
    run = run_program(Program(("x0",), tuple(level), ("x10",)), {"x0": 0.3})
    assert run.nodes == 31  # and not the 2^10 leaves of the tree
    derivative, x = 1.0, 0.3
    for _ in range(10):
        derivative, x = derivative * (4 - 8 * x), 4 * x * (1 - x)
    growth = 4.0**10  # of a rounding error, through ten levels
    assert abs(run.gradients["x0"] - derivative) <= growth * abs(derivative) * 10 * 2.0**-53


def test_a_planted_wrong_gradient_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = {**elementary.FUNCTIONS, "exp": lambda x: x.exp().detach() + 1.5 * (x - x.detach())}
    monkeypatch.setattr(programs, "FUNCTIONS", planted)
    with pytest.raises(AssertionError):
        test_the_example_of_document_004()
    with pytest.raises(AssertionError):
        test_values_and_derivatives_by_hand("exp", 0.4, "float64")


def test_a_value_does_not_depend_on_its_neighbours() -> None:
    x = np.linspace(-3, 3, BLOCK + 37)
    many = np.linspace(-3, 3, 2**16 + 37)  # enough for torch to deal them out to threads
    with on_threads(3):
        dealt_out = evaluate_program(one("sinh", "x"), {"x": many, "y": 0.0})
    assert (dealt_out[-5:] == evaluate_program(one("sinh", "x"), {"x": many[-5:], "y": 0.0})).all()
    assert (dealt_out == evaluate_program(one("sinh", "x"), {"x": many, "y": 0.0})).all()
    for name in ("sinh", "cosh", "sigmoid", "exp"):  # the first three differ between torch's kernels
        together = evaluate_program(one(name, "x"), {"x": x, "y": 0.0})
        for size in (1, 3, BLOCK):
            alone = evaluate_program(one(name, "x"), {"x": x[-size:], "y": 0.0})
            assert (alone == together[-size:]).all()


def test_arrays_broadcast_and_are_rounded() -> None:
    found = evaluate_program(one("add", "x", "y"), {"x": [[0.1], [0.2]], "y": [1.0, 2.0, 3.0]}, "float32")
    wanted = np.add(np.array([[0.1], [0.2]], dtype="float32"), np.array([1, 2, 3], dtype="float32"))
    assert found.dtype == wanted.dtype == np.float32
    assert (found == wanted).all()
    assert evaluate_program(one("add", "x", "y"), {"x": [], "y": 1.0}).shape == (0,)
    assert evaluate_program(one("add", "x", "y"), {"x": 1.0, "y": 1.0}).shape == ()
    assert evaluate_program(Program((), (Operation("p", "pi"),), ("p",)), {}).tolist() == math.pi


@pytest.mark.parametrize("values", [{"x": 1.0}, {"x": 1.0, "y": 1.0, "z": 1.0}, {}])
def test_missing_and_surplus_values(values: dict[str, float]) -> None:
    for act in (run_program, evaluate_program, lambda p, v: program_tangents(p, v, "x")):
        with pytest.raises(DescriptionError, match=r"expected values for x, y; (missing: .*y|surplus: z)"):
            act(one("add", "x", "y"), values)


def test_points_without_a_value_are_named() -> None:
    with pytest.raises(
        PointError, match=r'"f" = log\(x\): expected a value that is finite in float64, got nan at x=-1.0'
    ):
        run_program(one("log", "x"), {"x": -1.0, "y": 0.0})
    with pytest.raises(PointError, match=r'"f" = div\(1, x\): .* got inf at x=0.0, y=2.0'):
        evaluate_program(one("div", Fraction(1), "x"), {"x": [1.0, 0.0], "y": [1.0, 2.0]})
    with pytest.raises(PointError, match=r'"x": .* finite in float32, got inf'):
        run_program(one("neg", "x"), {"x": 1e39, "y": 0.0}, "float32")
    with pytest.raises(PointError, match="finite in float64, got one beyond"):
        run_program(one("add", "x", Fraction(10) ** 400), {"x": 1.0, "y": 0.0})
    with pytest.raises(PointError, match='"x": expected a finite derivative of the output by it, got inf'):
        run_program(one("sqrt", "x"), {"x": 0.0, "y": 0.0})
    doubled = Program(("x",), (Operation("a", "mul", ("x", Fraction(2))), Operation("f", "sqrt", ("a",))), ("f",))
    with pytest.raises(PointError, match='"a": expected a finite derivative of the output by it, got inf'):
        run_program(doubled, {"x": 0.0})  # the one nearest to the output
    with pytest.raises(PointError, match='"f": expected a finite derivative of it by "x", got inf'):
        program_tangents(one("sqrt", "x"), {"x": 0.0, "y": 0.0}, "x")


def test_what_makes_no_sense_is_refused() -> None:
    values = {"x": 1.0, "y": 1.0}
    with pytest.raises(DescriptionError, match="unknown dtype 'float16'"):
        run_program(one("neg", "x"), values, "float16")
    with pytest.raises(DescriptionError, match="output must be a whole number below 1, got 1"):
        run_program(one("neg", "x"), values, output=1)
    with pytest.raises(DescriptionError, match='"x" must be a finite number, got nan'):
        run_program(one("neg", "x"), {"x": math.nan, "y": 0.0})
    with pytest.raises(DescriptionError, match="unknown input 'z'"):
        program_tangents(one("neg", "x"), values, "z")
    with pytest.raises(ShapeError, match="broadcast"):
        evaluate_program(one("add", "x", "y"), {"x": [1.0, 2.0], "y": [1.0, 2.0, 3.0]})
