"""Cross entropy and divergence as losses of one torch model: gradients, paths, and what changes where P moves."""

from dataclasses import dataclass

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text, together
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Activation, Linear, Network
from residua_numeric import Measurement, Task, build
from residua_numeric.loss_pairs import descend, loss_gradient, moving_labels
from residua_symbolic import Prediction
from residua_symbolic.losses import fixed
from residua_symbolic.losses.entropy import information
from residua_symbolic.losses.softmax import probabilities

PATHS, FREE = "Two trainings of one net", "Where P is trained, too"  # tables
EQUAL, MOVED = (
    "Both losses have the same gradient in every parameter, along the whole training",
    "Where P moves, the gradients in its logits differ by that of H(P): $-p_i (\\log p_i + H(P))$",
)
ROWS, CLASSES, RATE, SMOOTH = 256, 10, 0.5, 0.1
UNIT = 2.0**-53
OPERATIONS = 24  # of a probability: softmax, its logarithm, the division by the rows
FREE_STEPS, FREE_RATE = 1000, 4.0  # below 2 over the largest curvature in t, 1/4
TARGET = (0.75, 0.25)  # Q, held fixed while P is trained


@dataclass(frozen=True)
class TwoLosses:
    """A linear softmax net and a ReLU net on real digits, labels of three kinds; then labels that move."""

    name: str
    title: str
    prose: tuple[str, ...]
    steps: int

    def run(self, settings: Settings) -> Finding:
        """Train twice from the same weights."""
        x, kinds = _data()
        rows: list[tuple[Cell, ...]] = []
        equal: list[Discrepancy] = []
        curves: list[Curve] = []
        for label, P in settings.track(list(kinds.items()), self.title):
            for words, net in NETS.items():
                crossed, apart = (descend(loss, build(net, seed=0), x, P, self.steps, RATE) for loss in LOSSES)
                rows.append((label, words, *_row(P, crossed, apart)))
                if words == LINEAR:
                    equal.append(_along(net, x, P, crossed[1], label))
                elif label == SMOOTHED:
                    curves = _curves(crossed[0], apart[0])
        moved = _moved()
        columns = (
            "labels",
            "net",
            "H(P), mean",
            "CE − KL, first step",
            "last step",
            "largest difference of weights",
            "steps",
        )
        caption = (
            f"{ROWS} digits, full-batch descent at rate {RATE:g} in torch's own cross_entropy and kl_div. Weights "
            "are compared after every step."
        )
        figure = Figure(
            f"{self.name}-paths", "Two losses, one training", "step", "nats", tuple(curves), "linear", "linear",
            "ReLU net, smoothed labels: the two losses of two separate trainings differ by the constant H(P).",
        )  # fmt: skip
        texts = (together(equal, EQUAL, "agree"), as_text(moved, MOVED, "agree"))
        section = Section(
            self.title,
            self.prose,
            (proved(fixed.derive_gradients()), proved(fixed.derive_free())),
            (Table(PATHS, columns, tuple(rows), caption), _free()),
            (figure,),
            texts,
        )
        return Finding(section, (*equal, moved))


LOSSES = ("cross entropy", "divergence")
LINEAR, DEEP = "64-10", "64-32-10, ReLU"
NETS = {
    LINEAR: Network((Linear(64, CLASSES, bias=False),)),
    DEEP: Network((Linear(64, 32), Activation("relu"), Linear(32, CLASSES))),
}
SMOOTHED = "smoothed by 0.1"


