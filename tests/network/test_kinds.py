from pathlib import Path

import residua_network
from residua_network import Layer, kinds


def test_one_kind_a_file_in_alphabetical_order() -> None:
    folder = Path(residua_network.__file__).parent / "kinds"
    assert list(kinds()) == sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def test_a_kind_is_named_after_its_file() -> None:
    for name, kind in kinds().items():
        assert issubclass(kind, Layer)
        assert kind.kind == name == kind.__module__.rpartition(".")[2]


def test_parameters_name_fields() -> None:
    for kind in kinds().values():
        annotations = {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
        for parameter in kind.parameters.values():
            assert {*parameter.axes, *([parameter.switch] if parameter.switch else [])} <= annotations


def test_the_face_hands_on_every_kind() -> None:
    for kind in kinds().values():
        assert getattr(residua_network, kind.__name__) is kind
        assert kind.__name__ in residua_network.__all__
