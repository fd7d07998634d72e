"""The gradient q − p and the Hessian diag(q) − qqᵀ of softmax cross entropy against torch's autograd."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_numeric.loss_pairs import logit_gradient, logit_hessian
from residua_symbolic import Prediction
from residua_symbolic.losses import softmax

SPECTRA = "Spectra of the Hessian"  # table
SLOPES, CURVATURES, ALONG_ONE = (
    "$\\partial L/\\partial z = (q - p)/B$, labels of any kind",
    "$\\partial^2 L/\\partial z^2 = \\mathrm{diag}(q) - q q^T$",
    "The Hessian times 1 is 0",
)
UNIT = 2.0**-53
OPERATIONS = 16  # of an entry, besides the sum over classes and the rounding of z − max z in an exponent
BATCH = 8
SPREAD = 3.0  # standard deviation of logits


@dataclass(frozen=True)
class SoftmaxDerivatives:
    """Random logits, soft and one-hot labels, from 2 to 1000 classes."""

    title: str
    prose: tuple[str, ...]
    sizes: tuple[int, ...]

    def run(self, settings: Settings) -> Finding:
        """Both derivatives at each size."""
        slopes: list[Discrepancy] = []
        curvatures, nulls, rows = [], [], []
        for size in settings.track(self.sizes, self.title):
            rng = np.random.default_rng(size)
            z = SPREAD * rng.normal(size=(BATCH, size))
            soft, classes = rng.dirichlet(np.ones(size), BATCH), rng.integers(size, size=BATCH)
            slopes += [_slope(z, soft, soft, "soft"), _slope(z, np.eye(size)[classes], classes, "one-hot")]
            seen = logit_hessian(z[0], soft[0])
            curvatures.append(_curvature(z[0], seen))
            nulls.append(_null(z[0], seen))
            rows.append(_spectrum(z[0], seen))
        columns = ("classes", "least eigenvalue", "next", "largest", "its bound min(1/2, max q)", "|H 1|", "rounding")
        caption = (
            "Eigenvalues of torch's Hessian at random logits of standard deviation 3: one 0, all others above, "
            "none beyond the bound."
        )
        texts = (
            together(slopes, SLOPES, "agree"),
            together(curvatures, CURVATURES, "agree"),
            together(nulls, ALONG_ONE, "agree"),
        )
        section = Section(
            self.title,
            self.prose,
            (proved(softmax.derive_gradient()), proved(softmax.derive_hessian())),
            (Table(SPECTRA, columns, tuple(rows), caption),),
            verdicts=texts,
        )
        return Finding(section, (*slopes, *curvatures, *nulls))


def _relative(z: np.ndarray) -> float:
    """Of a probability: the sum over classes, and the rounding of exponents."""
    return float((z.shape[-1] + OPERATIONS + 4 * abs(z).max()) * UNIT)


def _slope(z: np.ndarray, P: np.ndarray, given: np.ndarray, labels: str) -> Discrepancy:
    predicted = softmax.gradient(z, P)
    bar = 2 * _relative(z) * (softmax.probabilities(z) + P) / len(z)
    quantity = "gradient of the mean cross entropy in the logits"
    scope: dict[str, str | int] = {"classes": z.shape[1], "batch": len(z), "labels": labels, "dtype": "float64"}
    return compare(
        Prediction(quantity, predicted, bar, scope),
        Measurement(quantity, logit_gradient(z, given), "float64", None, {}),
    )


def _curvature(z: np.ndarray, seen: np.ndarray) -> Discrepancy:
    predicted = softmax.hessian(z)
    bar = _bar(z)
    scope: dict[str, str | int] = {"classes": len(z), "labels": "soft", "dtype": "float64"}
    quantity = "Hessian of the cross entropy in the logits"
    return compare(Prediction(quantity, predicted, bar, scope), Measurement(quantity, seen, "float64", None, {}))


def _bar(z: np.ndarray) -> np.ndarray:
    (q,) = softmax.probabilities(z[None])
    sizes: np.ndarray = 4 * _relative(z) * (np.diag(q) + np.outer(q, q))
    return sizes


def _null(z: np.ndarray, seen: np.ndarray) -> Discrepancy:
    """Both sides are zero within rounding; what cancels is q."""
    (q,) = softmax.probabilities(z[None])
    quantity, bar = "row sums of the Hessian", _bar(z).sum(axis=1)[None]
    scope: dict[str, str | int] = {"classes": len(z), "dtype": "float64"}
    prediction = Prediction(quantity, np.zeros((1, len(z))), bar, scope, scale=float(np.linalg.norm(q)))
    return compare(prediction, Measurement(quantity, seen.sum(axis=1)[None], "float64", None, {}))


def _spectrum(z: np.ndarray, seen: np.ndarray) -> tuple[float, ...]:
    values = np.linalg.eigvalsh(seen)
    (q,) = softmax.probabilities(z[None])
    rounding = float(np.linalg.norm(_bar(z)))  # Weyl
    null = float(np.linalg.norm(seen.sum(axis=1)))
    return (len(z), float(values[0]), float(values[1]), float(values[-1]), float(min(0.5, q.max())), null, rounding)