def _data() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Digits, and labels (rows, 10): certain, smoothed, and soft ones of a fixed teacher."""
    task = Task.digits()
    x = torch.tensor(task.x[:ROWS])
    certain = torch.nn.functional.one_hot(torch.tensor(task.y[:ROWS]), CLASSES).double()
    with torch.no_grad():
        teacher = torch.softmax(build(NETS[DEEP], seed=7)(x), dim=1)
    smoothed = (1 - SMOOTH) * certain + SMOOTH / CLASSES
    return x, {"one-hot": certain, SMOOTHED: smoothed, "soft, of a fixed teacher": teacher}


def _row(
    P: torch.Tensor, crossed: tuple[np.ndarray, np.ndarray], apart: tuple[np.ndarray, np.ndarray]
) -> tuple[Cell, ...]:
    entropy = float(np.mean([information(row, row)[0] for row in P.numpy()]))
    gap = crossed[0] - apart[0]
    return (entropy, float(gap[0]), float(gap[-1]), float(abs(crossed[1] - apart[1]).max()), len(gap))


def _along(net: Network, x: torch.Tensor, P: torch.Tensor, path: np.ndarray, label: str) -> Discrepancy:
    """Gradients of both at the weights that the training with cross entropy passes through."""
    model, differences, bars, sizes = build(net, seed=0), [], [], []
    for weights in path:
        torch.nn.utils.vector_to_parameters(torch.tensor(weights), model.parameters())
        crossed, apart = (loss_gradient(loss, model, x, P)[1] for loss in LOSSES)
        differences.append(apart - crossed)
        bars.append(_bar(model, x, P))
        sizes.append(np.linalg.norm(crossed))
    quantity = "gradient of the divergence − gradient of the cross entropy"
    bound = np.array(bars)
    scope: dict[str, str | int] = {"net": LINEAR, "labels": label, "rows": ROWS, "steps": len(path) - 1}
    prediction = Prediction(quantity, np.zeros_like(bound), bound, scope, scale=float(np.min(sizes)))
    return compare(prediction, Measurement(quantity, np.array(differences), "float64", None, {}))


def _bar(model: torch.nn.Module, x: torch.Tensor, P: torch.Tensor) -> np.ndarray:
    """Σ_rows |x| (q + p)/rows, each term rounded in the softmax, its logits and the sum; on both sides."""
    with torch.no_grad():
        z = model(x)
        q = torch.softmax(z, dim=1)
        reach = (x.abs().sum(1).max() * max(float(p.abs().max()) for p in model.parameters())).item()
        terms = (q + P).T @ x.abs() / len(x)
    rounded = 2 * UNIT * (len(x) + CLASSES + OPERATIONS + 64 * reach)
    bound: np.ndarray = rounded * terms.flatten().numpy()
    return bound


def _moved() -> Discrepancy:
    """P = softmax(t): the difference of the two gradients in t, from torch, and ∂H(P)/∂t by the formula."""
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(2, 8, CLASSES))
    found = moving_labels(z, t)
    difference = found["cross entropy"][1] - found["divergence"][1]
    P = probabilities(t)
    entropy = np.array([[information(row, row)[0]] for row in P / P.sum(axis=1, keepdims=True)])
    predicted = -P * (np.log(P) + entropy) / len(t)
    bar = 2 * UNIT * (4 * CLASSES + OPERATIONS) * P * (abs(np.log(P)) + entropy + abs(z).max() + 4) / len(t)
    quantity = "difference of the gradients in the logits of P"
    scope: dict[str, str | int] = {"classes": CLASSES, "rows": len(t), "dtype": "float64"}
    return compare(Prediction(quantity, predicted, bar, scope), Measurement(quantity, difference, "float64", None, {}))


def _free() -> Table:
    """P of two classes, trained against a fixed Q, by each loss."""
    rows: list[tuple[Cell, ...]] = []
    for loss in LOSSES:
        t = np.zeros((1, 2))
        z = np.log(np.array([TARGET]))
        for _ in range(FREE_STEPS):
            t = t - FREE_RATE * moving_labels(z, t)[loss][1]
        p = float(probabilities(t)[0, 0])
        own, crossed, apart = information([p, 1 - p], TARGET)
        rows.append((loss, TARGET[0], p, own, crossed, apart))
    columns = ("loss", "$q_1$, fixed", "$p_1$ after training", "H(P)", "H(P, Q)", "D(P ‖ Q)")
    caption = (
        f"P = softmax(t) is trained by {FREE_STEPS} steps of torch's gradients, Q is not: the divergence ends at "
        "P = Q, the cross entropy at one class."
    )
    return Table(FREE, columns, tuple(rows), caption)


def _curves(crossed: np.ndarray, apart: np.ndarray) -> list[Curve]:
    x = tuple(map(float, range(len(crossed))))
    return [
        Curve("cross entropy", "measured", x, tuple(map(float, crossed))),
        Curve("divergence", "measured", x, tuple(map(float, apart))),
        Curve("H(P)", "other", x, tuple(map(float, crossed - apart))),
    ]
