import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings

from residua_network import (
    ACTIVATIONS,
    Activation,
    BatchNorm,
    DescriptionError,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
    kinds,
)

from .samples import EVERY, networks

NAMES = {
    name: getattr(__import__("residua_network"), name)
    for name in ("Network", "Linear", "Activation", "LayerNorm", "RMSNorm", "BatchNorm", "Dropout", "Residual")
}
RANDOM = settings(max_examples=60, deadline=None, derandomize=True, database=None)


# ---- sizes ----


def test_sizes() -> None:
    assert EVERY.inputs == 8
    assert EVERY.sizes == (8, 16, 16, 16, 16, 16, 1)
    assert EVERY.outputs == 1


@pytest.mark.parametrize(
    ("layers", "inputs", "message"),
    [
        (
            (LayerNorm(24), Linear(16, 32)),
            0,
            'Linear(16, 32) at "1" expects 16 inputs, but LayerNorm(24) before it gives 24',
        ),
        ((Linear(4, 4),), 3, 'Linear(4, 4) at "0" expects 4 inputs, but the input gives 3'),
        (
            (Linear(8, 4), Residual((LayerNorm(4), Linear(5, 4)))),
            0,
            'Linear(5, 4) at "1.branch.1" expects 5 inputs, but LayerNorm(4) before it gives 4',
        ),
        (
            (Linear(8, 4), Residual((Linear(5, 4),))),
            0,
            'Linear(5, 4) at "1.branch.0" expects 5 inputs, but the stream gives 4',
        ),
        (
            (Linear(8, 4), Residual((Activation("relu"), Linear(4, 6)))),
            0,
            'Residual at "1" expects a branch as wide as the stream, 4; it gives 6',
        ),
        (
            (Residual((Residual((RMSNorm(3), Linear(3, 3), LayerNorm(4))),)),),
            0,
            'LayerNorm(4) at "0.branch.0.branch.2" expects 4 inputs, but Linear(3, 3) before it gives 3',
        ),
    ],
)
def test_sizes_that_do_not_meet(layers: tuple[Layer, ...], inputs: int, message: str) -> None:
    with pytest.raises(DescriptionError) as error:
        Network(layers, inputs)
    assert str(error.value) == message


def test_a_size_passes_through_layers_without_one() -> None:
    net = Network((Dropout(0.1), Residual((Activation("relu"),)), Linear(3, 2)))
    assert net.sizes == (3, 3, 3, 2)


def test_sizes_are_asked_for_where_nothing_states_them() -> None:
    with pytest.raises(DescriptionError, match=r"no layer states a size; give Network\(layers, inputs=n\)"):
        Network((Activation("relu"),))
    assert Network((Activation("relu"),), inputs=7).outputs == 7


def test_a_residual_takes_what_its_branch_takes() -> None:
    assert Network((Residual((Activation("relu"), Residual((LayerNorm(5),)))),)).inputs == 5


def test_deeply_nested_blocks_cost_no_more_than_their_number() -> None:
    layer: Layer = Linear(2, 2)
    for _ in range(60):  # 2**60 steps if a block asked its branch twice
        layer = Residual((layer,))
    assert Network((layer,)).inputs == 2


# ---- refusals ----


@pytest.mark.parametrize("layers", [(), []])
def test_empty(layers: Any) -> None:
    with pytest.raises(DescriptionError, match="it is empty; give at least one layer"):
        Network(layers)
    with pytest.raises(DescriptionError, match="the branch is empty; give at least one layer"):
        Residual(layers)


@pytest.mark.parametrize("layers", [Linear(2, 2), 5, None, {Linear(2, 2)}, "ab", ("relu",), (Linear,), (None,)])
def test_what_is_not_a_tuple_of_layers(layers: Any) -> None:
    with pytest.raises(DescriptionError, match=r"^Network: expected "):
        Network(layers)
    with pytest.raises(DescriptionError, match=r"^Residual: "):
        Residual(layers)


def test_a_list_is_taken_for_a_tuple() -> None:
    listed: Any = [Linear(2, 2)]
    assert Network(listed) == Network((Linear(2, 2),))
    assert Residual(listed) == Residual((Linear(2, 2),))


