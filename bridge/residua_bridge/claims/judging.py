"""Judges: functions from evidence to rulings, one a claim, found by scanning `judges/`."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from residua_bridge.claims.evidence import Evidence
from residua_bridge.claims.register import register
from residua_bridge.claims.ruling import Ruling
from residua_network import ResiduaError
from residua_network.checks import unknown

Judge = Callable[[Evidence], Ruling]
_MARK = "judges_claim"


def judge(claim: str) -> Callable[[Judge], Judge]:
    """Marks the function that judges this claim. Its docstring says how, and is printed. Raises ResiduaError."""
    if claim not in register():
        raise ResiduaError(unknown("claim", claim, register()))

    def marked(function: Judge) -> Judge:
        setattr(function, _MARK, claim)
        return function

    return marked


@cache
def all_judges() -> dict[str, Judge]:
    """The judge of every claim that has one, in the order of the register. Raises ResiduaError where two are."""
    from residua_bridge.claims import judges as folder

    found: dict[str, Judge] = {}
    for module in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        for function in vars(importlib.import_module(module.name)).values():
            claim = getattr(function, _MARK, None)
            if claim is not None and found.setdefault(claim, function) is not function:
                raise ResiduaError(f"claim {claim}: expected one judge, got two, in {module.name} and before")
    return {claim: found[claim] for claim in register() if claim in found}
