"""What a text is read as, operation by operation, and what each refusal says."""

import ast
from fractions import Fraction

import pytest

from residua_network.program import ELEMENTARY, Program
from residua_symbolic.reading.errors import SHOWN, ExpressionError
from residua_symbolic.reading.grammar import Parsed, Place, _Reading, parse
from residua_symbolic.reading.limits import MAX_BITS, MAX_DEPTH, MAX_DIGITS, MAX_EXPONENT, MAX_LENGTH, MAX_NODES

SYNTAX = [
    "x.y",
    "x[0]",
    "(x, y)",
    "x if y else z",
    "x < y",
    "lambda: 0",
    "f'{x}'",
    "x // y",
    "~x",
    "exp(*x)",
    "exp(x=1)",
]


def written(text: str) -> list[str]:
    """The operations, one a line of its own kind: 'v1 = mul w x'."""
    program = parse(text).program
    return [" ".join((one.name, "=", one.function, *map(str, one.arguments))) for one in program.operations]


def refused(text: str, variables: tuple[str, ...] | None = None) -> str:
    with pytest.raises(ExpressionError) as caught:
        parse(text, variables)
    return str(caught.value)


def test_the_example_of_document_004_is_six_operations() -> None:
    assert written("1/(exp(-(w*x+b))+1)") == [
        *("v1 = mul w x", "v2 = add v1 b", "v3 = neg v2", "v4 = exp v3", "v5 = add v4 1", "v6 = div 1 v5")
    ]
    assert parse("1/(exp(-(w*x+b))+1)").program.inputs == ("w", "x", "b")


@pytest.mark.parametrize(
    ("text", "operations"),
    [
        ("x - y - z", ["v1 = sub x y", "v2 = sub v1 z"]),
        ("x / y / z", ["v1 = div x y", "v2 = div v1 z"]),
        ("x / y * z", ["v1 = div x y", "v2 = mul v1 z"]),
        ("x ^ y ** z", ["v1 = pow y z", "v2 = pow x v1"]),
        ("-x^2", ["v1 = pow x 2", "v2 = neg v1"]),
        ("(-x)^2", ["v1 = neg x", "v2 = pow v1 2"]),
        ("-2*x", ["v1 = mul -2 x"]),
        ("- - x", ["v1 = neg x", "v2 = neg v1"]),
        ("+x", []),
        ("x^-2", ["v1 = pow x -2"]),
        ("x^(1/2)", ["v1 = pow x 1/2"]),
        ("x^(2^3 - 1)", ["v1 = pow x 7"]),
        ("1/2*x", ["v1 = div 1 2", "v2 = mul v1 x"]),
        ("x^pi", ["v1 = pi", "v2 = pow x v1"]),
        ("E^x", ["v1 = e", "v2 = pow v1 x"]),
        ("x + 0*x", ["v1 = mul 0 x", "v2 = add x v1"]),
        ("exp(x)*exp(x)", ["v1 = exp x", "v2 = mul v1 v1"]),
        ("x*y + y*x", ["v1 = mul x y", "v2 = mul y x", "v3 = add v1 v2"]),
        ("ln(x)", ["v1 = log x"]),
        ("silu(x)", ["v1 = sigmoid x", "v2 = mul x v1"]),
        (
            "gelu(x)",
            [
                *("v1 = sqrt 2", "v2 = div x v1", "v3 = erf v2", "v4 = add 1 v3", "v5 = mul x v4", "v6 = div v5 2"),
            ],
        ),
        # the third operation under a root, and the number two, which is its position
        ("sqrt(x - y*z) / sqrt(2)", ["v1 = mul y z", "v2 = sub x v1", "v3 = sqrt v2", "v4 = sqrt 2", "v5 = div v3 v4"]),
        ("sqrt(x*y + 1) / sqrt(1)", ["v1 = mul x y", "v2 = add v1 1", "v3 = sqrt v2", "v4 = sqrt 1", "v5 = div v3 v4"]),
        ("v1*v_2 + h*v_3", ["h1 = mul v1 v_2", "h2 = mul h v_3", "h3 = add h1 h2"]),
        ("v1*h2 + u3", ["vv1 = mul v1 h2", "vv2 = add vv1 u3"]),
        ("v*x", ["v1 = mul v x"]),
    ],
)
def test_operations_are_as_written(text: str, operations: list[str]) -> None:
    assert written(text) == operations


