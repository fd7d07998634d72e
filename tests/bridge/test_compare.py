"""What a comparison says of right models, of wrong ones, and of questions that make no sense."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from residua_bridge.compare import compare
from residua_bridge.random_networks import perturbed
from residua_bridge.verdict import Discrepancy, Floats, Verdict
from residua_network import Activation, BatchNorm, Dropout, LayerNorm, Linear, Network, ResiduaError, Residual, RMSNorm
from residua_numeric import Measurement, build, describe, measure, modules_of, weights_of
from residua_numeric.faults import FAULTS, Fault, plant
from residua_numeric.state import on_threads
from residua_symbolic import Prediction, jacobian, predict
from residua_symbolic.layer import CONSTANT_STATISTICS

INNER = Residual((RMSNorm(5, eps=1e-2), Activation("sin"), Linear(5, 5), Dropout(0.2)), scale=0.5)
OUTER = Residual((LayerNorm(5, eps=1e-2), Activation("gelu"), Linear(5, 5), INNER), scale=-0.7)
NET = Network(
    (
        Linear(4, 5),
        LayerNorm(5, eps=1e-2),
        Activation("gelu"),
        OUTER,
        Dropout(0.3),
        RMSNorm(5, eps=1e-2),
        Linear(5, 5),
        Activation("tanh"),
        Linear(5, 3),
    )
)
COUPLED = Network(
    (
        Linear(4, 5),
        BatchNorm(5, eps=1e-2),
        Activation("gelu"),
        Residual((BatchNorm(5, eps=1e-2), Activation("sin"), Linear(5, 5)), scale=0.5),
        Residual((Linear(5, 5), BatchNorm(5, eps=1e-2, statistics="running"))),
        Residual((Activation("tanh"), LayerNorm(5, eps=1e-2))),
        BatchNorm(5, eps=1e-2),
        Linear(5, 3),
    )
)
J = jacobian(NET)
APPROXIMATE = jacobian(NET, assume="constant statistics")
LOSSY = {"1", "3.branch.0", "3.branch.3.branch.0", "5"}  # the normalisers
X = np.random.default_rng(0).normal(size=(3, 4))
SQUARE = Network((Linear(4, 4), Activation("tanh"), Linear(4, 4)))
CONSTANT = "constant statistics"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices: more threads only wait for each other."""
    with on_threads(1):
        yield


def model_of(net: Network = NET, dtype: str = "float64") -> nn.Sequential:
    return perturbed(net, 1, dtype)


def faulty(place: str, name: str) -> nn.Sequential:
    kind = dict(NET.walk())[place].kind
    model = model_of()
    plant(model, place, next(fault for fault in FAULTS if (fault.kind, fault.name) == (kind, name)))
    return model


def shift(model: nn.Sequential, by: float, place: str = "6", relative: bool = False) -> None:
    """Move one weight."""
    weight = dict(modules_of(model)[place].named_parameters())["weight"]
    with torch.no_grad():
        weight[0, -1] += by * weight[0, -1] if relative else by


def blames(d: Discrepancy, *layers: str) -> bool:
    return (d.verdict, d.explained, d.suspects) == (Verdict.DIFFER, False, layers)


def agrees(d: Discrepancy) -> bool:
    return (d.verdict, d.explained, d.suspects) == (Verdict.AGREE, True, ())


# right models


def test_a_right_model_agrees() -> None:
    d = compare(J, model_of(), X)
    assert agrees(d)
    assert [row.layer for row in d.rows] == [name for name, _ in NET.walk()]
    assert {row.cause for row in d.rows} == {"rounding"}
    assert all(row.difference <= row.bound and row.output_difference <= row.output_bound for row in d.rows)
    assert d.scope == {"layers": 9, "width": "3–5", "batch": 3, "dtype": "float64"}
    assert list(d.causes) == ["rounding"]
    assert d.difference <= d.unexplained.bar <= 1e-12 * float(np.linalg.norm(d.predicted))
    assert d.predicted.shape == d.measured.shape == (3, 3, 4)


def test_the_measured_side_is_the_model_and_the_predicted_side_is_not() -> None:
    d = compare(J, faulty("7", "activation left out"), X)
    assert np.array_equal(d.predicted, compare(J, model_of(), X).predicted)
    assert np.array_equal(d.measured, measure(faulty("7", "activation left out"), "jacobian", X).values)