@pytest.mark.parametrize("size", [0, -3, True, False, 4.0, "4", None, (4,)])
def test_sizes_must_be_whole_numbers(size: Any) -> None:
    for make in (
        lambda: Linear(size, 2),
        lambda: Linear(2, size),
        lambda: LayerNorm(size),
        lambda: RMSNorm(size),
        lambda: BatchNorm(size),
    ):
        with pytest.raises(DescriptionError, match="must be a whole number of at least 1, got"):
            make()


def test_sizes_of_other_integers_are_kept_as_ints() -> None:
    class Four:
        """As numpy's integers are."""

        def __index__(self) -> int:
            return 4

    size: Any = Four()
    layers = (Linear(size, size), LayerNorm(size), RMSNorm(size), BatchNorm(size))
    net, plain = Network(layers, size), Network((Linear(4, 4), LayerNorm(4), RMSNorm(4), BatchNorm(4)), 4)
    assert net == plain
    assert net.digest == plain.digest
    assert repr(net) == repr(plain)


@pytest.mark.parametrize("inputs", [-1, True, False, 2.0, 0.0, "2", None])
def test_inputs_must_be_a_whole_number(inputs: Any) -> None:
    with pytest.raises(DescriptionError, match="inputs must be a whole number of at least 1, got"):
        Network((Linear(2, 2),), inputs)


@pytest.mark.parametrize("eps", [-1e-9, float("nan"), float("inf"), "0", None, True, 10**400])
def test_eps(eps: Any) -> None:
    for kind in (LayerNorm, RMSNorm, BatchNorm):
        with pytest.raises(DescriptionError, match=rf"^{kind.__name__}: eps must "):
            kind(4, eps=eps)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1, float("nan"), "0.5", False])
def test_rate(rate: Any) -> None:
    with pytest.raises(DescriptionError, match=r"^Dropout: rate must "):
        Dropout(rate)


@pytest.mark.parametrize("scale", [float("nan"), float("-inf"), "1", None, True])
def test_scale(scale: Any) -> None:
    with pytest.raises(DescriptionError, match=r"^Residual: scale must be a finite number"):
        Residual((Linear(2, 2),), scale=scale)


@pytest.mark.parametrize("flag", [0, 1, None, "yes"])
def test_flags(flag: Any) -> None:
    for make in (
        lambda: Linear(2, 2, bias=flag),
        lambda: LayerNorm(2, affine=flag),
        lambda: RMSNorm(2, affine=flag),
        lambda: BatchNorm(2, affine=flag),
    ):
        with pytest.raises(DescriptionError, match="must be True or False"):
            make()


def test_an_unknown_activation_is_told_the_nearest() -> None:
    with pytest.raises(
        DescriptionError, match=r"unknown activation 'reul'; did you mean 'relu'\? known: identity, relu"
    ):
        Activation("reul")


def test_every_refusal_is_a_residua_error_and_a_value_error() -> None:
    assert issubclass(DescriptionError, ResiduaError)
    assert issubclass(ResiduaError, ValueError)


# ---- names ----


def test_parameter_names_and_shapes() -> None:
    block = Residual((LayerNorm(16), Activation("relu"), Linear(16, 16)))
    net = Network((Linear(8, 16), block, RMSNorm(16), Residual((block,)), Linear(16, 1, bias=False)))
    assert list(net.parameter_shapes().items()) == [
        ("0.weight", (16, 8)),
        ("0.bias", (16,)),
        ("1.branch.0.weight", (16,)),
        ("1.branch.0.bias", (16,)),
        ("1.branch.2.weight", (16, 16)),
        ("1.branch.2.bias", (16,)),
        ("2.weight", (16,)),
        ("3.branch.0.branch.0.weight", (16,)),
        ("3.branch.0.branch.0.bias", (16,)),
        ("3.branch.0.branch.2.weight", (16, 16)),
        ("3.branch.0.branch.2.bias", (16,)),
        ("4.weight", (1, 16)),
    ]


def test_without_affine_there_are_no_parameters() -> None:
    net = Network((LayerNorm(4, affine=False), RMSNorm(4, affine=False), Dropout(0.1), Activation("sin")))
    assert net.parameter_shapes() == {}


def test_walk_names_composites_before_what_is_inside() -> None:
    assert [name for name, _ in EVERY.walk()] == [
        *("0", "1", "1.branch.0", "1.branch.1", "1.branch.2", "1.branch.2.branch.0", "1.branch.2.branch.1"),
        *("2", "3", "4", "5"),
    ]


