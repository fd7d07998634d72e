"""The process that lets SymPy evaluate: SymPy's automatic evaluation may run for hours on forty characters.

It reads requests and writes answers, one line of JSON each, numbers, names and lists only. It is started as a file, not
as a module of residua_symbolic, so that it loads SymPy and nothing else: half the time to the first answer.
"""

import contextlib
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

try:
    import resource
except ImportError:  # Windows has no such limits; the reader's patience remains
    resource = None  # type: ignore[assignment]

READY = "ready"
UNREAL = (sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I)


def _own(name: str) -> Any:
    """Stands for a function that residua defines and SymPy does not evaluate."""
    return sp.Function(name)


FUNCTIONS: Mapping[str, Any] = {
    **{name: getattr(sp, name) for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"atan": sp.atan, "erf": sp.erf, "abs": sp.Abs, "sign": sp.sign},
    **{name: _own(name) for name in ("relu", "step", "sigmoid", "softplus")},
}
ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": lambda a, b: a**b,
    "sqrt": sp.sqrt,
    "pi": lambda: sp.pi,
    "e": lambda: sp.E,
}
NAMES = {function: name for name, function in FUNCTIONS.items()} | {sp.Add: "add", sp.Mul: "mul", sp.Pow: "pow"}


class RefusedError(ValueError):
    """An operation (`name`) that has no meaning here, and why."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name, self.why = name, why


def build(request: Mapping[str, Any]) -> Any:
    """SymPy's form of the program in the request. Raises RefusedError."""
    values: dict[str, Any] = {name: sp.Symbol(name, real=True) for name in request["inputs"]}

    def term(argument: str | list[int]) -> Any:
        return values[argument] if isinstance(argument, str) else sp.Rational(*argument)

    for name, function, arguments in request["operations"]:
        try:
            values[name] = _apply(function, [term(argument) for argument in arguments])
            _check(values[name], request["limits"])
        except (ArithmeticError, AttributeError, NotImplementedError, RecursionError, TypeError, ValueError) as error:
            why = str(error) if isinstance(error, UnfitError) else f"too much for SymPy ({type(error).__name__})"
            raise RefusedError(name, why) from None
    return term(request["output"])


class UnfitError(ValueError):
    """A value that is not finite and real, or too large."""


def _apply(function: str, arguments: list[Any]) -> Any:
    """SymPy's value; as it is written where evaluation brings in a function of another kind: cot, for tan(x + π/2)."""
    if function in ARITHMETIC:
        return ARITHMETIC[function](*arguments)
    found = FUNCTIONS[function](*arguments)
    if all(e.is_Atom or e.func in NAMES for e in sp.preorder_traversal(found)):
        return found
    return FUNCTIONS[function](*arguments, evaluate=False)


def _check(value: Any, limits: Mapping[str, int]) -> None:
    if value.is_real is False or value.has(*UNREAL):
        raise UnfitError("not a finite real number")
    for number in value.atoms(sp.Rational):
        if max(abs(number.p), number.q).bit_length() > limits["bits"]:
            raise UnfitError(f"a number of more than {limits['bits']} bits")
    for power in value.atoms(sp.Pow):
        if power.exp.is_Rational and abs(power.exp) > limits["exponent"]:
            raise UnfitError(f"a power with an exponent beyond {limits['exponent']}")
        if power.exp.is_negative and _is_like_zero(power.base):
            raise UnfitError("a division by what cannot be told from zero")
    if any(_is_like_zero(logarithm.args[0]) for logarithm in value.atoms(sp.log)):
        raise UnfitError("a logarithm of what cannot be told from zero")


def _is_like_zero(value: Any) -> bool:
    """Whether no digit of a constant can be had, such as log(6) - log(2) - log(3); zero itself SymPy has refused."""
    return bool(value.is_number and value.is_real is not False and not value.is_comparable)


def flattened(value: Any, limit: int) -> list[list[Any]]:
    """The expression as plain data: every part once, after its own parts, which are given by their positions."""
    position: dict[Any, int] = {}
    found: list[list[Any]] = []
    for part in sp.postorder_traversal(value):
        if part not in position:
            position[part] = len(found)
            found.append(_entry(part, position))
        if len(found) > limit:
            raise RefusedError("", f"more than {limit} parts in SymPy's form")
    return found


def _entry(part: Any, position: Mapping[Any, int]) -> list[Any]:
    if part.is_Symbol:
        return ["symbol", part.name]
    if part.is_Rational:
        return ["rational", int(part.p), int(part.q)]
    if part in (sp.pi, sp.E):
        return ["pi" if part is sp.pi else "e"]
    if part.func not in NAMES:
        raise RefusedError("", f"SymPy writes it with {part.func.__name__}, which is not among the functions here")
    return [NAMES[part.func], *(position[argument] for argument in part.args)]


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"tree": plain data}, or {"refused": why, "operation": its name or ""}."""
    try:
        return {"tree": flattened(build(request), request["limits"]["tree"])}
    except RefusedError as error:
        return {"refused": error.why, "operation": error.name}
    except MemoryError:
        return {"refused": "more memory than one expression may have", "operation": ""}


def limit_once(memory: int) -> None:
    """Address space, and no picture of it on the disk; not every system has both."""
    if resource:
        for which, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, memory)):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(which, (most, resource.getrlimit(which)[1]))


def limit_cpu(seconds: float) -> None:
    """From now on: the system ends the process that uses more."""
    if resource:
        with contextlib.suppress(OSError, ValueError):
            most = math.ceil(time.process_time() + seconds)
            resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer; it ends this process where need be
    limit_once(int(sys.argv[1]))
    print(READY, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        limit_cpu(request["limits"]["cpu"])
        print(json.dumps(answer(request)), flush=True)


if __name__ == "__main__":
    main()
