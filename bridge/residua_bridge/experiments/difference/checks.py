"""Gradient checks: what a numerical gradient can tell, with which tolerance, and what the usual tolerances do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.difference.curves import COSTLY, off_by_root_two
from residua_bridge.experiments.difference.network import NET, Floats, Trained
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_numeric.autodiff import parameter_gradient
from residua_numeric.differencing import measured_differences
from residua_numeric.lines import loss_line
from residua_numeric.noise import measured_noise
from residua_symbolic import Prediction
from residua_symbolic.difference_formulas import FORMULAS, best_step

CENTRAL = FORMULAS["central"]
DTYPES = ("float64", "float32")
USUAL_STEP = 1e-6  # the default `eps` of torch.autograd.gradcheck
USUAL = (1e-2, 1e-3, 1e-5, 1e-7)  # relative tolerances in use; 1e-3 is the default `rtol` of torch.autograd.gradcheck
DEFAULT = 1e-3
MARGIN = 2.0  # times the expected error: n errors of this kind together do not reach it (for n = 61, 16 deviations)
DECIDES = 2.0  # a fault of that many tolerances must be caught, one of a tenth of a tolerance must pass
FAULTS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
RIGHT = "Distance of the numerical gradient from the right one"
LEAST = "The best step costs no more than its rounding to a power of two may"
AROUND = (-4, -2, 2, 4)  # octaves from the best step, among which none may be better
TELLS = "What the computed tolerance lets pass and what it catches"
FAULTY = "2.weight"
NOISES = 8  # entries along which the noise is measured


@dataclass(frozen=True)
class GradientChecks:
    """The whole gradient by central quotients, entry by entry, against autograd and against planted faults."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Check the right gradient and the wrong ones in both precisions."""
        trained = Trained.make()
        checks = [_Check.of(trained, dtype) for dtype in settings.track(DTYPES, self.title)]
        errors = [c.discrepancy(step) for c in checks for step in ("usual", "best")]
        caught = [c.separation() for c in checks]
        cost = [c.cost() for c in checks]
        verdicts = [as_text(d, f"{RIGHT}: {d.scope['dtype']}, {d.scope['step']}", "agree") for d in errors]
        verdicts += [as_text(d, f"{TELLS}: {d.scope['dtype']}", "agree") for d in caught]
        verdicts += [as_text(d, f"{LEAST}: {d.scope['dtype']}", "agree") for d in cost]
        tables = (_distances(checks), *map(_outcomes, checks))
        return Finding(
            Section(self.title, self.prose, tables=tables, verdicts=tuple(verdicts)), (*errors, *caught, *cost)
        )


