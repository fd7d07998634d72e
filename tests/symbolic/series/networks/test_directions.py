"""Interpolation of homogeneous parts: polynomials come back, in floats and exactly."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from residua_symbolic.series.networks import directions

CASES = [(1, 0), (1, 5), (2, 0), (2, 1), (2, 7), (3, 5), (4, 3)]


def exponents_of(variables: int, order: int) -> list[tuple[int, ...]]:
    return [e for e in np.ndindex(*(order + 1,) * variables) if sum(e) <= order]


def parts_of(polynomial: dict[Any, Any], ways: Any, order: int, dtype: Any) -> Any:
    parts = np.zeros((len(ways), order + 1), dtype=dtype) + polynomial[min(polynomial)] * 0
    for e, c in polynomial.items():
        parts[:, sum(e)] += c * np.prod(ways ** np.array(e), axis=1)
    return parts


@pytest.mark.parametrize(("variables", "order"), CASES)
def test_floats(variables: int, order: int) -> None:
    rng = np.random.default_rng(variables)
    polynomial = {e: rng.normal() for e in exponents_of(variables, order)}
    nodes = directions.leja(order + 1)
    ways = directions.directions(variables, order, nodes)
    assert len(ways) == directions.count(variables, order)
    found = directions.homogeneous(parts_of(polynomial, ways, order, float), variables, order, nodes)
    assert found.keys() == polynomial.keys()
    assert max(abs(found[e] - c) for e, c in polynomial.items()) <= 1e-12


@pytest.mark.parametrize(("variables", "order"), CASES)
def test_fractions(variables: int, order: int) -> None:
    polynomial = {e: Fraction(k + 1, 7) for k, e in enumerate(exponents_of(variables, order))}
    nodes = directions.whole(order + 1)
    ways = directions.directions(variables, order, nodes)
    found = directions.homogeneous(parts_of(polynomial, ways, order, object), variables, order, nodes)
    assert found == polynomial


def test_nodes_differ_and_begin_alike() -> None:
    assert directions.leja(20)[:3] == (0.0, 1.0, -1.0)
    assert len(set(directions.leja(20))) == 20
    assert directions.whole(5) == (0, 1, -1, 2, -2)
