import math
from typing import Any

import pytest

from residua_network import DescriptionError
from residua_network.checks import flag, number, one_of, unknown, whole


def test_what_fits_is_returned() -> None:
    assert whole(3, "size", "Here") == 3
    assert number(1, "rate", "Here") == 1.0
    assert flag(False, "bias", "Here") is False
    assert one_of("relu", ["tanh", "relu"], "activation", "Here") == "relu"


def test_numbers_become_floats_and_minus_zero_zero() -> None:
    assert type(number(1, "rate", "Here")) is float
    assert math.copysign(1.0, number(-0.0, "eps", "Here", least=0.0)) == 1.0


def test_whole_takes_the_integers_of_others_and_gives_an_int() -> None:
    class Integer:
        """As numpy's are: no int, but one by its own word."""

        def __index__(self) -> int:
            return 3

    assert type(whole(Integer(), "size", "Here")) is int
    with pytest.raises(DescriptionError, match="at least 4, got <"):
        whole(Integer(), "size", "Here", least=4)


@pytest.mark.parametrize("value", [0, -1, True, False, 2.0, "2", None, [2], 1.5, math.nan])
def test_whole_refuses(value: Any) -> None:
    with pytest.raises(DescriptionError, match=r"^Here: size must be a whole number of at least 1, got "):
        whole(value, "size", "Here")


def test_whole_has_a_least() -> None:
    assert whole(0, "seed", "Here", least=0) == 0
    with pytest.raises(DescriptionError, match="at least 0, got -1"):
        whole(-1, "seed", "Here", least=0)


@pytest.mark.parametrize("value", [True, "1", None, math.nan, math.inf, -math.inf, 1j, 10**400, -(10**400), [1.0]])
def test_number_refuses_what_is_not_finite(value: Any) -> None:
    with pytest.raises(DescriptionError, match=r"^Here: rate must be a finite number, got "):
        number(value, "rate", "Here")


@pytest.mark.parametrize("value", [-0.1, 1.0, 1, 2.0])
def test_number_refuses_what_is_outside(value: float) -> None:
    with pytest.raises(DescriptionError, match=r"^Here: rate must lie in \[0, 1\), got "):
        number(value, "rate", "Here", least=0.0, below=1.0)


@pytest.mark.parametrize("value", [0, 1, "True", None])
def test_flag_refuses(value: Any) -> None:
    with pytest.raises(DescriptionError, match=r"^Here: bias must be True or False, got "):
        flag(value, "bias", "Here")


@pytest.mark.parametrize("value", ["rleu", "Relu", 3, None, ["relu"], ("relu",), {"relu": 1}])
def test_one_of_refuses(value: Any) -> None:
    with pytest.raises(DescriptionError, match=r"^Here: unknown activation .*known: tanh, relu$"):
        one_of(value, ["tanh", "relu"], "activation", "Here")


def test_the_nearest_is_suggested_where_there_is_one() -> None:
    assert unknown("kind", "layernrom", ["linear", "layernorm"]) == (
        "unknown kind 'layernrom'; did you mean 'layernorm'? known: linear, layernorm"
    )
    assert unknown("kind", "zzz", ["linear"]) == "unknown kind 'zzz'; known: linear"