# ---- to and from plain dicts ----


def test_plain_data() -> None:
    net = Network((Linear(2, 3), Residual((RMSNorm(3, eps=0.5),), scale=0.25)))
    assert net.to_dict() == {
        "inputs": 2,
        "layers": [
            {"kind": "linear", "inputs": 2, "outputs": 3, "bias": True},
            {"kind": "residual", "layers": [{"kind": "rmsnorm", "size": 3, "eps": 0.5, "affine": True}], "scale": 0.25},
        ],
    }
    (layer,) = Network((BatchNorm(2, affine=False),)).to_dict()["layers"]
    assert layer == {"kind": "batchnorm", "size": 2, "eps": 1e-5, "affine": False, "statistics": "batch"}


def test_every_kind_goes_there_and_back() -> None:
    assert {layer.kind for _, layer in EVERY.walk()} == set(kinds())
    back = Network.from_dict(json.loads(json.dumps(EVERY.to_dict(), allow_nan=False)))
    assert back == EVERY
    assert back.digest == EVERY.digest
    assert hash(back) == hash(EVERY)


@RANDOM
@given(networks())
def test_random_networks_go_there_and_back(net: Network) -> None:
    back = Network.from_dict(json.loads(json.dumps(net.to_dict(), allow_nan=False)))
    assert back == net
    assert back.digest == net.digest
    assert back.parameter_shapes() == net.parameter_shapes()


@RANDOM
@given(networks())
def test_repr_evaluates_back(net: Network) -> None:
    assert eval(repr(net), dict(NAMES)) == net


def test_repr_is_what_one_would_type() -> None:
    layer = Residual((LayerNorm(4), Linear(4, 4, bias=False), Activation("relu"), Dropout(0.5)), scale=0.5)
    assert repr(layer) == (
        "Residual((LayerNorm(4), Linear(4, 4, bias=False), Activation('relu'), Dropout(0.5)), scale=0.5)"
    )
    assert repr(BatchNorm(4, eps=0, statistics="running")) == "BatchNorm(4, eps=0.0, statistics='running')"


GOOD: dict[str, Any] = {
    "inputs": 2,
    "layers": [
        {"kind": "linear", "inputs": 2, "outputs": 3, "bias": True},
        {"kind": "layernorm", "size": 3, "eps": 0.5, "affine": True},
        {"kind": "rmsnorm", "size": 3, "eps": 0.5, "affine": True},
        {"kind": "batchnorm", "size": 3, "eps": 0.5, "affine": True, "statistics": "batch"},
        {"kind": "activation", "name": "relu"},
        {"kind": "dropout", "rate": 0.5},
        {"kind": "residual", "layers": [{"kind": "activation", "name": "sin"}], "scale": 1.0},
    ],
}
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**400, "", "relu", b"relu"),
    *([], [[]], [None], [1], ["relu"], [{}], {}, {"kind": "linear"}, {1: 2}, (), (1,), {3}, object()),
)


def _hostile() -> list[Any]:
    """The good description with every value replaced by strange ones, every field missing, and surplus ones."""
    cases: list[Any] = list(STRANGE)
    for key in GOOD:
        cases += [{**GOOD, key: value} for value in STRANGE]
        cases.append({name: value for name, value in GOOD.items() if name != key})
    cases += [{**GOOD, "name": "net"}, {**GOOD, 3: 4}, list(GOOD.items())]
    for p, layer in enumerate(GOOD["layers"]):
        wrong: list[Any] = [*STRANGE, {**layer, "surplus": 1}, {**layer, 7: 1}, {**layer, None: 1}]
        for key in layer:
            wrong.append({name: value for name, value in layer.items() if name != key})
            wrong += [{**layer, key: value} for value in STRANGE]
        wrong += [{**layer, "kind": kind} for kind in ("Linear", "linaer", "", "__init__", "kinds", "../linear")]
        for replacement in wrong:
            cases.append({**GOOD, "layers": [*GOOD["layers"][:p], replacement, *GOOD["layers"][p + 1 :]]})
    return cases


ALLOWED = (  # strange values that are right at this place
    ("rate", (0,)),
    ("scale", (-1, 0, 1.5)),
    ("eps", (0, 1.5)),
    ("bias", (True,)),
    ("affine", (True,)),
    ("name", ("relu",)),
)