@pytest.mark.parametrize("name", [*ELEMENTARY])
def test_every_elementary_function_can_be_written(name: str) -> None:
    assert written(f"{name}(x)") == [f"v1 = {name} x"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.1", Fraction(1, 10)),
        ("1e-3", Fraction(1, 1000)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("007", Fraction(7)),
        ("-2.50E+1", Fraction(-25)),
        ("0.1234567890123456789", Fraction(1234567890123456789, 10**19)),
    ],
)
def test_a_number_is_exactly_what_is_written(text: str, number: Fraction) -> None:
    assert parse(text).program == Program((), (), (number,))


def test_a_name_alone_has_no_operation() -> None:
    assert parse(" x ").program == Program(("x",), (), ("x",))


def test_an_operation_knows_its_place() -> None:
    parsed = parse(" (a ^ b)*exp( c )+1")
    assert parsed.places == {
        "v1": Place(2, "a ^ b"),
        "v2": Place(9, "exp( c )"),
        "v3": Place(1, "(a ^ b)*exp( c )"),
        "v4": Place(1, "(a ^ b)*exp( c )+1"),
    }
    assert isinstance(parsed, Parsed)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "expected an expression, got nothing"),
        ("x+", "column 3: expected a number, a name or '(', got the end"),
        ("(x", "column 1: expected ')' to close this parenthesis, got the end"),
        ("x)", "column 2: expected an operator, got ')'"),
        ("()", "column 2: expected a number, a name or '(', got ')'"),
        ("2x", "column 2: expected an operator, got 'x'"),
        ("2(x)", "column 2: expected an operator, got '('"),
        ("(x)(y)", "column 4: expected an operator, got '('"),
        ("x y", "column 3: expected an operator, got 'y'"),
        ("x*/y", "column 3: expected a number, a name or '(', got '/'"),
        ("x//y", "column 3: expected a number"),
        ("sin(x,y)", "column 6: expected letters, digits, . _ + - * / ^ ( or ), got ','"),
        ("x = 1", "got '='"),
        ("α+1", "column 1: expected letters, digits, . _ + - * / ^ ( or ), got '\\u03b1'"),
        ("sin", "column 1: 'sin' is a function: expected '(' after it"),
        ("snh(x)", "column 1: unknown function 'snh'; did you mean 'sinh'? known: exp, log"),
        ("x*x(2)", "column 3: 'x' is not a function: expected an operator after it"),
        ("pi(2)", "column 1: 'pi' is not a function"),
        ("2*e", "column 3: 'e' is reserved and cannot be a variable; write E for Euler's number or exp(...)"),
        ("lambda*x", "column 1: 'lambda' is reserved and cannot be a variable; write lam"),
        ("x*None", "column 3: 'None' is reserved"),
        ("oo", "'oo' is reserved"),
        ("_x", "column 1: expected a name made of a letter, then"),
        ("x_1_2", "expected a name made of"),
        ("x/0", "column 1: 'x/0' is a division by zero"),
        ("1 + 1/(0.1+0.2-0.3)", "column 5: '1/(0.1+0.2-0.3)' is a division by zero"),
        ("1/relu(-1)", "is a division by zero"),
        ("1/log(1)", "is a division by zero"),
        ("sqrt(-2)", "'sqrt(-2)' is not a finite real number in double precision: sqrt(-2)"),
        ("log(0)", "not a finite real number"),
        ("exp(exp(exp(99)))", "column 5: 'exp(exp(99))' is not a finite real number in double precision: exp(9.88"),
        ("9**9**9**9", "column 4: '9**9**9' is a power with an exponent beyond 64"),
        ("pi^65", "exponent beyond 64"),
        ("x^sqrt(5000)", "exponent beyond 64"),
        ("99^64", "a power of more than 256 bits"),
        ("2^60*2^60*2^60*2^60*2^60", "a number of more than 256 bits"),
        ("0^x", "zero to a power that need not be positive"),
        ("0^-1", "zero to a power that need not be positive"),
        ("(-8)^(1/3)", "a negative number to a power that need not be whole, which is not real"),
        ("(-2)^x", "which is not real"),
        ("1e65", "1e65 is a number with an exponent beyond 64"),
        ("123456789012345678901234567890e64", "a number of more than 256 bits"),
    ],
)
def test_a_refusal_says_what_and_where(text: str, what: str) -> None:
    message = refused(text)
    assert message.startswith(f"expression {text!a}: ")
    assert what in message


