"""Families of networks from text and from functions: what is read, where the blocks lie, what is refused."""

import pytest

from residua_bridge.budgets.network_text import MAX_LAYERS, Family, family
from residua_network import (
    Activation,
    BatchNorm,
    DescriptionError,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Residual,
    RMSNorm,
)
from residua_network.kinds import kinds

SIZES = {"n": 6, "L": 3, "B": 4, "s": 0.5}
RELU = Activation("relu")
PRE_NORM = Residual((LayerNorm(6, eps=0), RELU, Linear(6, 6, bias=False)))


@pytest.mark.parametrize(
    ("text", "layers", "ends"),
    [
        ("Linear(n, n)", (Linear(6, 6),), (0, 1)),
        ("L * [Linear(n, n), relu]", (Linear(6, 6), RELU) * 3, (0, 2, 4, 6)),
        ("[Linear(n, n), relu] * L", (Linear(6, 6), RELU) * 3, (0, 2, 4, 6)),
        (
            "Linear(n, n); L * Residual(LayerNorm(n, 0), Activation('relu'), Linear(n, n, bias=False)); Linear(n, 1)",
            (Linear(6, 6), *(PRE_NORM,) * 3, Linear(6, 1)),
            (1, 2, 3, 4),
        ),
        ("L * Residual(LayerNorm(n, eps=0), relu, Linear(n, n, False));", (PRE_NORM,) * 3, (0, 1, 2, 3)),
        (
            "Linear(4, 2*n)\n; BatchNorm(eps=0); tanh",
            (Linear(4, 12), BatchNorm(12, eps=0), Activation("tanh")),
            (0, 1, 2, 3),
        ),
        (
            "RMSNorm(n, affine=False); 2 * L * Dropout(1/4)",
            (RMSNorm(6, affine=False), *(Dropout(0.25),) * 6),
            tuple(range(1, 8)),
        ),
        ("BatchNorm(n, statistics='running')", (BatchNorm(6, statistics="running"),), (0, 1)),
        ("Linear(n, n); 2 * relu; L * relu", (Linear(6, 6), *(RELU,) * 5), (3, 4, 5, 6)),
        (
            "Residual(2 * [Linear(n, n), relu], scale=s/sqrt(L + 1))",
            (Residual((Linear(6, 6), RELU) * 2, scale=0.25),),
            (0, 1),
        ),
    ],
)
def test_what_a_text_stands_for(text: str, layers: tuple[Layer, ...], ends: tuple[int, ...]) -> None:
    member = family(text).member(SIZES)
    assert member.network == Network(layers)
    assert member.ends == ends
    assert member.blocks == len(ends) - 1


def test_every_kind_can_be_written_as_it_is_printed() -> None:
    net = Network((Linear(3, 6), PRE_NORM, BatchNorm(6), RMSNorm(6, eps=0.5), Dropout(0.1), Activation("gelu")))
    assert {type(layer) for layer in net.layers} | {LayerNorm} == set(kinds().values())
    assert family("; ".join(map(repr, net.layers))).member({}).network == net


def test_a_family_knows_the_sizes_it_depends_on() -> None:
    assert family("Linear(n, n); L * relu").uses == {"n", "L"}
    assert family("Residual(Linear(4, 4), scale=s)").uses == {"s"}
    assert family("Linear(4, 4)").uses == frozenset()


def test_a_decimal_is_exactly_what_is_written() -> None:
    assert family("Linear(n * 0.1 * 10, n)").member({**SIZES, "n": 3}).network == Network((Linear(3, 3),))


def _edge(n: int, L: int) -> Network:
    return Network((Linear(n, n), *(Linear(n, n), RELU) * L, Linear(n, 1)))


def test_the_blocks_of_a_function_are_what_one_more_adds() -> None:
    member = family(_edge).member(SIZES)
    assert member.network == _edge(6, 3)
    assert member.ends == (1, 3, 5, 7)


def test_of_several_places_for_the_blocks_of_a_function_the_first_is_taken() -> None:
    member = family(lambda L: Network((RELU, Linear(6, 6)) * L + (RELU,))).member(SIZES)
    assert member.ends == (0, 2, 4, 6)