def _is_allowed(data: Any) -> bool:
    layers = data["layers"]
    for layer, good in zip(layers, GOOD["layers"], strict=True):
        if layer != good:
            ((key, value),) = [(k, v) for k, v in layer.items() if v is not good[k] and v != good[k]]
            return any(key == k and any(value is v or value == v for v in values) for k, values in ALLOWED)
    return True


def test_hostile_data_is_refused_in_our_own_words() -> None:
    taken = 0
    for data in _hostile():
        try:
            Network.from_dict(data)
        except DescriptionError:
            continue
        assert _is_allowed(data), data
        taken += 1
    assert 0 < taken < 25 < len(_hostile())


def test_an_unknown_kind_is_told_the_nearest_and_its_place() -> None:
    inner = {"kind": "residual", "layers": [{"kind": "layernrom", "size": 3}], "scale": 1.0}
    with pytest.raises(
        DescriptionError, match=r'layer "0.branch.0": unknown kind \'layernrom\'; did you mean \'layernorm\'\?'
    ):
        Network.from_dict({"inputs": 3, "layers": [inner]})


def test_missing_and_surplus_fields_are_named() -> None:
    data = {"inputs": 3, "layers": [{"kind": "dropout", "rte": 0.5}]}
    with pytest.raises(DescriptionError, match=r"layer \"0\": dropout has the fields \['rate'\], got \['rte'\]"):
        Network.from_dict(data)


# ---- digest ----

OTHER: dict[str, Any] = {
    "inputs": 3,
    "outputs": 3,
    "size": 3,
    "eps": 0.125,
    "rate": 0.125,
    "scale": 0.125,
    "name": "cube",
    "statistics": "running",
    "layers": (Activation("cube"),),
}
ONE_OF_EACH: tuple[Layer, ...] = (
    Linear(2, 2),
    LayerNorm(2),
    RMSNorm(2),
    BatchNorm(2),
    Activation("relu"),
    Dropout(0.5),
    Residual((Activation("sin"),)),
)


def _of(layer: Layer) -> Network:
    """A network around this one layer."""
    return Network((layer,), inputs=layer.takes or 2)


def test_the_digest_sees_every_field_of_every_kind() -> None:
    assert {layer.kind for layer in ONE_OF_EACH} == set(kinds())
    for layer in ONE_OF_EACH:
        for field in fields(layer):
            value = getattr(layer, field.name)
            changed = replace(layer, **{field.name: not value if isinstance(value, bool) else OTHER[field.name]})
            assert _of(changed) != _of(layer)
            assert _of(changed).digest != _of(layer).digest, field.name


def test_the_digest_sees_kind_order_place_number_and_inputs() -> None:
    nets = [
        Network((LayerNorm(2),)),
        Network((RMSNorm(2),)),
        Network((LayerNorm(2), LayerNorm(2))),
        Network((LayerNorm(2), RMSNorm(2))),
        Network((RMSNorm(2), LayerNorm(2))),
        Network((Residual((LayerNorm(2), RMSNorm(2))),)),
        Network((Residual((LayerNorm(2),)), RMSNorm(2))),
        Network((Activation("relu"),), inputs=2),
        Network((Activation("relu"),), inputs=3),
    ]
    assert len({net.digest for net in nets}) == len(nets)


def test_equal_networks_have_equal_digests() -> None:
    whole: Any = 1
    assert Network((Residual((LayerNorm(2, eps=whole),), scale=whole),)).digest == (
        Network((Residual((LayerNorm(2, eps=1.0),), scale=1.0),), inputs=2).digest
    )
    assert Network((LayerNorm(2, eps=-0.0),)).digest == Network((LayerNorm(2, eps=0.0),)).digest


def test_the_digest_stays_what_it_was() -> None:
    """Reports and snapshots keep it: a change of the canonical form must be meant."""
    net = Network((Linear(2, 2), Activation("relu")))
    assert net.digest == "49f6fdf1c450222a829b08fe9711686c3826def5b7ec6dd749e34bbc79c1f355"


def test_a_description_is_frozen() -> None:
    for what, name in ((EVERY, "inputs"), (Linear(2, 2), "inputs")):
        with pytest.raises(AttributeError):
            setattr(what, name, 3)


def test_the_ten_activations() -> None:
    assert ACTIVATIONS == ("identity", "relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "sin", "square", "cube")