def test_only_the_variables_that_are_given() -> None:
    assert parse("x*y", ["y", "x", "z"]).program.inputs == ("x", "y")
    assert "column 3: unknown variable 'rat'; did you mean 'rate'? known: x, rate" in refused("x*rat", ("x", "rate"))
    assert "expected no variable, got 'x'" in refused("x", ())
    assert parse("2", ()).program.inputs == ()


@pytest.mark.parametrize("variables", ["xy", ["sin"], ["x", "__class__"], [3], ["a b"], [r"\input{a}"], ["x\n"]])
def test_variables_are_checked_too(variables: list[str]) -> None:
    with pytest.raises(ExpressionError, match=r"^variables: .*\Z"):
        parse("1", variables)


@pytest.mark.parametrize("text", [b"x", None, 3, ["x"], float("nan")])
def test_what_is_not_text(text: object) -> None:
    with pytest.raises(ExpressionError, match=f"expected text, got {type(text).__name__}"):
        parse(text)  # type: ignore[arg-type]


def at_the_limit(size: int) -> list[tuple[str, str]]:
    """Texts with each limit's measure exactly `size` above it, and the words of the refusal."""
    return [
        ("x" + " " * (MAX_LENGTH - 1 + size), "characters"),
        ("1" * (MAX_DIGITS + size), "digits"),
        ("(" * (MAX_DEPTH + size) + "x" + ")" * (MAX_DEPTH + size), "parentheses"),
        ("-" * (MAX_DEPTH + size) + "x", "levels of nesting"),
        ("^".join("x" * (MAX_DEPTH + 1 + size)), "levels of nesting"),
        (f"x^{MAX_EXPONENT + size}", "exponent"),
        (f"1e{MAX_EXPONENT + size}", "exponent"),
        ("exp(" + "-" * size + "+".join("x" * (MAX_NODES // 2)) + ")", "operations, numbers and names"),
        ("*".join(["2^64"] * (MAX_BITS // 64 - 1)) + f"*2^{63 + size}", "bits"),
    ]


@pytest.mark.parametrize(
    ("inside", "beyond", "words"), [(a, b, w) for (a, _), (b, w) in zip(at_the_limit(0), at_the_limit(1), strict=True)]
)
def test_limits_hold_to_the_unit(inside: str, beyond: str, words: str) -> None:
    parse(inside)
    assert words in refused(beyond)


def test_the_text_is_shown_shortened_on_one_line() -> None:
    message = refused("x" * MAX_LENGTH + "\n\x1b[31m")
    assert message.isascii()
    assert message.isprintable()
    assert f"expression {'x' * SHOWN!r}...: " in message


@pytest.mark.parametrize("text", SYNTAX)
def test_the_tree_is_checked_by_whitelist_again(text: str) -> None:
    """Such trees cannot come from tokens that passed; if they did, they would be refused here."""
    reading = _Reading("x+x+x+x+x+x+x", None)
    tree = ast.parse(text, mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset, node.end_col_offset = 0, 1
    with pytest.raises(ExpressionError, match="is not arithmetic"):
        reading.read(tree, 0)
