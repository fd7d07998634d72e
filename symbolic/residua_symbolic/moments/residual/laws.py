"""What a residual network does at initialisation, by the order of its block: stream, gradient and paths as numbers.

order "none": x + branch(x); "pre": x + branch(norm(x)); "post": norm(x + branch(x)). branch "linear", "relu linear"
(ReLU → Linear) or "linear relu" (Linear → ReLU); norm "layernorm" or "rmsnorm". `derive` gives the proved formulas.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from residua_network import ResiduaError
from residua_network.checks import number, one_of, whole
from residua_symbolic.derivation import Derivation
from residua_symbolic.moments.residual import paths as residual_paths
from residua_symbolic.moments.residual import postnorm as residual_postnorm
from residua_symbolic.moments.residual import prenorm as residual_prenorm
from residua_symbolic.moments.residual.linear import linear_growth, linear_spread, scaled_growth
from residua_symbolic.moments.residual.relu import linear_relu_gradient, linear_relu_growth, relu_linear_growth

Floats = NDArray[np.float64]
ORDERS = ("none", "pre", "post")
BRANCHES = ("linear", "relu linear", "linear relu")
NORMS = ("", "layernorm", "rmsnorm")
MEAN_SQUARE, GRADIENT = "mean square", "gradient"


@dataclass(frozen=True)
class ResidualLaw:
    """Of a residual network whose branches have this gain: mean square of a branch over that of its input.

    With a Linear in the branch: v for "linear", v/2 beside a ReLU, v being fan_in times the variance of a weight; times
    the square of the block's scale. Inputs have mean square 1 and mean 0. Limits of infinite width, but for what is
    in `exact`. Raises ResiduaError for an order, branch or norm of another name, and for a gain that is not above 0.
    """

    order: str
    branch: str
    norm: str = ""
    gain: float = 1.0

    def __post_init__(self) -> None:
        one_of(self.order, ORDERS, "order", "ResidualLaw")
        one_of(self.branch, BRANCHES, "branch", "ResidualLaw")
        one_of(self.norm, NORMS, "norm", "ResidualLaw")
        if (self.order, self.branch, self.norm) not in _DERIVATIONS:
            raise ResiduaError(
                f'ResidualLaw: no law for order "{self.order}", branch "{self.branch}" and norm "{self.norm}"; '
                'a norm goes with "pre" and "post" and a branch with a ReLU'
            )
        if not number(self.gain, "gain", "ResidualLaw") > 0:
            raise ResiduaError(f"ResidualLaw: gain must be above 0, got {self.gain}")

    @property
    def words(self) -> str:
        """The block."""
        inside = {"linear": "Linear", "relu linear": "ReLU → Linear", "linear relu": "Linear → ReLU"}[self.branch]
        norm = {"": "", "layernorm": "LayerNorm", "rmsnorm": "RMSNorm"}[self.norm]
        return {
            "none": f"x + ({inside})",
            "pre": f"x + ({norm} → {inside})",
            "post": f"{norm}(x + ({inside}))",
        }[self.order]

    @property
    def exact(self) -> frozenset[str]:
        """What holds at every width, as a mean over networks."""
        if self.order == "none" and self.branch == "linear":
            return frozenset({MEAN_SQUARE, GRADIENT})
        forward = self.order == "post" or (self.order == "pre" and self.branch != "relu linear")
        return frozenset({MEAN_SQUARE} if forward else ())

    def mean_squares(self, depth: int) -> Floats:
        """Of the stream after 0…depth blocks."""
        return self._states(depth)[:, 1]

    def means(self, depth: int) -> Floats:
        """Mean of an entry of the stream."""
        return self._states(depth)[:, 0]

    def variances(self, depth: int) -> Floats:
        """Mean square less squared mean."""
        means, squares = self._states(depth).T
        return np.asarray(squares - means**2)

    def odds(self, depth: int) -> Floats:
        """Squared gradient through the branch over that through the skip, of blocks 0…depth − 1."""
        if self.order != "pre":
            return np.full(depth, self.gain)
        divided = self.variances(depth) if self.norm == "layernorm" else self.mean_squares(depth)
        return np.asarray(self.gain / divided[:-1])

    def factors(self, depth: int) -> Floats:
        """Squared gradient at the input of blocks 0…depth − 1 over that at the output of the block."""
        factors = 1 + self.odds(depth)
        return factors / self._divided(depth) if self.order == "post" else factors

    def gradients(self, depth: int) -> Floats:
        """E‖g_l‖²/E‖g_depth‖² for l = 0…depth."""
        return np.asarray(np.cumprod(np.append(self.factors(depth), 1.0)[::-1])[::-1])

    def gradient_ratio(self, depth: int) -> float:
        """E‖g_0‖²/E‖g_depth‖²."""
        return float(self.gradients(depth)[0])

    def path_shares(self, depth: int) -> Floats:
        """Of the squared gradient, by the number of branches that a path takes, (depth + 1,)."""
        return residual_paths.shares(self.odds(depth).tolist())

    def derive(self) -> Derivation:
        """The law with its steps."""
        return _DERIVATIONS[self.order, self.branch, self.norm]()

    def _divided(self, depth: int) -> Floats:
        """s² of the norm behind each block."""
        states = self._states(depth)[:-1]
        found = [self._added(*state) for state in states]
        return np.array([q - m**2 if self.norm == "layernorm" else q for m, q in found])

    def _added(self, m: float, q: float) -> tuple[float, float]:
        """Mean and mean square of x + branch(…) from those of x."""
        into = q
        if self.order == "pre":
            into = 1.0
        if self.branch != "linear relu":
            return m, q + self.gain * into
        pulled = math.sqrt(self.gain * into / math.pi)
        return m + pulled, q + self.gain * into + 2 * m * pulled

    def _states(self, depth: int) -> Floats:
        """Mean and mean square after 0…depth blocks, (depth + 1, 2)."""
        whole(depth, "depth", "ResidualLaw", least=0)
        found = [(0.0, 1.0)]
        for _ in range(depth):
            m, q = self._added(*found[-1])
            if self.order == "post":
                m, q = (0.0, 1.0) if self.norm == "layernorm" else (m / math.sqrt(q), 1.0)
            found.append((m, q))
        return np.array(found)


_DERIVATIONS: dict[tuple[str, str, str], Callable[[], Derivation]] = {
    ("none", "linear", ""): linear_growth,
    ("none", "relu linear", ""): relu_linear_growth,
    ("none", "linear relu", ""): linear_relu_growth,
    **{("pre", "relu linear", norm): partial(residual_prenorm.relu_linear, norm) for norm in NORMS[1:]},
    **{("pre", "linear relu", norm): partial(residual_prenorm.linear_relu, norm) for norm in NORMS[1:]},
    **{("post", "relu linear", norm): partial(residual_postnorm.relu_linear, norm) for norm in NORMS[1:]},
    ("post", "linear relu", "layernorm"): residual_postnorm.linear_relu_layer,
    ("post", "linear relu", "rmsnorm"): residual_postnorm.linear_relu_rms,
}
PREDICTION_11 = (
    linear_growth,
    scaled_growth,
    linear_spread,
    relu_linear_growth,
    linear_relu_growth,
    linear_relu_gradient,
)
PREDICTION_12 = tuple(make for (order, *_), make in _DERIVATIONS.items() if order != "none")
PREDICTION_13 = (residual_paths.alike, residual_paths.pre_norm, residual_paths.pre_norm_relu_last)
