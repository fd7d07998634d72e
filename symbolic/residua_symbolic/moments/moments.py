"""The result of `predict_moments`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from residua_network import Network
from residua_symbolic.derivation import Derivation
from residua_symbolic.printing import latex
from residua_symbolic.tables import Grid, for_notebook


@dataclass(frozen=True)
class LayerMoments:
    """One layer: what comes out of it, and what it does to the squared gradient.

    `mean`, `forward`, `covariance`: E x, E x² and E x_a x_b (two rows; None where rows never meet) of its output.
    `gradient_ratio`: E‖gradient at its input‖² / E‖gradient at its output‖²; `gradient`: the former over E‖gradient at
    the network's output‖². Inside a branch of scale 0 there is no gradient: 0, and no ratio (nan). `error`: bound or
    standard error of these numbers, relative. `formulas`: the law of each, in the moments of the layer's input.
    `finite_size`: what holds at finite sizes. `branch`: the layers inside.
    """

    name: str
    layer: str
    mean: float
    forward: float
    covariance: float | None
    gradient_ratio: float
    gradient: float
    error: float
    formulas: tuple[sp.Eq, ...]
    finite_size: str
    branch: tuple["LayerMoments", ...] = ()

    def walk(self) -> Iterator["LayerMoments"]:
        """This layer and all inside it."""
        yield self
        for inside in self.branch:
            yield from inside.walk()


@dataclass(frozen=True, repr=False)
class Moments:
    """The moments of every layer of a network over its random initial weights; tuples are in layer order.

    In the formulas v is fan-in times the variance of a weight and b that of a bias, B the batch; m, q and c are the
    mean, the mean square and the product of two rows' entries at the layer's input, q' the mean square of its output,
    R the gradient ratio, rho = E g_a g_b / E g_a² of the gradient that comes back to two rows; α F a residual's branch.
    """

    network: Network
    init: str | float
    batch: int | None
    layers: tuple[LayerMoments, ...]
    gradient_total: float  # E‖gradient at the network's input‖² / E‖gradient at its output‖²
    assumptions: tuple[str, ...]
    derivation: Derivation

    @property
    def forward(self) -> tuple[float, ...]:
        """Mean square of each layer's output."""
        return tuple(layer.forward for layer in self.layers)

    @property
    def gradient_ratio(self) -> tuple[float, ...]:
        """E of the squared gradient norm at each layer's input over that at its output."""
        return tuple(layer.gradient_ratio for layer in self.layers)

    @property
    def formulas(self) -> tuple[tuple[sp.Eq, ...], ...]:
        """Of each layer, the laws in the moments of its input; none where no closed form is known."""
        return tuple(layer.formulas for layer in self.layers)

    @property
    def finite_size(self) -> tuple[str, ...]:
        """What is known of each layer at finite sizes."""
        return tuple(layer.finite_size for layer in self.layers)

    @property
    def branch(self) -> dict[str, tuple[LayerMoments, ...]]:
        """The layers inside each residual block, nested ones under their own names."""
        return {at.name: at.branch for layer in self.layers for at in layer.walk() if at.branch}

    def grid(self) -> Grid:
        """A row for every layer, those in branches below the block that they belong to."""
        head = ("layer", "", "mean square", "gradient ratio", "squared gradient at its input")
        rows = [
            (at.name, at.layer, at.forward, at.gradient_ratio, at.gradient)
            for layer in self.layers
            for at in layer.walk()
        ]
        return Grid(head, tuple(tuple(_short(cell) for cell in row) for row in rows))

    def text(self) -> str:
        """The table, and what it assumes."""
        return "\n".join([self.grid().text(), "", *self.assumptions])

    def markdown(self) -> str:
        """The table, and what it assumes."""
        return "\n".join([self.grid().markdown(), "", *(f"- {assumed}" for assumed in self.assumptions)])

    def latex(self) -> str:
        """The table."""
        return self.grid().latex()

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold: numbers in full, formulas as LaTeX."""
        return {
            "init": self.init,
            "batch": self.batch,
            "forward": self.forward,
            "gradient_ratio": self.gradient_ratio,
            "gradient_total": self.gradient_total,
            "formulas": [[latex(formula) for formula in formulas] for formulas in self.formulas],
            "finite_size": self.finite_size,
            "assumptions": self.assumptions,
        }

    def __repr__(self) -> str:
        rows = "infinite batch" if self.batch is None else f"batch {self.batch}"
        return f"<Moments, init {self.init!r}, {rows}, gradient total {self.gradient_total:.6g}>\n{self.grid().text()}"

    def _repr_markdown_(self) -> str:
        return for_notebook(self.grid().markdown())


def _short(cell: Any) -> Any:
    return float(f"{cell:.6g}") if isinstance(cell, float) else cell