@pytest.mark.parametrize("start", range(9))
def test_every_part_of_a_right_model_agrees(start: int) -> None:
    for stop in range(start, 9, 2):
        part = jacobian(NET, start, stop)
        d = compare(part, model_of(), X)
        assert agrees(d), (stop, str(d))
        assert d.predicted.shape == (3, NET.sizes[stop + 1], NET.sizes[start])
        wanted = [name for name, _ in NET.walk() if start <= int(name.split(".")[0]) <= stop]
        assert [row.layer for row in d.rows] == wanted


@pytest.mark.parametrize("given", [X.tolist(), torch.tensor(X), torch.tensor(X, requires_grad=True), X.astype("f4")])
def test_inputs_may_be_lists_tensors_or_of_another_precision(given: Any) -> None:
    assert agrees(compare(J, model_of(), given))


def test_float32_is_judged_by_its_own_rounding() -> None:
    d = compare(J, model_of(dtype="float32"), X)
    assert agrees(d)
    assert d.scope["dtype"] == "float32"
    assert 1e-8 < d.difference <= d.unexplained.bar


def test_a_module_used_twice() -> None:
    shared = nn.Linear(4, 4)
    model = settled(nn.Sequential(shared, nn.Tanh(), shared))
    assert agrees(compare(jacobian(describe(model)), model, X))


# faults


def places(fault: Fault) -> Iterator[tuple[Network, str]]:
    for net in (NET, COUPLED):
        for name, layer in net.walk():
            if fault.fits(layer):
                yield net, name


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}: {fault.name}")
def test_every_fault_at_every_layer_is_found_there_and_nowhere_else(fault: Fault) -> None:
    assert list(places(fault))
    for net, name in places(fault):
        model = model_of(net)
        plant(model, name, fault)
        d = compare(jacobian(net), model, X, weights=weights_of(model_of(net)))
        assert blames(d, name), (name, str(d))
        assert d.reason == f"at fault: {name}"
        assert [row.cause for row in d.rows if row.layer == name] == ["unexplained"]


def test_two_faults_are_both_found() -> None:
    model = faulty("3.branch.0", "γ left out")
    plant(model, "7", next(fault for fault in FAULTS if fault.name == "activation left out"))
    assert blames(compare(J, model, X), "3.branch.0", "7")


@pytest.mark.parametrize("size", [1e-6, 1e-9, 1e-11])
@pytest.mark.parametrize("place", ["0", "3.branch.2", "3.branch.3.branch.2", "8"])
def test_a_weight_moved_a_little_is_found_in_float64(place: str, size: float) -> None:
    model = model_of()
    weights = weights_of(model)
    shift(model, size, place)
    assert blames(compare(J, model, X, weights=weights), place)


@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-6, 1e-7, 1e-8])
def test_in_float32_it_may_hide_but_only_within_the_bar(size: float) -> None:
    model = model_of(dtype="float32")
    weights = weights_of(model)
    shift(model, size, relative=True)
    d = compare(J, model, X, weights=weights)
    moved = np.linalg.norm(J.evaluate(weights_of(model), X) - J.evaluate(weights, X))
    assert agrees(d) or blames(d, "6")
    assert moved <= d.unexplained.bar or not agrees(d)
    assert size < 1e-4 or blames(d, "6")
    assert size > 1e-8 or agrees(d)  # below one unit in the last place nothing moves


def test_a_fault_after_the_part_is_not_its_matter_one_before_it_is() -> None:
    model = faulty("6", "one weight moved by 1e-6")
    assert agrees(compare(jacobian(NET, 0, 4), model, X))
    assert blames(compare(jacobian(NET, 6, 8), model, X), "6")
    assert blames(compare(jacobian(NET, 7, 8), model, X), "6")  # it moves the input of 7
    detached = faulty("1", "statistics detached from the gradient")
    assert agrees(compare(jacobian(NET, 2, 8), detached, X))  # it moves no value


