"""Texts that want to do something else than be an expression: refused, each in one line and in time, none executed."""

import time
from pathlib import Path

import pytest

from residua_symbolic.reading import Expression, ExpressionError, read

SECONDS = 10.0
# SymPy 1.14 evaluates these for seconds up to hours, asking whether each part is real, zero or positive
SLOW = [
    "tanh(sqrt(gelu(sqrt(gelu(sqrt(x^y-y^x))))))",
    "tanh(sqrt(tanh(sqrt(tanh(sqrt(tanh(sqrt(tanh(sqrt(tanh(sqrt(x-y)*y-x)-y)*x-x)-y)-x)*y-y)-x)-x)*y-x)-y)-x)",
]
# {canary}: a file that the text would make if any part of it were executed
HOSTILE = [
    # calls and attributes
    "__import__('os').system('touch {canary}')",
    "__import__('pathlib').Path('{canary}').touch()",
    "open('{canary}', 'w')",
    "eval(\"open('{canary}', 'w')\")",
    "exec(\"open('{canary}', 'w')\")",
    "exp(open('{canary}', 'w'))",
    "sin(x).__class__.__init__.__globals__",
    "().__class__.__bases__[0].__subclasses__()",
    "x.__class__",
    "x.func(1)",
    "getattr(x, 'args')",
    "globals()",
    "breakpoint()",
    "input()",
    "exit()",
    "compile('1', '', 'eval')",
    "__builtins__",
    "__debug__",
    "(lambda: open('{canary}', 'w'))()",
    "[open('{canary}', 'w') for _ in (1,)]",
    "{{open('{canary}', 'w')}}",
    "(y for y in open('{canary}', 'w'))",
    'f\'{{open("{canary}", "w")}}\'',
    "(y := open('{canary}', 'w'))",
    "x if open('{canary}', 'w') else y",
    "x or open('{canary}', 'w')",
    "1or 2",
    "7if 1else 2",
    "0x1for x in (1,2)",
    "not x",
    "x in y",
    "x < y",
    "await x",
    "yield x",
    "*x",
    "exp(*x)",
    "exp(**x)",
    "exp(x=1)",
    "x[0]",
    "x@y",
    "x//y",
    "x%y",
    "~x",
    "x<<99999999999",
    "...",
    # what SymPy's own parsers would make of a text
    "Symbol('x')",
    "S('x')",
    "sympify('x')",
    "lambdify(x, x)",
    "Integral(x)",
    "factorial(10**9)",
    "x!",
    "x' * 2",
    "oo",
    "zoo - nan",
    "I",
    "Q.positive(x)",
    # numbers
    "9**9**9**9",
    "9^9^9^9",
    "10**1000000",
    "2**-99999999999",
    "(((9^9)^9)^9)^9",
    "1e999999999",
    "1e-999999999",
    "9" * 400,
    "0x" + "f" * 30,
    "1_000_000",
    "1j",
    "1e",
    "1.2.3",
    "nan",
    "inf - inf",
    "1/0",
    "0^0",
    "0/0",
    "log(0)",
    "sqrt(-1)",
    "tan(pi/2)",
    "exp(exp(exp(99)))",
    "exp(exp(exp(exp(exp(exp(9))))))",
    "cosh(710*2)",
    "exp(1000) - exp(1000)",
    "((((2^64)^64)^64)^64)*x",
    "(x^64)^64^64",
    # shapes
    "(" * 400 + "x" + ")" * 400,
    "(" * 10**5,
    "-" * 400 + "x",
    "exp(" * 120 + "x" + ")" * 120,
    "x" * 10**6,
    "+".join(["x"] * 240),
    "^".join(["x"] * 240),
    "gelu(" * 29 + "x" + ")" * 29,
    "silu(" * 29 + "x" + ")" * 29,
    # characters
    "x\x00",
    "\x00",
    "x\ny",
    "x\r\nSet-Cookie: y",
    "x\x1b[2J",
    "x\u2028y",
    "x\ty",
    "x # comment",
    "x; import os",
    "import os",
    "х + 1",  # Cyrillic
    "ｘ + 1",
    "ⅹ",
    "x²",
    "１+x",
    "٣*x",
    "x − 1",  # a minus sign that is not ASCII
    "e\u0301xp(x)",
    "\u202ex\u202c",
    "\ud800",
    "＿＿import＿＿",
    "a" * 40,
    "x_" * 30,
    # what other programs read
    r"\input{{/etc/passwd}}",
    r"\write18{{touch {canary}}}",
    "$x$",
    "x}}\\input{{a}}",
    "%s%n",
    "{{x}}",
    "{{0.__class__}}",
    "`touch {canary}`",
    "$(touch {canary})",
    "x && touch {canary}",
    "x | y",
    "<script>",
    "'; DROP TABLE x; --",
    "",
    " ",
    "()",
    ",",
]


def test_the_corpus_is_large_and_without_repetition() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_in_one_line(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    canary = tmp_path / "canary"
    hostile = text.replace("{canary}", "canary").replace("{{", "{").replace("}}", "}")
    begin = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        read(hostile)
    assert time.perf_counter() - begin < SECONDS
    message = str(caught.value)
    assert message.isascii()
    assert message.isprintable()  # no line ends, no control characters
    assert len(message) < 600
    assert not canary.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", SLOW)
def test_what_sympy_hangs_on_is_built_or_stopped_in_time(text: str) -> None:
    begin = time.perf_counter()
    try:
        found: object = read(text)
    except ExpressionError as error:
        found = str(error)
    assert time.perf_counter() - begin < SECONDS
    assert isinstance(found, Expression) or "it was stopped" in str(found)
    assert read("x + 1").variables == ("x",)
