"""Families of networks: a network for every choice of sizes, from text or from a function, and where its blocks lie.

    family: item; item; ...
    item:   Kind(arguments) | activation | count * item | [item, item, ...]

as in "Linear(n, n); L * Residual(LayerNorm(n, eps=0), relu, Linear(n, n, bias=False)); Linear(n, 1)". Arguments are
those of the kinds, in arithmetic of the sizes; a norm may leave out its size. The text is read over Python's syntax
tree by whitelist: nothing is executed.
"""

import ast
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from fractions import Fraction
from typing import Any, NoReturn

from residua_network import DescriptionError, Layer, Network, Residual
from residua_network.checks import unknown
from residua_network.kinds import kinds
from residua_network.kinds.activation import ACTIVATIONS, Activation

NETWORK_SIZES = {"n": "width", "L": "number of blocks", "B": "rows of the batch", "s": "scale or gain"}
SIZES = {**NETWORK_SIZES, "l": "the block before which a quantity is taken"}

MAX_LENGTH = 2000  # characters
MAX_DEPTH = 40  # of brackets
MAX_LAYERS = 20_000
MAX_WEIGHTS = 50_000_000  # 400 MB of float64
MAX_BITS = 256
MAX_EXPONENT = 64

Number = Fraction | float
Sizes = Mapping[str, float]


@dataclass(frozen=True)
class Member:
    """A network of a family, and which of its top-level layers stand at the ends of its blocks.

    Layer `ends[l]` is the first of block l, or comes right after the last block: `len(ends) - 1` blocks.
    """

    network: Network
    ends: tuple[int, ...]

    @property
    def blocks(self) -> int:
        """How many."""
        return len(self.ends) - 1


@dataclass(frozen=True)
class Family:
    """`member(sizes)` is the network at those sizes; `uses` are the names of the sizes that it depends on."""

    statement: str
    uses: frozenset[str]
    member: Callable[[Sizes], Member]


def family(given: object) -> Family:
    """The family that a text, a Network, or a function of sizes such as `lambda L, n: Network(...)` stands for.

    Raises DescriptionError, one line, for anything else.
    """
    if isinstance(given, str):
        return _from_text(given)
    if isinstance(given, Network):
        return Family(repr(given), frozenset(), lambda sizes: _every_layer(_small(given)))
    if callable(given):
        return _from_function(given)
    expected = 'text such as "L * [Linear(n, n), relu]", a Network, or a function of the sizes'
    raise DescriptionError(f"network: expected {expected}, got {type(given).__name__}")


def _every_layer(net: Network) -> Member:
    return Member(net, tuple(range(len(net.layers) + 1)))


def _small(net: Network) -> Network:
    weights = sum(math.prod(shape) for shape in net.parameter_shapes().values())
    if weights > MAX_WEIGHTS:
        raise DescriptionError(f"network: expected at most {MAX_WEIGHTS} weights, got {weights}")
    return net


# from a function


def _from_function(function: Callable[..., object]) -> Family:
    name = getattr(function, "__name__", type(function).__name__)
    takes = _parameters(function, name)

    def member(sizes: Sizes) -> Member:
        net = _called(function, name, takes, sizes)
        if "L" not in takes:
            return _every_layer(net)
        more = _called(function, name, takes, {**sizes, "L": sizes["L"] + 1})
        return Member(net, _block_ends(net, more, _whole_size("L", sizes["L"])))

    return Family(f"{name}({', '.join(takes)})", frozenset(takes), member)


