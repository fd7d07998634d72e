"""A kind is three files of one name, and an activation one line on every side."""

from collections.abc import Iterable
from pathlib import Path

import pytest

import residua_network
from oracles.formulas import ACTIVATIONS as BY_HAND
from residua_network import ACTIVATIONS, kinds
from residua_numeric.layers.activation import FUNCTIONS as NUMERIC
from residua_symbolic.domains.balls import FUNCTIONS as BALLS
from residua_symbolic.domains.floats import FUNCTIONS as FLOATS
from residua_symbolic.domains.rounded import STEEPEST
from residua_symbolic.functions import ACTIVATIONS as SYMBOLIC

ROOT = Path(residua_network.__file__).parents[2]
PLACES = ("network/residua_network/kinds", "symbolic/residua_symbolic/layers", "numeric/residua_numeric/layers")
NAMES = sorted({path.stem for place in PLACES for path in (ROOT / place).glob("*.py")} - {"__init__"})
TABLES: dict[str, Iterable[str]] = {
    "numeric/residua_numeric/layers/activation.py": NUMERIC,
    "symbolic/residua_symbolic/functions.py": SYMBOLIC,
    "symbolic/residua_symbolic/domains/balls.py": BALLS,
    "symbolic/residua_symbolic/domains/floats.py": FLOATS,
    "symbolic/residua_symbolic/domains/rounded.py": STEEPEST,
    "tests/oracles/formulas.py": BY_HAND,
}


def missing(root: Path, name: str) -> list[str]:
    return [str(root / place / f"{name}.py") for place in PLACES if not (root / place / f"{name}.py").is_file()]


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_has_its_three_files(name: str) -> None:
    assert not missing(ROOT, name), f"{name} needs {missing(ROOT, name)}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / PLACES[0]).mkdir(parents=True)
    (tmp_path / PLACES[0] / "softmax.py").touch()
    assert missing(tmp_path, "softmax") == [str(tmp_path / place / "softmax.py") for place in PLACES[1:]]


def test_the_scan_finds_the_files() -> None:
    assert list(kinds()) == NAMES
    assert all(kind.kind == name for name, kind in kinds().items())


@pytest.mark.parametrize("table", TABLES)
def test_every_activation_is_in_every_table(table: str) -> None:
    assert not set(ACTIVATIONS) - set(TABLES[table])
