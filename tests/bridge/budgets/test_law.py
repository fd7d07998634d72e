"""Laws and ladders that make no sense are refused in one line that says what was expected."""

import math
import re
from typing import Any

import numpy as np
import pytest

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, finite
from residua_bridge.verdict import Uncertain
from residua_network import ResiduaError

from .synthetic import Noisy

POINT = {"width": 16.0, "depth": 4.0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"along": {"width": (16,)}}, "ladder in width: expected at least two sizes, got 16"),
        ({"along": {"width": ()}}, "expected at least two sizes, got none"),
        ({"along": {"width": (32, 16)}}, "ladder in width: expected increasing sizes, got 32, 16"),
        ({"along": {"width": (16, 16)}}, "expected increasing sizes, got 16, 16"),
        ({"along": {"width": (0, 16)}}, "width must be positive, got 0"),
        ({"along": {"width": (-4, 16)}}, "width must be positive, got -4"),
        ({"along": {"width": (16, math.nan)}}, "width must be a finite number, got nan"),
        ({"along": {"breadth": (16, 32)}}, "expected sizes of the point (width, depth), got 'breadth'"),
        ({"point": {"width": 16, "depth": 0}}, "depth must be positive, got 0"),
        ({"point": {}}, "expected the sizes of a point"),
        ({"further": {"width": (64, 128)}}, "further sizes of width continue a ladder in width, got none"),
        ({"along": {"width": (16, 32)}, "further": {"width": (32,)}}, "expected increasing sizes, got 16, 32, 32"),
        ({"repetitions": 0}, "repetitions must be a whole number of at least 1, got 0"),
        ({"looks": 0}, "looks must be a whole number of at least 1, got 0"),
        ({"resolution": 0.0}, "resolution must be positive, got 0.0"),
        ({"seconds": -1.0}, "seconds must be positive, got -1.0"),
        ({"resolution": math.nan}, "resolution must be a finite number, got nan"),
    ],
)
def test_ladders_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ResiduaError, match=re.escape(words)) as caught:
        Ladder(**{"point": POINT, **arguments})
    assert "\n" not in str(caught.value)


def test_laws_refused() -> None:
    with pytest.raises(ResiduaError, match="the order of the correction in width must be positive, got 0"):
        Law("x", "gain", lambda s: 1.0, limits={"width": 0})
    with pytest.raises(ResiduaError, match="expected approximations among its causes"):
        Law("x", "gain", lambda s: 1.0, causes={"truncation": lambda s: 0.1}, approximations=("finite width",))


def test_what_is_judged_must_fit() -> None:
    law = Law("x", "gain", lambda s: 1.0)
    with pytest.raises(ResiduaError, match="unknown statistic 'mean'; did you mean"):
        judged(law, Noisy(), Ladder(POINT), "mean")
    with pytest.raises(
        ResiduaError, match=re.escape("expected limits in sizes of the point (width, depth), got 'batch'")
    ):
        judged(Law("x", "gain", lambda s: 1.0, limits={"batch": 1}), Noisy(), Ladder(POINT))


@pytest.mark.parametrize("shape", [(3,), (64, 1), (64, 2), ()])
def test_a_source_of_another_shape(shape: tuple[int, ...]) -> None:
    class Odd:
        def draw(self, sizes: object, repetitions: int, block: int) -> Any:
            return np.ones(shape)

    with pytest.raises(ResiduaError, match=r"source of 'gain' at width 16, depth 4: expected numbers of shape \(64,\)"):
        judged(Law("x", "gain", lambda s: 1.0), Odd(), Ladder(POINT))


def test_a_source_of_words() -> None:
    class Odd:
        def draw(self, sizes: object, repetitions: int, block: int) -> Any:
            return ["one"] * repetitions

    with pytest.raises(ResiduaError, match="expected numbers of shape"):
        judged(Law("x", "gain", lambda s: 1.0), Odd(), Ladder(POINT))


def test_causes_add_and_approximations_do_not() -> None:
    causes = {"edge layers": lambda s: Uncertain(0.5, 0.3), "finite batch": lambda s: Uncertain(0.25, 0.4)}
    law = Law(
        "x",
        "gain",
        lambda s: s["width"],
        causes={**causes, "truncation": lambda s: 8.0},
        approximations=("truncation",),
    )
    predicted = law.predicted(POINT)
    assert predicted.value == 16.75
    assert predicted.bar == pytest.approx(0.5)
    assert law.approximated(POINT).value == 8.0
    assert law.unit(POINT) == 16.0
    assert Law("x", "gain", lambda s: 0.0).unit(POINT) == 1.0


def test_names_of_effects() -> None:
    assert [finite(name) for name in ("width", "rate", "precision")] == ["finite width", "discretisation", "rounding"]