def _parameters(function: Callable[..., object], name: str) -> tuple[str, ...]:
    """The sizes that a function takes, by the names of its parameters."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise DescriptionError(f"network: expected a function of {', '.join(NETWORK_SIZES)}, got {name}") from None
    odd = [
        p.name
        for p in parameters
        if p.default is p.empty and p.name not in NETWORK_SIZES and p.kind is not p.VAR_KEYWORD
    ]
    if odd:
        raise DescriptionError(f"network: {name}: {unknown('size', odd[0], NETWORK_SIZES)}")
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return tuple(NETWORK_SIZES)
    return tuple(p.name for p in parameters if p.name in NETWORK_SIZES)


def _called(function: Callable[..., object], name: str, takes: Iterable[str], sizes: Sizes) -> Network:
    values = {key: _plain(sizes[key]) for key in takes if key in sizes}
    missing = [key for key in takes if key not in sizes]
    if missing:
        raise DescriptionError(f"network: {name} needs {missing[0]}, the {NETWORK_SIZES[missing[0]]}; none is given")
    net = function(**values)
    if not isinstance(net, Network):
        raise DescriptionError(f"network: expected a Network from {name}, got {type(net).__name__}")
    return _small(net)


def _plain(value: float) -> float:
    """Whole numbers as ints."""
    return int(value) if float(value).is_integer() else float(value)


def _block_ends(net: Network, more: Network, blocks: int) -> tuple[int, ...]:
    """Where the layers repeat that one block more adds: `net` is A Xᴸ C, `more` is A Xᴸ⁺¹ C. The first such place.

    Blocks that are not alike are still found where there is nothing beside them: then all have that many layers.
    """
    layers, longer = net.layers, more.layers
    period = len(longer) - len(layers)
    for start in range(len(layers) - period * blocks + 1) if period > 0 else ():
        block, end = layers[start : start + period], start + period * blocks
        if layers[start:end] == block * blocks and longer == (*layers[:start], *block, *layers[start:]):
            return tuple(range(start, end + 1, period))
    if len(layers) == period * blocks:
        return tuple(range(0, len(layers) + 1, period))
    raise DescriptionError(
        f"network: expected one part that is repeated L times; {blocks} and {blocks + 1} blocks give networks of "
        f"{len(layers)} and {len(longer)} layers that do not differ by one block"
    )


# from text


class _TextError(DescriptionError):
    """A text that stands for no family."""


def _from_text(text: str) -> Family:
    reading = _Reading(text)
    return Family(" ".join(text.split()), frozenset(reading.names & set(NETWORK_SIZES)), reading.member)


def arithmetic(text: str, what: str) -> tuple[frozenset[str], Callable[[Sizes], float]]:
    """A number in the sizes of a network, such as "2*s/L": the sizes that it needs, and its value at given ones.

    Raises DescriptionError, beginning with `what`, for anything else.
    """
    reading = _Reading(text, what)
    if len(reading.items) != 1:
        reading.refuse("expected one number")
    return frozenset(reading.names & set(NETWORK_SIZES)), lambda sizes: float(reading.number(reading.items[0], sizes))


class _Reading:
    """One text: its syntax tree, read anew for every choice of sizes."""

    def __init__(self, text: str, what: str = "network") -> None:
        self.text, self.what = text, what
        if len(text) > MAX_LENGTH:
            raise _TextError(f"{what}: expected at most {MAX_LENGTH} characters, got {len(text)}")
        if not text.isascii() or "\0" in text:
            self.refuse("expected plain ASCII")
        source = text.translate(str.maketrans(";\n\r\t", ",   ")).rstrip().rstrip(",").rstrip()
        if not source.strip():
            raise _TextError(f'{what}: it is empty; a network is for instance "L * [Linear(n, n), relu]"')
        self.shift = len(source) - len(source.lstrip()) - 1  # one bracket goes before it
        if _depth(source) > MAX_DEPTH:
            self.refuse(f"expected at most {MAX_DEPTH} levels of brackets")
        try:
            tree = ast.parse(f"({source.lstrip()},)", mode="eval").body
        except SyntaxError as error:
            if "was never closed" in str(error.msg):
                self.refuse("a bracket is not closed")
            self.refuse("expected layers separated by semicolons", max((error.offset or 2) - 1 + self.shift, 0))
        except (ValueError, MemoryError, RecursionError):
            self.refuse("it is nested too deeply")
        if not isinstance(tree, ast.Tuple):
            self.refuse("expected layers separated by semicolons")
        self.items = tree.elts
        self.names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    def refuse(self, what: str, column: int | None = None) -> NoReturn:
        shown = ascii(self.text) if len(self.text) <= 60 else f"{self.text[:60]!a}..."
        where = "" if column is None else f"column {column + 1}: "
        raise _TextError(f"{self.what} {shown}: {where}{what}")

    def wrong(self, node: ast.expr, what: str) -> NoReturn:
        self.refuse(what, node.col_offset + self.shift)

    def member(self, sizes: Sizes) -> Member:
        """The network at these sizes. Raises DescriptionError."""
        layers: list[Layer] = []
        repeated: list[tuple[bool, tuple[int, ...]]] = []  # whether L times, where the repetitions begin and end
        width: int | None = None
        for item in self.items:
            start, repeats = len(layers), _count_and_layers(item)
            found = self.layers(item, width, sizes)
            layers += found
            if repeats is not None:
                by_depth = any(isinstance(node, ast.Name) and node.id == "L" for node in ast.walk(repeats[0]))
                period = len(found) // self.count(repeats[0], sizes)
                repeated.append((by_depth, tuple(range(start, len(layers) + 1, period))))
            if len(layers) > MAX_LAYERS:
                self.wrong(item, f"expected at most {MAX_LAYERS} layers")
            width = _width(found, width)
        try:
            net = _small(Network(tuple(layers)))
        except DescriptionError as error:
            said = str(error).removeprefix("network: ")
            if "no layer states a size" in said:
                said = "no layer states a size; expected at least one that does, such as Linear(n, n)"
            self.refuse(said)
        return Member(net, self.ends(repeated, len(layers)))

    def ends(self, repeated: Sequence[tuple[bool, tuple[int, ...]]], layers: int) -> tuple[int, ...]:
        """Those of the part that is repeated L times, else of the one that is repeated, else of every layer."""
        chosen = [ends for by_depth, ends in repeated if by_depth] or [ends for _, ends in repeated]
        if len(chosen) > 1:
            self.refuse("expected one part that is repeated L times, whose repetitions are the blocks, got several")
        return chosen[0] if chosen else tuple(range(layers + 1))

    def layers(self, node: ast.expr, width: int | None, sizes: Sizes) -> list[Layer]:
        """What an item stands for, in a stream of that width (None: not known yet)."""
        repeats = _count_and_layers(node)
        if repeats is not None:
            count, what = repeats
            times, once = self.count(count, sizes), self.layers(what, width, sizes)
            if times * len(once) > MAX_LAYERS:
                self.wrong(node, f"expected at most {MAX_LAYERS} layers")
            return once * times
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items) if items:
                return self.sequence(items, width, sizes)
            case ast.Name(id=name) if name in ACTIVATIONS:
                return [Activation(name)]
            case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)) if name not in LAYERS:
                self.wrong(node, unknown("layer", name, (*LAYERS, *ACTIVATIONS)))
            case ast.Name(id=name):
                self.wrong(node, f"{name} needs its arguments in brackets: {_call(LAYERS[name])}")
            case ast.Call(func=ast.Name(id=name)):
                return [self.layer(LAYERS[name], node, width, sizes)]
        self.wrong(node, 'expected a layer such as Linear(n, n), an activation, or "L * [...]"')

    def sequence(self, items: Iterable[ast.expr], width: int | None, sizes: Sizes) -> list[Layer]:
        """One item after another."""
        found: list[Layer] = []
        for item in items:
            new = self.layers(item, width, sizes)
            found, width = [*found, *new], _width(new, width)
        return found

    def count(self, node: ast.expr, sizes: Sizes) -> int:
        value = self.number(node, sizes)
        if not isinstance(value, Fraction) or value.denominator != 1 or value < 1:
            self.wrong(node, f"expected a whole number of repetitions, at least 1, got {_shown(value)}")
        return int(value)

    def layer(self, kind: type[Layer], node: ast.Call, width: int | None, sizes: Sizes) -> Layer:
        """One layer, its arguments checked by name and kind."""
        known = [field for field in fields(kind) if field.type != tuple[Layer, ...]]
        keywords = {word.arg or "**": word.value for word in node.keywords}
        odd = [word for word in keywords if word not in {field.name for field in known}]
        if odd:
            self.wrong(node, f"{kind.__name__}: {unknown('argument', odd[0], [f.name for f in known])}")
        if issubclass(kind, Residual):
            values: dict[str, Any] = {"layers": tuple(self.sequence(node.args, width, sizes))}
        else:
            if len(node.args) > len(known):
                self.wrong(node, f"expected {_call(kind)}, got {len(node.args)} arguments")
            given = {field.name: value for field, value in zip(known, node.args, strict=False)}
            twice = [name for name in given if name in keywords]
            if twice:
                self.wrong(node, f"{kind.__name__}: {twice[0]} is given twice")
            keywords |= given
            values = {}
        for field in known:
            if field.name in keywords:
                values[field.name] = self.argument(kind, field, keywords[field.name], sizes)
            elif field.default is MISSING and field.name == "size" and width is not None:
                values[field.name] = width
            elif field.default is MISSING:
                self.wrong(node, f"expected {_call(kind)}; {field.name} is not given")
        try:
            return kind(**values)
        except DescriptionError as error:
            self.wrong(node, str(error))

    def argument(self, kind: type[Layer], field: "Field[Any]", node: ast.expr, sizes: Sizes) -> object:
        """The value of an argument, of the type that the field has."""
        what = f"{kind.__name__}: {field.name}"
        match node:
            case ast.Constant(value=bool() | str() as word) if type(word) is field.type:
                return word
            case ast.Name(id=name) if field.type is str:
                return name
        if field.type in (bool, str):
            expected = "True or False" if field.type is bool else "a name in quotes"
            self.wrong(node, f"{what}: expected {expected}")
        value = self.number(node, sizes)
        if field.type is int and not (isinstance(value, Fraction) and value.denominator == 1):
            self.wrong(node, f"{what}: expected a whole number, got {_shown(value)}")
        return int(value) if field.type is int else float(value)

    def number(self, node: ast.expr, sizes: Sizes, depth: int = 0) -> Number:
        """A constant, a size, or arithmetic of them: exact but for roots."""
        if depth > MAX_DEPTH:
            self.wrong(node, "it is nested too deeply")
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                found: Number = self.exact(node, value)
            case ast.Name(id=name):
                found = self.size(node, name, sizes)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                found = -self.number(operand, sizes, depth + 1)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                found = self.number(operand, sizes, depth + 1)
            case ast.Call(func=ast.Name(id="sqrt"), args=[argument], keywords=[]):
                found = self.power(node, self.number(argument, sizes, depth + 1), Fraction(1, 2))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                found = self.binary(node, op, *(self.number(one, sizes, depth + 1) for one in (left, right)))
            case _:
                self.wrong(node, f"expected a number in {', '.join(NETWORK_SIZES)}")
        if isinstance(found, Fraction):
            if max(abs(found.numerator), found.denominator).bit_length() > MAX_BITS:
                self.wrong(node, f"it is a number of more than {MAX_BITS} bits")
        elif not math.isfinite(found):
            self.wrong(node, "it is not a finite number")
        return found

    def size(self, node: ast.expr, name: str, sizes: Sizes) -> Number:
        if name == "l":
            self.wrong(node, "l is the block before which a quantity is taken, and no size of the network")
        if name not in NETWORK_SIZES:
            self.wrong(node, unknown("size", name, NETWORK_SIZES))
        if name not in sizes:
            self.wrong(node, f"{name}, the {NETWORK_SIZES[name]}, has no value; it is given as in at {name}=...")
        return self.exact(node, sizes[name])

    def exact(self, node: ast.expr, value: float) -> Fraction:
        """A number at the decimal that it is written as."""
        try:
            return Fraction(str(value))
        except ValueError:
            self.wrong(node, "it is not a finite number")

    def binary(self, node: ast.expr, op: ast.operator, left: Number, right: Number) -> Number:
        if isinstance(op, ast.Pow):
            return self.power(node, left, right)
        try:
            found: Number = OPERATORS[type(op)](left, right)
        except ZeroDivisionError:
            self.wrong(node, "it is a division by zero")
        except OverflowError:
            self.wrong(node, "it is too large")
        return found

    def power(self, node: ast.expr, base: Number, exponent: Number) -> Number:
        to = float(exponent)
        if abs(to) > MAX_EXPONENT or (base == 0 and to < 0) or (base < 0 and not to.is_integer()):
            self.wrong(node, f"it is no finite real number, or has an exponent beyond {MAX_EXPONENT}")
        try:
            whole = isinstance(exponent, Fraction) and exponent.denominator == 1
            found: Number = base ** int(exponent) if whole else float(base) ** to
        except OverflowError:
            self.wrong(node, "it is too large")
        return found


LAYERS: Mapping[str, type[Layer]] = {kind.__name__: kind for kind in kinds().values()}
OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: pow,
}


def _count_and_layers(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """The two sides of `count * layers` or `layers * count`; None for any other item."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        if _are_layers(node.right):
            return node.left, node.right
        if _are_layers(node.left):
            return node.right, node.left
    return None