def test_a_fault_that_the_product_does_not_show_is_still_found() -> None:
    """All weights zero: one moved in the first layer leaves the product at zero."""
    net = Network((Linear(3, 3), Activation("tanh"), Linear(3, 2)))
    model = build(net)
    weights = {name: np.zeros(shape) for name, shape in net.parameter_shapes().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert agrees(compare(jacobian(net), model, np.ones((2, 3))))
    shift(model, 1e-9, "0")
    d = compare(jacobian(net), model, np.ones((2, 3)), weights=weights)
    assert blames(d, "0")
    assert d.difference == 0.0


def test_weights_other_than_the_models() -> None:
    model = model_of()
    weights = weights_of(model)
    assert agrees(compare(J, model, X, weights=weights))
    weights["3.branch.2.weight"][1, 2] += 1e-9
    d = compare(J, model, X, weights=weights)
    assert blames(d, "3.branch.2")
    assert np.array_equal(d.predicted, J.evaluate(weights, X))


# the assumption of 003


def test_what_the_assumption_drops_explains_the_difference() -> None:
    model = model_of()
    d = compare(APPROXIMATE, model, X)
    weights = weights_of(model)
    dropped = J.evaluate(weights, X) - APPROXIMATE.evaluate(weights, X)
    assert (d.verdict, d.explained, d.suspects) == (Verdict.DIFFER, True, ())
    assert d.reason == "what the assumption drops accounts for it"
    assert d.causes["approximation"] == pytest.approx(np.linalg.norm(dropped), rel=1e-12)
    assert d.causes["approximation"] == pytest.approx(d.difference, rel=1e-12)
    assert d.unexplained.value <= d.unexplained.bar <= 1e-11
    assert {row.layer for row in d.rows if row.cause == "approximation"} == LOSSY
    assert d.assumptions


def test_the_same_for_parts() -> None:
    d = compare(jacobian(NET, 3, 3, assume=CONSTANT), model_of(), X)
    assert (d.verdict, d.explained) == (Verdict.DIFFER, True)
    late = compare(jacobian(NET, 6, 8, assume=CONSTANT), model_of(), X)  # there is nothing to drop
    assert agrees(late)
    assert late.causes["approximation"] == 0.0


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("6", "one weight moved by 1e-6"),
        ("3.branch.0", "statistics detached from the gradient"),  # the model itself does what was assumed
        ("5", "root mean square detached"),
        ("1", "sample variance, 1/(n − 1)"),
    ],
)
def test_a_fault_on_top_of_the_assumption_is_not_explained_by_it(place: str, name: str) -> None:
    d = compare(APPROXIMATE, faulty(place, name), X)
    assert blames(d, place)
    assert d.unexplained.value > d.unexplained.bar


# users' own models


class Backwards(nn.Sequential):
    def forward(self, x: Any) -> Any:
        for module in reversed(self):
            x = module(x)
        return x


class Twice(nn.Sequential):
    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return 2 * x


class Again(nn.Sequential):
    def forward(self, x: Any) -> Any:
        return self[2](self[1](self[0](self[0](x))))


class Mixing(nn.Sequential):
    """Mixes the rows of the batch; on a batch of one it is what it should be."""

    def forward(self, x: Any) -> Any:
        h = self[1](self[0](x))
        return self[2]((h + h.mean(0, keepdim=True)) / 2)


class MixingLayer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x + x.mean(0, keepdim=True)) / 2


class Skipping(nn.Sequential):
    def forward(self, x: Any) -> Any:
        return self[2](self[0](x))


