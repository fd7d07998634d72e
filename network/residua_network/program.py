"""A function of real numbers as plain data: elementary operations in order, a straight-line program.

What an expression is, is read by both sides: the symbolic side derives from it, the numeric side runs it in torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from residua_network.errors import DescriptionError

ARITHMETIC: Mapping[str, int] = {"add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1, "pow": 2}
CONSTANTS: Mapping[str, int] = {"pi": 0, "e": 0}
ELEMENTARY: Mapping[str, int] = dict.fromkeys(
    (
        *("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "erf", "abs", "sign"),
        *("relu", "step", "sigmoid", "softplus"),
    ),
    1,
)
ARITY: Mapping[str, int] = {**ARITHMETIC, **CONSTANTS, **ELEMENTARY}

Argument = str | Fraction


@dataclass(frozen=True)
class Operation:
    """`name` = `function`(`arguments`): each argument an exact number, or the name of an input or earlier operation."""

    name: str
    function: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Program:
    """Inputs, operations in an order in which they can be carried out, and which values are the outputs.

    Raises DescriptionError for an unknown function, a wrong number of arguments, a name defined twice or used before
    it is defined.
    """

    inputs: tuple[str, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[Argument, ...]

    def __post_init__(self) -> None:
        defined: set[str] = set()
        for name in self.inputs:
            _define(name, defined)
        for operation in self.operations:
            arity = ARITY.get(operation.function)
            if arity is None:
                raise DescriptionError(f"operation {operation.name!r}: unknown function {operation.function!r}")
            if len(operation.arguments) != arity:
                got = len(operation.arguments)
                raise DescriptionError(
                    f"operation {operation.name!r}: {operation.function} takes {arity} arguments, got {got}"
                )
            _defined(operation.arguments, defined, f"operation {operation.name!r}")
            _define(operation.name, defined)
        _defined(self.outputs, defined, "outputs")


def _define(name: str, defined: set[str]) -> None:
    if name in defined:
        raise DescriptionError(f"the name {name!r} is defined twice")
    defined.add(name)


def _defined(arguments: tuple[Argument, ...], defined: set[str], where: str) -> None:
    for argument in arguments:
        if isinstance(argument, str) and argument not in defined:
            raise DescriptionError(f"{where}: {argument!r} is used before it is defined")
