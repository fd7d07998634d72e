"""The one way in which the text of an expression enters residua.

The text is checked and read here, to a Program, in time that its length bounds. SymPy's form is made by a child process
with limits (see child.py), comes back as plain data, and is put together here from a whitelist without evaluation.
"""

import functools
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from residua_network.program import Argument, Program
from residua_symbolic.reading import limits
from residua_symbolic.reading.errors import ExpressionError, refusal, shown
from residua_symbolic.reading.expression import Expression, rebuilt
from residua_symbolic.reading.grammar import Parsed, allowed, parse
from residua_symbolic.reading.worker import WORKER, NoChildError, TooLongError

REMEMBERED = 256  # expressions


def read(text: str, variables: Iterable[str] | None = None) -> Expression:
    """The expression that `text` is, for example "1/(exp(-(w*x+b))+1)"; ^ and ** are powers, 0.1 is exactly 1/10.

    Where `variables` are given, no others may occur. Raises ExpressionError, one line: where, what was expected, what
    was got; also where a part is not finite and real, or takes SymPy too long.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"expression: expected text, got {type(text).__name__}")
    return _read(str(text), allowed(variables))


@functools.lru_cache(maxsize=REMEMBERED)
def _read(text: str, variables: tuple[str, ...] | None) -> Expression:
    parsed = parse(text, variables)
    try:
        answer = WORKER.ask(request(parsed.program))
    except TooLongError:
        most = f"{limits.CPU_SECONDS} s of processor time or {limits.WALL_SECONDS:g} s in all"
        raise refusal(text, f"expected an expression that SymPy builds in {most}; it was stopped") from None
    except NoChildError as error:
        raise refusal(text, f"the process that builds expressions failed: {error}") from None
    if "refused" in answer:
        raise _refusal(parsed, answer)
    return Expression(text, parsed.program, rebuilt(answer["tree"]))


def request(program: Program) -> dict[str, Any]:
    """What the child is asked: the program and the limits as numbers, names and lists."""
    return {
        "inputs": list(program.inputs),
        "operations": [[one.name, one.function, [*map(_plain, one.arguments)]] for one in program.operations],
        "output": _plain(program.outputs[0]),
        "limits": {
            "cpu": limits.CPU_SECONDS,
            "bits": limits.MAX_BITS,
            "exponent": limits.MAX_COMBINED_EXPONENT,
            "tree": limits.MAX_TREE,
        },
    }


def _plain(argument: Argument) -> str | list[int]:
    return [argument.numerator, argument.denominator] if isinstance(argument, Fraction) else argument


def _refusal(parsed: Parsed, answer: dict[str, Any]) -> ExpressionError:
    place = parsed.places.get(answer["operation"])
    if place is None:
        return refusal(parsed.text, f"it is {answer['refused']}")
    return refusal(parsed.text, f"{shown(place.part)} is {answer['refused']}", place.column)
