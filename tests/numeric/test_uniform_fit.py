"""Training for the largest error, on problems whose best answer is known."""

import numpy as np
import pytest

from residua_network import Activation, Linear, Network, ResiduaError
from residua_numeric import measure
from residua_numeric.uniform_fit import fit_uniformly

LINE = Network((Linear(1, 1),))
X = np.linspace(0, 1, 51)[:, None]
FEW = (2, 16, 128)


def test_the_best_line_for_the_square_is_off_by_an_eighth() -> None:
    fits = fit_uniformly(LINE, X, X**2, range(3), steps=150, powers=FEW, rate=0.1)
    assert fits.errors == pytest.approx([0.125] * 3, rel=0.03)
    assert (fits.errors >= 0.125 - 1e-12).all()
    assert fits.errors[fits.best] == fits.errors.min()


def test_errors_are_those_of_the_models() -> None:
    net = Network((Linear(1, 3), Activation("tanh"), Linear(3, 1)))
    fits = fit_uniformly(net, X, np.sin(3 * X), (4, 5), steps=30)
    for model, error in zip(fits.models, fits.errors, strict=True):
        assert abs(measure(model, "output", X).values - np.sin(3 * X)).max() == pytest.approx(error, abs=1e-14)


def test_the_large_powers_lower_the_largest_error() -> None:
    square = fit_uniformly(LINE, X, X**3, range(2), steps=100, powers=(2,), rate=0.1)
    uniform = fit_uniformly(LINE, X, X**3, range(2), steps=100, powers=FEW, rate=0.1)
    assert uniform.errors.max() < square.errors.min()


def test_equal_arguments_give_equal_bits_and_neighbours_do_not_matter() -> None:
    both = fit_uniformly(LINE, X, X**2, (0, 1), steps=10, powers=FEW)
    again = fit_uniformly(LINE, X, X**2, (0, 1), steps=10, powers=FEW)
    alone = fit_uniformly(LINE, X, X**2, (1,), steps=10, powers=FEW)
    assert (both.errors == again.errors).all()
    assert alone.errors[0] == pytest.approx(both.errors[1], abs=1e-9)


def test_a_net_that_is_right_stays_so() -> None:
    net = Network((Linear(1, 1, bias=False),))
    fits = fit_uniformly(net, np.zeros((3, 1)), np.zeros((3, 1)), (0,), steps=3)
    assert fits.errors.tolist() == [0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": ()}, "at least one seed"),
        ({"powers": ()}, "at least one seed and one power"),
        ({"rate": 0}, "rate must be above 0"),
        ({"y": np.zeros((7, 1))}, "expected y of shape"),
    ],
)
def test_refusals_say_what_is_wrong(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"x": X, "y": X, "seeds": (0,), "steps": 2, **change}
    with pytest.raises(ResiduaError, match=message):
        fit_uniformly(LINE, arguments.pop("x"), arguments.pop("y"), arguments.pop("seeds"), **arguments)  # type: ignore[arg-type]