def _are_layers(node: ast.expr) -> bool:
    match node:
        case ast.List() | ast.Tuple():
            return True
        case ast.Name(id=name):
            return name in ACTIVATIONS
        case ast.Call(func=ast.Name(id=name)):
            return name != "sqrt"
    return _count_and_layers(node) is not None


def _width(layers: Sequence[Layer], width: int | None) -> int | None:
    """The width behind the layers, given that before them."""
    return next((layer.gives for layer in reversed(layers) if layer.gives is not None), width)


def _depth(text: str) -> int:
    """How deep its brackets go."""
    depth = most = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        most = max(most, depth)
    return most


def _call(kind: type[Layer]) -> str:
    """A kind with its arguments, as one would type it."""
    if issubclass(kind, Residual):
        return "Residual(layer, layer, ..., scale=1)"
    words = [field.name if field.default is MISSING else f"{field.name}={field.default!r}" for field in fields(kind)]
    return f"{kind.__name__}({', '.join(words)})"


def _shown(value: Number) -> str:
    return str(value) if isinstance(value, Fraction) else f"{value:.6g}"


def _whole_size(name: str, value: float) -> int:
    if not (math.isfinite(value) and float(value).is_integer() and value >= 1):
        raise DescriptionError(f"{name}, the {SIZES[name]}: expected a whole number of at least 1, got {value:g}")
    return int(value)