def test_a_network_and_a_function_without_depth_have_a_block_a_layer() -> None:
    net = Network((Linear(6, 6), RELU))
    assert family(net).member({}).ends == (0, 1, 2)
    assert family(lambda n: net).member(SIZES).ends == (0, 1, 2)
    assert family(lambda **sizes: _edge(sizes["n"], sizes["L"])).member(SIZES).ends == (1, 3, 5, 7)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "it is empty"),
        (" ; ", "it is empty"),
        ("Lineer(n, n)", "column 1: unknown layer 'Lineer'; did you mean 'Linear'?"),
        ("Linear(n, n); rellu", "column 15: unknown layer 'rellu'; did you mean 'relu'?"),
        ("Linear(n, m)", "column 11: unknown size 'm'"),
        ("Linear(n, l)", "l is the block"),
        ("Linear(n, q(n))", "expected a number in n, L, B, s"),
        ("Linear(n, n", "a bracket is not closed"),
        ("Linear(n, n)) or (1", "expected layers separated by semicolons"),
        ("Linear(n, n/4)", "outputs: expected a whole number, got 3/2"),
        ("Linear(n, n); 0 * relu", "column 15: expected a whole number of repetitions, at least 1, got 0"),
        ("Linear(n, n); L/2 * relu", "at least 1, got 3/2"),
        ("Linear(n)", "outputs is not given"),
        ("Linear", "needs its arguments in brackets"),
        ("LayerNorm()", "size is not given"),
        ("Linear(n, n, bias=1)", "bias: expected True or False"),
        ("Linear(n, n, 1, 1)", "got 4 arguments"),
        ("Linear(n, n, bais=False)", "unknown argument 'bais'; did you mean 'bias'?"),
        ("Linear(n, n, inputs=n)", "inputs is given twice"),
        ("Linear(n, n, **{})", "unknown argument '**'"),
        ("Linear(*[n, n])", "expected a number"),
        ("Linear(n, 1/0)", "a division by zero"),
        ("Linear(n, 1e999)", "not a finite number"),
        ("Linear(9**9**9**9, n)", "exponent beyond 64"),
        ("Linear(n, (0 - 1)**0.5)", "no finite real number"),
        ("Linear(2**60 * 2**60 * 2**60 * 2**60 * 2**60, n)", "more than 256 bits"),
        ("Linear(10**5, 10**5)", "expected at most 50000000 weights"),
        ("Linear(n, n); 10**9 * relu", f"at most {MAX_LAYERS} layers"),
        ("Linear(n, n); LayerNorm(n + 1)", 'LayerNorm(7) at "1" expects 7 inputs'),
        ("L * relu", "no layer states a size"),
        ("L * relu; L * Linear(n, n)", "one part that is repeated L times"),
        ("Activation('rellu')", "did you mean 'relu'?"),
        ("Linear(n, n); Dropout(1.5)", "rate must lie in [0, 1)"),
        ("Residual()", "the branch is empty"),
        ("__import__('os').system('true')", "expected a layer"),
        ("[x for x in 'a']", "expected a layer"),
        ("Linear(n, n).shapes", "expected a layer"),
        ("Linear(n, n) if 1 else 2", "expected a layer"),
        ("(" * 60 + "relu" + ")" * 60, "levels of brackets"),
        ("Linear(n, " + "-" * 1500 + "1)", "nested too deeply"),
        ("Linear(n, " + "+".join(["1"] * 500) + ")", "nested too deeply"),
        ("relu;" * 1000, "at most 2000 characters"),
        ("Linear(n×n, n)", "plain ASCII"),
        (5, "expected text such as"),
        (lambda m: None, "unknown size 'm'"),
        (lambda n: "no", "expected a Network from <lambda>, got str"),
        (lambda L: Network((Linear(6, 6),)), "do not differ by one block"),
    ],
)
def test_what_is_refused_in_one_line(given: object, expected: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        family(given).member(SIZES)
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("given", ["Linear(n, n); L * relu", lambda n, L: _edge(n, L)])
def test_a_size_without_value_is_named(given: object) -> None:
    found: Family = family(given)
    with pytest.raises(DescriptionError, match="L, the number of blocks"):
        found.member({"n": 6})