def settled(model: nn.Sequential) -> nn.Sequential:
    """In float64, with weights that depend on nothing but their places."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.double().parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


def test_a_users_nested_model() -> None:
    inside = nn.Sequential(nn.Tanh(), nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6)))
    model = nn.Sequential(nn.Linear(4, 6), inside, nn.GELU(), nn.Dropout(0.5), nn.Linear(6, 2))
    net = describe(settled(model))
    d = compare(jacobian(net), model, X)
    assert agrees(d)
    assert [row.layer for row in d.rows] == ["0", "1", "2", "3", "4", "5", "6"]
    weights = weights_of(model)
    shift(model, 1e-9, "3")
    assert blames(compare(jacobian(net), model, X, weights=weights), "3")


def test_a_user_model_that_works_in_place() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 4), nn.SiLU(inplace=True))
    settled(model)
    assert agrees(compare(jacobian(describe(model)), model, X))


@pytest.mark.parametrize("kind", [Backwards, Twice, Again, Mixing])
def test_a_sequential_with_a_forward_of_its_own_is_found(kind: type[nn.Sequential]) -> None:
    d = compare(jacobian(SQUARE), kind(*model_of(SQUARE)), X)
    assert blames(d)
    assert d.reason.startswith("every layer agrees by itself; the way they are put together does not")


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_nested_one_is_found_where_it_matters(stop: int) -> None:
    first, second, third = model_of(SQUARE)
    d = compare(jacobian(SQUARE, 0, stop), nn.Sequential(Twice(first, second), third), X)
    assert blames(d) == (stop == 2)
    d = compare(jacobian(SQUARE, 1, max(stop, 1)), nn.Sequential(Twice(first), second, third), X)
    assert blames(d)
    assert d.reason.endswith('"1" is not fed what comes before it')


def test_a_layer_that_mixes_rows_is_found() -> None:
    first, _, third = model_of(SQUARE)
    net = Network((Linear(4, 4), Activation("identity"), Linear(4, 4)))
    assert blames(compare(jacobian(net), nn.Sequential(first, MixingLayer(), third), X), "1")


def test_layers_in_another_order_are_found() -> None:
    first, second, third = model_of(SQUARE)
    weights = weights_of(model_of(SQUARE))
    assert blames(compare(jacobian(SQUARE), nn.Sequential(third, second, first), X, weights=weights), "0", "2")
    with pytest.raises(ResiduaError, match=r'weights: "2\.weight" of shape \(4, 4\) is missing'):
        compare(jacobian(SQUARE), nn.Sequential(first, third, second), X)


def test_a_users_hook_that_changes_a_layer_is_found() -> None:
    model = model_of(SQUARE)
    modules_of(model)["1"].register_forward_hook(lambda module, inputs, output: 1.001 * output)
    assert blames(compare(jacobian(SQUARE), model, X), "1")


# descriptions that do not fit


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (NET.layers[:-1], r'the description has 17 layers, the model 16; they part at "8"'),
        ((*NET.layers, Activation("tanh")), r'the description has 17 layers, the model 18; they part at "9"'),
        ((*NET.layers[:8], Linear(5, 2)), r'Linear\(5, 3\) at "8" takes 5 and gives 3, in the model .* gives 2'),
        ((*NET.layers[:8], Linear(5, 1)), r'Linear\(5, 3\) at "8" takes 5 and gives 3, in the model .* gives 1'),
        ((*NET.layers[:8], Linear(5, 3, bias=False)), r'"8\.bias" of shape \(3,\) is missing'),
        ((NET.layers[0], RMSNorm(5), *NET.layers[2:]), r'"1\.bias" of shape \(5,\) is missing'),
        ((*NET.layers[:5], LayerNorm(5), *NET.layers[6:]), r'the network has no "5\.bias"'),
        ((*NET.layers[:7], Residual((Activation("tanh"),)), NET.layers[8]), r'they part at "8"|they part at "7\.'),
    ],
)
def test_a_model_of_another_network_is_refused_with_its_place(layers: Any, words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        compare(J, model_of(Network(layers)), X)


def test_another_width_is_refused_even_where_the_weights_would_fit() -> None:
    wide = Network((Linear(4, 6), Activation("tanh"), Linear(6, 4)))
    with pytest.raises(ResiduaError, match=r'Linear\(4, 4\) at "0" takes 4 and gives 4, in the model .* gives 6'):
        compare(jacobian(SQUARE), model_of(wide), X, weights=weights_of(model_of(SQUARE)))


def test_another_constant_or_function_is_a_difference() -> None:
    other = Network((NET.layers[0], LayerNorm(5, eps=1e-3), *NET.layers[2:]))
    assert blames(compare(J, model_of(other), X), "1")
    other = Network((*NET.layers[:7], Activation("sigmoid"), NET.layers[8]))
    assert blames(compare(J, model_of(other), X), "7")


def test_a_layer_that_is_never_called_is_refused() -> None:
    with pytest.raises(ResiduaError, match='the model never calls its layer "1"'):
        compare(jacobian(SQUARE), Skipping(*model_of(SQUARE)), X)


@pytest.mark.parametrize(
    "x",
    [np.ones((3, 5)), np.ones(4), np.ones((1, 2, 4)), np.ones((0, 4)), np.ones((2, 4)) * 1j, "four", [[1, 2], [3]]],
)
def test_inputs_of_another_shape_or_dtype_are_refused(x: Any) -> None:
    with pytest.raises(ResiduaError, match=r"compare: x: expected"):
        compare(J, model_of(), x)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_inputs_that_are_not_finite_are_refused(value: float) -> None:
    x = X.copy()
    x[1, 2] = value
    with pytest.raises(ResiduaError, match=r"compare: x: expected numbers that are finite.*row 1"):
        compare(J, model_of(), x)
    with pytest.raises(ResiduaError, match=r"finite in torch\.float32"):
        compare(J, model_of(dtype="float32"), np.full((1, 4), 1e39))


def test_missing_inputs_are_asked_for() -> None:
    with pytest.raises(ResiduaError, match=r"give x of shape \(batch, inputs\)"):
        compare(J, model_of())


@pytest.mark.parametrize(
    ("left", "right"),
    [(NET, "model"), (J, NET), (J, None), ("model", J), (J, "measurement"), ("prediction", "model"), (None, None)],
)
def test_wrong_arguments_are_refused(left: Any, right: Any) -> None:
    model = model_of()
    made = {
        "model": model,
        "measurement": measure(model, "jacobian", X),
        "prediction": predict(J, weights_of(model), X),
    }
    left, right = (made.get(one, one) if isinstance(one, str) else one for one in (left, right))
    with pytest.raises(ResiduaError, match=r"compare expects \(a Jacobian, a torch model, x\), \(a Taylor"):
        compare(left, right, X)


@pytest.mark.parametrize("name", ["x", "weights", "bits", "exact"])
def test_an_argument_of_no_use_is_refused(name: str) -> None:
    model = model_of()
    prediction = predict(J, weights_of(model), X)
    given: Any = {"x": X, "weights": weights_of(model), "bits": 64, "exact": prediction}[name]
    sides: Any = (J, model, X) if name == "exact" else (prediction, measure(model, "jacobian", X))
    with pytest.raises(ResiduaError, match=f"are compared without `{name}`, got {type(given).__name__}$"):
        compare(*sides, **{name: given})


def test_a_model_that_is_no_sequential_is_refused() -> None:
    with pytest.raises(ResiduaError, match=r"expected a torch\.nn\.Sequential, got Linear"):
        compare(J, nn.Linear(4, 3).double(), X)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("6.weight"), r'"6\.weight" of shape \(5, 5\) is missing'),
        (lambda w: w.update(nope=np.ones(2)), r'no "nope"'),
        (lambda w: w.update({"6.weight": np.ones((2, 5))}), r"expects the shape \(5, 5\), got \(2, 5\)"),
        (lambda w: w.update({"6.weight": np.full((5, 5), np.nan)}), "expects finite values, got nan"),
        (lambda w: w.update({"6.weight": np.ones((5, 5), np.float32)}), "expects dtype float64, got float32"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: Callable[[dict[str, Floats]], Any], words: str) -> None:
    model = model_of()
    weights = weights_of(model)
    change(weights)
    with pytest.raises(ResiduaError, match=words):
        compare(J, model, X, weights=weights)


# nothing is disturbed


class Counting(nn.Module):
    """The identity, which counts its calls in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        self.get_buffer("calls").add_(1)
        return 1 * x


