"""Other symbolic systems, as their users would call them: SymPy, SymEngine, CasADi, and C from SymPy's printer."""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.cache import clear_cache

X = sp.Symbol("x", real=True)


def installed(package: str) -> bool:
    """Whether the peer is there."""
    return find_spec(package) is not None


def iterated(x: Any, n: int) -> Any:
    """l_1 = x, l_{n+1} = 4 l_n (1 − l_n), in whatever system x is of."""
    for _ in range(n - 1):
        x = 4 * x * (1 - x)
    return x


def sympy_iterate(n: int) -> sp.Expr:
    """The iterate, with SymPy's memory of earlier derivatives emptied."""
    clear_cache()
    return iterated(X, n)


def casadi_iterate(n: int) -> tuple[Any, Any]:
    """x and the iterate."""
    import casadi

    x = casadi.SX.sym("x")
    return x, iterated(x, n)


def symengine_iterate(n: int) -> tuple[Any, Any]:
    """x and the iterate."""
    import symengine

    x = symengine.Symbol("x")
    return x, iterated(x, n)


def casadi_net(weights: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """x and the sum of a tanh net's outputs, from (weight, bias) of every layer."""
    import casadi

    x = casadi.SX.sym("x", weights[0][0].shape[1])
    h = x
    for weight, bias in weights:
        h = casadi.tanh(casadi.mtimes(casadi.DM(weight), h) + casadi.DM(bias))
    return x, casadi.sum1(h)


def symengine_net(weights: Sequence[tuple[Any, Any]]) -> tuple[list[Any], Any]:
    """The inputs and the sum of the outputs of the same net."""
    import symengine

    x = [symengine.Symbol(f"x{k + 1}") for k in range(weights[0][0].shape[1])]
    h: list[Any] = x
    for weight, bias in weights:
        sums = [sum((w * v for w, v in zip(row, h, strict=True)), b) for row, b in zip(weight, bias, strict=True)]
        h = [symengine.tanh(s) for s in map(symengine.sympify, sums)]
    return x, sum(h)


def generated_c(expression: sp.Expr, symbols: Sequence[sp.Symbol]) -> Callable[..., Any] | None:
    """A loop over points in C with common subexpressions taken out; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    shared, (result,) = sp.cse([expression])
    given = [f"const double {s.name} = in_{s.name}[i];" for s in symbols]
    made = [f"const double {name} = {sp.ccode(e)};" for name, e in shared]
    arguments = ", ".join(f"const double *restrict in_{s.name}" for s in symbols)
    body = "\n".join([*given, *made, f"out[i] = {sp.ccode(result)};"])
    source = (
        "#include <math.h>\n"
        f"void run(long n, double *restrict out, {arguments})\n{{ for (long i = 0; i < n; i++) {{\n{body}\n}} }}\n"
    )
    folder = Path(tempfile.mkdtemp())
    (folder / "run.c").write_text(source, encoding="ascii")
    command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", "run.c", "-o", "run.so", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    function = ctypes.CDLL(str(folder / "run.so")).run
    shutil.rmtree(folder)

    def run(*arrays: Any) -> Any:
        out = np.empty(len(arrays[0]))
        places = [ctypes.c_void_p(a.ctypes.data) for a in (out, *arrays)]
        function(ctypes.c_long(len(out)), *places)
        return out

    return run


def layernorm_by_simplify(size: int, printed: Callable[..., sp.Expr]) -> bool:
    """Every entry of layer normalisation's Jacobian less what is printed, simplified by SymPy to zero."""
    clear_cache()
    x = sp.symbols(f"x:{size}", real=True)
    gamma = sp.symbols(f"gamma:{size}", real=True)
    eps = sp.Symbol("epsilon", positive=True)
    mean = sum(x) / size
    s = sp.sqrt(sum((v - mean) ** 2 for v in x) / size + eps)
    xhat = [(v - mean) / s for v in x]
    return all(
        sp.simplify(sp.diff(gamma[i] * xhat[i], x[j]) - printed(i, j, gamma, xhat, s, size)) == 0
        for i in range(size)
        for j in range(size)
    )
