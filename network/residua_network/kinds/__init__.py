"""The layer kinds, one file each; `kinds()` scans this folder, so that adding one needs no other edit."""

import importlib
import pkgutil
from functools import cache

from residua_network.layer import Layer


@cache
def kinds() -> dict[str, type[Layer]]:
    """Every layer kind by name, in alphabetical order."""
    found: dict[str, type[Layer]] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        content = vars(importlib.import_module(f"{__name__}.{module.name}"))
        for value in content.values():
            if isinstance(value, type) and issubclass(value, Layer) and value.__module__ == f"{__name__}.{module.name}":
                found[module.name] = value
    return found