def state_of(model: nn.Module) -> list[Any]:
    """All that a comparison could disturb."""
    return [
        [module.training for module in model.modules()],
        [tensor.tolist() for tensor in model.state_dict().values()],
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        [p.requires_grad for p in model.parameters()],
        [[*m._forward_hooks, *m._forward_pre_hooks, *m._backward_hooks] for m in model.modules()],
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
    ]


def disturbable() -> tuple[Network, nn.Sequential]:
    net = Network((Linear(4, 4), Residual((Linear(4, 4), Dropout(0.5))), Dropout(0.5), Linear(4, 2)))
    model = model_of(net)
    model.insert(3, Counting())
    with_identity = Network((*net.layers[:3], Activation("identity"), net.layers[3]))
    model.train()
    modules_of(model)["2"].eval()
    first, second, *_ = model.parameters()
    first.grad = torch.full_like(first, 7.0)
    second.requires_grad_(False)
    modules_of(model)["1"].register_forward_hook(lambda module, inputs, output: None)
    model(torch.tensor(X))
    return with_identity, model


@pytest.mark.parametrize(("start", "stop"), [(None, None), (1, 3)])
def test_mode_buffers_gradients_hooks_and_random_state_stay(start: int | None, stop: int | None) -> None:
    net, model = disturbable()
    before = state_of(model)
    weights = weights_of(model)
    del weights["3.calls"]
    d = compare(jacobian(net, start, stop), model, X, weights=weights)
    assert agrees(d), str(d)  # dropout, in training mode, is the identity here
    assert state_of(model) == before
    model(torch.tensor(X))
    assert state_of(model) != before  # so that a change would be seen


@pytest.mark.parametrize(
    ("x", "weights"), [(np.full((2, 4), np.nan), None), (np.ones((2, 3)), None), (X, {}), (X, None)]
)
def test_they_stay_when_it_raises(x: Floats, weights: dict[str, Floats] | None) -> None:
    net, model = disturbable()
    before = state_of(model)
    with pytest.raises(ResiduaError):  # the last one for the buffer, which the description does not know
        compare(jacobian(net), model, x, weights=weights)
    assert state_of(model) == before


def test_nothing_given_is_changed() -> None:
    x, weights = X.copy(), weights_of(model_of())
    before = {name: value.copy() for name, value in weights.items()}
    compare(APPROXIMATE, model_of(), x, weights=weights)
    assert np.array_equal(x, X)
    assert all(np.array_equal(weights[name], before[name]) for name in before)


