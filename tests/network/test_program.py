"""Programs refuse what cannot be carried out."""

from fractions import Fraction

import pytest

from residua_network import DescriptionError, Operation, Program

LOGISTIC = (
    Operation("v1", "mul", ("w", "x")),
    Operation("v2", "neg", ("v1",)),
    Operation("v3", "exp", ("v2",)),
    Operation("v4", "add", ("v3", Fraction(1))),
    Operation("v5", "div", (Fraction(1), "v4")),
)


def test_a_program_is_plain_data() -> None:
    assert Program(("w", "x"), LOGISTIC, ("v5",)) == Program(("w", "x"), LOGISTIC, ("v5",))
    assert Program(("x",), (), ("x",)).operations == ()


@pytest.mark.parametrize(
    ("inputs", "operations", "outputs", "words"),
    [
        (("x", "x"), (), ("x",), "'x' is defined twice"),
        (("x",), LOGISTIC, ("v5",), "'v1': 'w' is used before it is defined"),
        (("w", "x"), LOGISTIC[::-1], ("v5",), "'v4' is used before it is defined"),
        (("x",), (Operation("x", "neg", ("x",)),), ("x",), "'x' is defined twice"),
        (("x",), (Operation("y", "gamma", ("x",)),), ("y",), "unknown function 'gamma'"),
        (("x",), (Operation("y", "neg", ("x", "x")),), ("y",), "neg takes 1 arguments, got 2"),
        (("x",), (), ("y",), "outputs: 'y' is used before"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(
    inputs: tuple[str, ...], operations: tuple[Operation, ...], outputs: tuple[str, ...], words: str
) -> None:
    with pytest.raises(DescriptionError, match=words):
        Program(inputs, operations, outputs)