@dataclass(frozen=True, eq=False)
class _Check:
    """In one precision: steps, numerical gradients (n,) for each, third derivatives (n,), noise s, both gradients."""

    dtype: str
    steps: Mapping[str, float]
    numerical: Mapping[str, Floats]
    third: Floats
    noise: float
    gradient: Floats
    faulty: Floats

    @classmethod
    def of(cls, trained: Trained, dtype: str) -> "_Check":
        entries = [(name, at) for name, (shape, _) in NET.parameters.items() for at in np.ndindex(shape)]
        lines = [loss_line(trained.model, trained.task, entry=entry, dtype=dtype) for entry in entries]
        third = np.array([trained.series(_unit(entry), dtype)[3] for entry in entries])
        chosen = lines[:: max(1, len(lines) // NOISES)]
        s = float(np.sqrt(np.mean([measured_noise(line, points=256) ** 2 for line in chosen])))
        best, _ = best_step(CENTRAL, float(np.linalg.norm(third)), s * np.sqrt(len(entries)))
        power = round(np.log2(best))
        steps = {"usual": USUAL_STEP, "best": 2.0**power, **{f"{k:+d}": 2.0 ** (power + k) for k in AROUND}}
        found = [measured_differences(line, list(steps.values())) for line in lines]
        numerical = {name: np.array([d.central[k] for d in found]) for k, name in enumerate(steps)}
        gradients = parameter_gradient(trained.model, trained.task, dtype)
        gradient = np.array([gradients[name][at] for name, at in entries])
        wrong = np.array([name == FAULTY for name, _ in entries])
        return cls(dtype, steps, numerical, third, s, gradient, gradient * wrong)

    def expected(self, step: str) -> float:
        """rms distance of the numerical gradient from the exact one: √(Σ (h² f'''/6)² + n s²/(2h²))."""
        h = self.steps[step]
        truncation = float(np.linalg.norm(self.third)) * h**2
        return float(np.hypot(truncation, np.sqrt(len(self.third) * float(CENTRAL.spread)) * self.noise / h))

    def distance(self, step: str, fault: float = 0.0) -> float:
        """‖numerical − claimed‖ / ‖claimed‖, one layer of the claimed gradient times 1 + fault."""
        claimed = self.gradient + fault * self.faulty
        return float(np.linalg.norm(self.numerical[step] - claimed) / np.linalg.norm(claimed))

    @property
    def tolerance(self) -> float:
        """Relative, at the best step."""
        return MARGIN * self.expected("best") / float(np.linalg.norm(self.gradient))

    def size(self, fault: float) -> float:
        """The fault relative to the gradient."""
        return fault * float(np.linalg.norm(self.faulty) / np.linalg.norm(self.gradient))

    def discrepancy(self, step: str) -> Discrepancy:
        """Distance from autograd's gradient in the same dtype over the expected one; n independent errors."""
        quantity = "distance of the numerical gradient over its prediction"
        measured = np.array([[np.linalg.norm(self.numerical[step] - self.gradient) / self.expected(step)]])
        n = len(self.third)
        spread = np.sqrt(2 / n) / 2 + 1 / np.sqrt(2 * 256 * NOISES)
        scope: dict[str, str | int] = {
            "network": "1-6-6-1, tanh",
            "entries": n,
            "step": f"h = {self.steps[step]:.3g}",
            "dtype": self.dtype,
        }
        prediction = Prediction(quantity, np.ones((1, 1)), np.zeros((1, 1)), scope, resolution=1.0)
        return compare(prediction, Measurement(quantity, measured, self.dtype, np.full((1, 1), spread), {}))

    def cost(self) -> Discrepancy:
        """The least distance from the gradient among octaves around the best step, over that at the best step.

        The bar is what the model says of a step that is wrong by a factor of √2, and the chance of n errors.
        """
        distances = {step: self.distance(step) for step in self.steps if step != "usual"}
        measured = np.array([[min(distances.values()) / distances["best"]]])
        allowed = np.array([[1 - 1 / off_by_root_two(CENTRAL.accuracy)]])
        quantity = "least distance of the numerical gradient over that at the best step"
        scope: dict[str, str | int] = {
            "network": "1-6-6-1, tanh",
            "entries": len(self.third),
            "step": f"h = {self.steps['best']:.3g}",
            "dtype": self.dtype,
        }
        prediction = Prediction(quantity, np.ones((1, 1)), allowed, scope, resolution=COSTLY)
        spread = measured * self.chance
        return compare(prediction, Measurement(quantity, measured, self.dtype, spread, {}))

    @property
    def chance(self) -> float:
        """Relative standard error of the ratio of two distances by n independent errors."""
        return float(1 / np.sqrt(len(self.third)))

    def separation(self) -> Discrepancy:
        """Caught (1) or not (0): the right gradient and the faults whose size leaves no doubt."""
        sizes = {fault: self.size(fault) / self.tolerance for fault in (0.0, *FAULTS)}
        clear = {fault: size >= DECIDES for fault, size in sizes.items() if size >= DECIDES or size <= 0.1}
        predicted = np.array([[float(caught)] for caught in clear.values()])
        measured = np.array([[float(not self.distance("best", fault) <= self.tolerance)] for fault in clear])
        quantity = "gradients that a check refuses"
        scope: dict[str, str | int] = {
            "network": "1-6-6-1, tanh",
            "gradients": len(clear),
            "step": f"h = {self.steps['best']:.3g}",
            "dtype": self.dtype,
        }
        prediction = Prediction(quantity, predicted, np.zeros_like(predicted), scope)
        return compare(prediction, Measurement(quantity, measured, self.dtype, None, {}))


def _unit(entry: tuple[str, tuple[int, ...]]) -> dict[str, Floats]:
    found = {name: np.zeros(shape) for name, (shape, _) in NET.parameters.items()}
    found[entry[0]][entry[1]] = 1.0
    return found


def _distances(checks: list[_Check]) -> Table:
    columns = ("dtype", "step", "h", "noise s", "expected distance, relative", "measured", "computed tolerance")
    rows: list[tuple[Any, ...]] = []
    for c in checks:
        for step in ("usual", "best"):
            expected = c.expected(step) / float(np.linalg.norm(c.gradient))
            tolerance = c.tolerance if step == "best" else "–"
            rows.append((c.dtype, step, c.steps[step], c.noise, expected, c.distance(step), tolerance))
    caption = (
        "Distance of the gradient by central quotients from autograd's in the same dtype, over its norm. "
        f"Usual: the step that torch's gradcheck takes by default, {USUAL_STEP:g}; best: the power of two nearest to "
        f"the step at which the expected distance is least. The computed tolerance is {MARGIN:g} times that."
    )
    return Table("How far a right gradient is from the numerical one", columns, tuple(rows), caption)


def _outcomes(c: _Check) -> Table:
    columns = ("layer 2 off by", "of the gradient", *WORDS)
    rows: list[tuple[Any, ...]] = []
    for fault in (0.0, *FAULTS):
        rows.append((f"{fault:g}" if fault else "nothing: right", c.size(fault), *_row(c, fault)))
    return Table(f"What each tolerance makes of right and wrong gradients, {c.dtype}", columns, tuple(rows), CAPTION)


WORDS = (f"{DEFAULT:g}, h = {USUAL_STEP:g}", *(f"{t:g}, best h" for t in USUAL), "computed")
CAPTION = (
    "Relative tolerances. A right gradient that is refused is a false alarm; a wrong gradient that passes is a miss. "
    "A fault smaller than the computed tolerance may pass in that precision: rounding alone is as large."
)


def _row(c: _Check, fault: float) -> list[str]:
    at_best = c.distance("best", fault)
    found = [c.distance("usual", fault) <= DEFAULT, *(at_best <= t for t in USUAL), at_best <= c.tolerance]
    return ["passes" if ok else "refused" for ok in found]