# NaN, overflow, degenerate sizes


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", ["0", "3.branch.2", "6", "8"])
def test_a_weight_that_is_not_finite_is_found_and_nothing_after_it(place: str, value: float) -> None:
    model = model_of()
    weights = weights_of(model)
    shift(model, value, place)
    assert blames(compare(J, model, X, weights=weights), place)
    assert blames(compare(APPROXIMATE, model, X, weights=weights), place)


def large(net: Network, dtype: str = "float64", entry: float = 1e3) -> nn.Sequential:
    model = build(net, dtype=dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(entry)
    return model


@pytest.mark.parametrize("last", [Activation("cube"), Activation("sin"), LayerNorm(2), Linear(2, 2)])
def test_overflow_is_inconclusive(last: Any) -> None:
    net = Network((Linear(2, 2), *(Activation("cube") for _ in range(8)), last))
    d = compare(jacobian(net), large(net), np.ones((1, 2)))
    assert (d.verdict, d.suspects, d.explained) == (Verdict.INCONCLUSIVE, (), False)
    assert "smaller weights or fewer layers would tell" in d.reason


@pytest.mark.parametrize("last", [Linear(2, 2), Activation("tanh"), Activation("sigmoid")])
def test_overflow_of_float32_alone_is_inconclusive_too(last: Any) -> None:
    net = Network((*(Linear(2, 2) for _ in range(14)), last))
    assert np.isfinite(compare(jacobian(net), large(net), np.ones((1, 2))).difference)
    d = compare(jacobian(net), large(net, "float32"), np.ones((1, 2)))
    assert (d.verdict, d.suspects) == (Verdict.INCONCLUSIVE, ())
    assert "fewer layers" in d.reason


def test_overflow_on_the_way_to_a_product_of_ordinary_size_is_inconclusive() -> None:
    net = Network((*(Linear(2, 2) for _ in range(13)), RMSNorm(2)))
    d = compare(jacobian(net), large(net, "float32"), np.array([[1.0, 2.0]]))
    assert np.isfinite(d.predicted.astype(np.float32)).all()
    assert (d.verdict, d.suspects) == (Verdict.INCONCLUSIVE, ())
    assert d.reason == "values overflow in float32; smaller weights or fewer layers would tell"


def test_underflow_is_inconclusive() -> None:
    """The product is 1e-52, for which float32 has no number but zero."""
    net = Network(tuple(Linear(2, 2) for _ in range(14)))
    assert agrees(compare(jacobian(net), large(net, entry=1e-4), np.ones((1, 2))))
    d = compare(jacobian(net), large(net, "float32", entry=1e-4), np.ones((1, 2)))
    assert not d.measured.any()
    assert (d.verdict, d.suspects) == (Verdict.INCONCLUSIVE, ())


def test_a_fault_is_found_in_spite_of_overflow_after_it() -> None:
    net = Network((Linear(2, 2), *(Activation("cube") for _ in range(8))))
    model = large(net)
    plant(model, "0", next(fault for fault in FAULTS if fault.name == "bias left out"))
    assert blames(compare(jacobian(net), model, np.ones((1, 2))), "0")


def test_too_wide_a_bar_decides_nothing() -> None:
    """The product of Linear and its inverse, badly conditioned: float32 knows nothing of the difference."""
    net = Network((Linear(2, 2, bias=False), Linear(2, 2, bias=False)))
    model = build(net, dtype="float32")
    first, second = model.parameters()
    matrix = torch.tensor([[1.0, 1.0], [1.0, 1.0 + 2.0**-20]])
    with torch.no_grad():
        first.copy_(matrix)
        second.copy_(torch.linalg.inv(matrix.double()))
    d = compare(jacobian(net), model, np.ones((1, 2)))
    assert (d.verdict, d.suspects) == (Verdict.INCONCLUSIVE, ())
    assert "float64 or fewer layers, or more samples of a mean, would tell" in d.reason


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("depth", [1, 3, 6])
def test_a_product_that_vanishes(depth: int, dtype: str) -> None:
    """Of two features normalised only the sign is left: J is ε-small, and ε-smaller with every layer."""
    net = Network((LayerNorm(2),) * depth)
    d = compare(jacobian(net), perturbed(net, 2, dtype), np.array([[1.0, 3.0], [2.0, -5.0]]))
    if dtype == "float64":
        assert agrees(d), str(d)
    else:  # the bar is of the size of what is left: nothing is claimed
        assert (d.verdict, d.explained) == (Verdict.INCONCLUSIVE, True)
    assert np.linalg.norm(d.predicted) < 1e-4**depth
    assert d.difference <= d.unexplained.bar < 1e-3


def test_epsilon_zero_at_a_constant_input_is_refused() -> None:
    net = Network((LayerNorm(3, eps=0.0), Linear(3, 2)))
    with pytest.raises(ResiduaError, match="got row 0 with s = 0"):
        compare(jacobian(net), model_of(net), np.ones((1, 3)))
    assert agrees(compare(jacobian(net), model_of(net), np.array([[1.0, 2.0, 4.0]])))


DEGENERATE = {
    "width 1": Network((Linear(1, 1), RMSNorm(1), Activation("tanh"), Residual((Linear(1, 1),)))),
    "width 1, layer norm": Network((LayerNorm(1), Linear(1, 1))),
    "no parameters": Network((Activation("sin"), Dropout(0.5), Residual((Activation("tanh"),))), inputs=1),
    "one layer": Network((Linear(1, 3, bias=False),)),
    "no skip": Network((Residual((Linear(1, 1),), scale=0.0),)),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("batch", [1, 3])
def test_degenerate_sizes(name: str, batch: int) -> None:
    net = DEGENERATE[name]
    assert agrees(compare(jacobian(net), model_of(net), np.linspace(0.3, 0.9, batch)[:, None]))


@pytest.mark.parametrize("net", [NET, SQUARE], ids=["normalisers", "none"])
def test_all_weights_zero(net: Network) -> None:
    model = large(net, entry=0.0)
    assert agrees(compare(jacobian(net), model, X))
    with torch.no_grad():
        modules_of(model)[str(len(net.layers) - 1)].get_parameter("bias")[0] = 1e-9
    zeros = {name: np.zeros(shape) for name, shape in net.parameter_shapes().items()}
    assert blames(compare(jacobian(net), model, X, weights=zeros), str(len(net.layers) - 1))


def test_exactly_on_a_kink() -> None:
    net = Network((Activation("relu"), Linear(3, 2)))
    assert agrees(compare(jacobian(net), model_of(net), np.zeros((2, 3))))


# a prediction and a measurement

COTANGENT = np.random.default_rng(3).normal(size=(3, 3))
QUANTITIES: dict[str, dict[str, Any]] = {
    "jacobian": {},
    "gradient norms": {"cotangent": COTANGENT},
    "singular values": {},
}
each_quantity = pytest.mark.parametrize("quantity", QUANTITIES)


def pair(quantity: str, model: nn.Sequential, dtype: str = "float64") -> Discrepancy:
    """The prediction for the right model against the measurement of `model`."""
    x = X.astype(dtype).astype(np.float64)
    prediction = predict(J, weights_of(model_of(dtype=dtype)), x, quantity, dtype=dtype, **QUANTITIES[quantity])
    return compare(prediction, measure(model, quantity, x, **QUANTITIES[quantity]))


@each_quantity
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_quantities_of_the_right_model_agree(quantity: str, dtype: str) -> None:
    d = pair(quantity, model_of(dtype=dtype), dtype)
    assert agrees(d)
    assert d.quantity == quantity
    assert d.rows == ()
    assert (d.scope["batch"], d.scope["dtype"], d.scope["layers"]) == (3, dtype, 9)
    assert {"torch", "threads"} <= set(d.scope)


@each_quantity
@pytest.mark.parametrize("place", ["0", "3.branch.2", "8"])
def test_of_an_altered_model_they_differ(quantity: str, place: str) -> None:
    model = model_of()
    shift(model, 1e-9, place)
    assert blames(pair(quantity, model))


def test_another_cotangent_differs() -> None:
    model = model_of()
    prediction = predict(J, weights_of(model), X, "gradient norms", COTANGENT)
    assert blames(compare(prediction, measure(model, "gradient norms", X)))


@each_quantity
def test_values_shifted_by_twice_their_bound_do_not_agree(quantity: str) -> None:
    """The negative test: one entry is enough."""
    model = model_of()
    prediction = predict(J, weights_of(model), X, quantity, **QUANTITIES[quantity])
    measurement = measure(model, quantity, X, **QUANTITIES[quantity])
    exact = replace(measurement, values=prediction.values)
    assert agrees(compare(prediction, exact))
    entry = np.unravel_index(np.argmax(prediction.error), prediction.error.shape)
    shifted = prediction.values.copy()
    shifted[entry] += 2 * prediction.error[entry]
    assert blames(compare(prediction, replace(measurement, values=shifted)))
    inside = prediction.values + 0.5 * prediction.error
    assert agrees(compare(prediction, replace(measurement, values=inside)))


def test_not_a_number_never_agrees() -> None:
    model = model_of()
    prediction, measurement = predict(J, weights_of(model), X), measure(model, "jacobian", X)
    broken = measurement.values.copy()
    broken[0, 0, 0] = np.nan
    assert blames(compare(prediction, replace(measurement, values=broken)))
    d = compare(replace(prediction, values=broken), measurement)
    assert (d.verdict, d.explained) == (Verdict.INCONCLUSIVE, False)
    d = compare(replace(prediction, error=np.full_like(prediction.error, np.nan)), measurement)
    assert d.verdict is not Verdict.AGREE
    d = compare(replace(prediction, error=np.full_like(prediction.error, np.inf)), measurement)
    assert d.verdict is Verdict.INCONCLUSIVE


def test_spread_over_seeds_counts_as_sampling() -> None:
    model = model_of()
    prediction, measurement = predict(J, weights_of(model), X), measure(model, "jacobian", X)
    standard_error = 1e-6 * np.ones_like(measurement.values)
    near = replace(measurement, values=measurement.values + 3e-6, spread=standard_error)
    d = compare(prediction, near)
    assert agrees(d)
    assert d.causes["sampling"] == pytest.approx(4e-6 * np.sqrt(near.values.size))
    assert blames(compare(prediction, replace(near, values=measurement.values + 5e-6)))
    assert blames(compare(prediction, replace(near, spread=None)))


def test_pairs_that_do_not_belong_together_are_refused() -> None:
    model = model_of()
    prediction = predict(J, weights_of(model), X)
    with pytest.raises(ResiduaError, match=r"'jacobian'.* was predicted,.* 'singular values'"):
        compare(prediction, measure(model, "singular values", X))
    with pytest.raises(ResiduaError, match=r"\(3, 3, 4\).* predicted,.* \(1, 3, 4\)"):
        compare(prediction, measure(model, "jacobian", X[:1]))
    with pytest.raises(ResiduaError, match="rounding of float64 was predicted, the measurement is float32"):
        compare(prediction, measure(model_of(dtype="float32"), "jacobian", X))


class _OneRowTripled(torch.autograd.Function):
    """The identity, whose gradient is three times too large in the row that is not nearly constant."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        wide = (x.max(dim=-1, keepdim=True).values - x.min(dim=-1, keepdim=True).values) > 0.5
        return torch.where(wide, 3.0 * grad, grad)


class _Tripled(torch.nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first: torch.Tensor = _OneRowTripled.apply(x)  # type: ignore[no-untyped-call]
        return self[1](self[0](first))  # type: ignore[no-any-return]


def test_a_badly_conditioned_row_hides_no_fault_in_another() -> None:
    net = Network((LayerNorm(6, eps=0.0), Linear(6, 2)))
    true = perturbed(net, 0)
    model = _Tripled(*true)
    x = np.array([[1.0, -1.0, 0.5, 2.0, -0.3, 0.1], [1.0 + 1e-9 * k for k in range(6)]])
    d = compare(jacobian(net), model, x)
    assert (d.verdict, d.explained) == (Verdict.DIFFER, False)
    assert compare(jacobian(net), true, x).verdict is not Verdict.DIFFER


def test_a_bar_wider_than_one_of_the_values_decides_nothing() -> None:
    prediction = Prediction("q", np.array([1.0, 1e4]), np.zeros(2), {})
    measurement = Measurement("q", np.array([3.0, 1e4]), "float64", np.array([0.6, 0.1]), {})
    assert compare(prediction, measurement).verdict is Verdict.INCONCLUSIVE


def test_a_model_that_does_what_the_assumption_says_agrees_with_it() -> None:
    net = Network((Linear(4, 4), LayerNorm(4), Linear(4, 2)))
    model = perturbed(net, 0)
    weights = weights_of(model)
    detached = next(fault for fault in FAULTS if fault.name == "statistics detached from the gradient")
    plant(model, "1", detached)
    x = np.random.default_rng(0).normal(size=(3, 4))
    d = compare(jacobian(net, assume=CONSTANT_STATISTICS), model, x, weights=weights)
    assert (d.verdict, d.explained, d.suspects) == (Verdict.AGREE, True, ())
    assert compare(jacobian(net), model, x, weights=weights).suspects == ("1",)


class _Shifted(torch.nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self[1](self[0](x)) + 5.0  # type: ignore[no-any-return]


def test_an_output_that_is_not_what_the_last_layer_gives_is_noticed() -> None:
    net = Network((Linear(3, 3), Activation("tanh")))
    d = compare(jacobian(net), _Shifted(*perturbed(net, 0)), np.ones((2, 3)))
    assert (d.verdict, d.explained) == (Verdict.DIFFER, False)
    assert "the output is not what the last layer gives" in d.reason
