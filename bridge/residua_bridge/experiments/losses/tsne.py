"""t-SNE: what the perplexity fixes, and that its two losses have one gradient."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text, together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, tsne
from residua_symbolic import Prediction
from residua_symbolic.losses import perplexity as laws

FIXED, JOINTS, RUNS = (
    "Entropies of all points' neighbours",
    "Entropy of the joint distribution",
    "Two embeddings",
)  # tables
ENTROPY, FALLS, EMBEDDED, ALIKE = (
    "$H(P_i) = \\log$ perplexity, for every point",
    "$dH/d\\beta = -\\beta \\mathrm{Var}(d)$ on torch",
    "The gradient of the divergence in the embedding is $4 \\sum_j (p_{ij} - q_{ij})(y_i - y_j) w_{ij}$",
    "The divergence and the cross entropy have the same gradient in the embedding",
)
UNIT = 2.0**-53
DRAWN = 3  # points whose curves are drawn
PEER = 1e-5  # nats within which scikit-learn's search stops
SMALL = ((0.0,), (1.0,), (3.0,))  # three points of a line
Floats = np.ndarray


@dataclass(frozen=True)
class Perplexities:
    """Real digits, and made-up points; scikit-learn as a peer."""

    name: str
    title: str
    prose: tuple[str, ...]
    perplexities: tuple[float, ...]
    points: By

    def run(self, settings: Settings) -> Finding:
        """Bisect, measure, embed."""
        count = self.points.of(settings.profile)
        d = tsne.squared_distances(digits(count))
        rows, fixed, joints = [_smallest()], [], []
        for perplexity in settings.track(self.perplexities, self.title):
            found = tsne.neighbours(d, perplexity)
            seen = _entropies(d, found.precisions)
            fixed.append(_fixed(d, perplexity, found.precisions, seen))
            peer = abs(_of_rows(tsne.peer_neighbours(d, perplexity)) - math.log(perplexity)).max()
            off = float(abs(seen - math.log(perplexity)).max())
            bits = seen / math.log(2)
            rows.append(
                (
                    f"{count} digits",
                    perplexity,
                    math.log2(perplexity),
                    float(bits.min()),
                    float(bits.max()),
                    off,
                    float(peer),
                )
            )
        for label, x in _data(count).items():
            joints += [_joint(label, x, perplexity) for perplexity in self.perplexities]
        slopes, embedded, alike = _slopes(d, self.perplexities), _embedded(d), _alike(d)
        columns = (
            "points",
            "perplexity",
            "its log₂",
            "least H(P_i)",
            "largest H(P_i)",
            "off by, nats",
            "scikit-learn: off by",
        )
        caption = (
            "Bits. Every point's own distribution has the entropy log₂ perplexity, by the choice of β; "
            "scikit-learn stops within 1e−5 nats."
        )
        tables = (
            Table(FIXED, columns, tuple(rows), caption),
            Table(
                JOINTS,
                ("data", "points", "perplexity", "log(n Perp)", "H(P)", "log(2 n Perp)"),
                tuple(joints),
                "Nats; P symmetric. Its entropy is known within log 2 before anything is embedded, and does not "
                "change while it is.",
            ),
            _runs(d),
        )
        texts = (
            together(fixed, ENTROPY, "agree"),
            as_text(slopes, FALLS, "agree"),
            as_text(embedded, EMBEDDED, "agree"),
            as_text(alike, ALIKE, "agree"),
        )
        derivations = (laws.derive_conditional, laws.derive_joint, laws.derive_embedding)
        section = Section(
            self.title,
            self.prose,
            tuple(proved(derive()) for derive in derivations),
            tables,
            (self._figure(d, self.perplexities[len(self.perplexities) // 2]),),
            texts,
        )
        return Finding(section, (*fixed, slopes, embedded, alike))

    def _figure(self, d: Floats, perplexity: float) -> Figure:
        """H(P_i) along β, for the points with the least, the median and the largest precision."""
        betas = tsne.neighbours(d, perplexity).precisions
        order = np.argsort(betas)
        chosen = [int(order[k]) for k in (0, len(order) // 2, -1)]
        line = np.geomspace(betas.min() / 20, betas.max() * 20, 60)
        curves = []
        for place, point in enumerate(chosen, start=1):
            others = np.delete(d[point], point)
            curve = tuple(_entropy(laws.neighbours(others, float(b))) for b in line)
            seen = tuple(float(_entropies(d, np.full(len(d), b))[point]) for b in line[::6])
            curves.append(Curve(f"point {place}: predicted", "predicted", tuple(map(float, line)), curve))
            curves.append(Curve(f"point {place}: measured", "measured", tuple(map(float, line[::6])), seen))
        level = tuple(math.log(perplexity) for _ in line)
        curves.append(Curve(f"log {perplexity:g}", "other", tuple(map(float, line)), level))
        caption = (
            f"Each point's entropy falls with its own β from log {len(d) - 1} to 0 and meets log {perplexity:g} "
            "once: that β "
            "is chosen. Points: with the widest, the median and the narrowest neighbourhood."
        )
        return Figure(
            f"{self.name}-entropy",
            "The perplexity fixes the entropy",
            "β",
            "H(P_i), nats",
            tuple(curves),
            "log",
            caption=caption,
        )


@cache
def digits(count: int) -> Floats:
    """The first rows of the UCI digits, pixels 0 to 16."""
    from sklearn.datasets import load_digits  # slow to import

    x: Floats = load_digits().data[:count]
    return x


def _data(count: int) -> dict[str, Floats]:
    rng = np.random.default_rng(0)
    clusters = rng.normal(size=(count, 10)) + 20 * np.repeat([[0.0], [1.0]], [count // 10, count - count // 10], axis=0)
    return {
        "digits": digits(count),
        "normal, 10 features": rng.normal(size=(count, 10)),
        "two clusters, 1 : 9": clusters,
    }


def _entropies(d: Floats, precisions: Floats) -> Floats:
    found: Floats = tsne.entropies(torch.tensor(d), torch.tensor(precisions)).numpy()
    return found


def _entropy(p: Floats) -> float:
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def _of_rows(P: Floats) -> Floats:
    return np.array([_entropy(row) for row in P])


def _smallest() -> tuple[Cell, ...]:
    """Three points of a line, perplexity 3/2."""
    d = tsne.squared_distances(np.array(SMALL))
    seen = _entropies(d, tsne.neighbours(d, 1.5).precisions) / math.log(2)
    off = float(abs(seen - math.log2(1.5)).max()) * math.log(2)
    return ("0, 1, 3 on a line", 1.5, math.log2(1.5), float(seen.min()), float(seen.max()), off, "–")


def _fixed(d: Floats, perplexity: float, precisions: Floats, seen: Floats) -> Discrepancy:
    """The two ends of the bisection are neighbouring numbers: β is off by one unit in its last place."""
    n = len(d)
    slopes = np.array([abs(laws.entropy_slope(np.delete(d[i], i), b)) for i, b in enumerate(precisions)])
    reach = precisions * d.max(axis=1)
    bar = 2 * slopes * precisions * 2 * UNIT + (n + 16 + 2 * reach) * UNIT * (math.log(perplexity) + 1)
    quantity = "entropy of a point's neighbours"
    scope: dict[str, str | int] = {"points": n, "perplexity": f"{perplexity:g}", "unit": "nats", "dtype": "float64"}
    predicted = np.full((n, 1), math.log(perplexity))
    return compare(
        Prediction(quantity, predicted, bar[:, None], scope), Measurement(quantity, seen[:, None], "float64", None, {})
    )


def _slopes(d: Floats, perplexities: tuple[float, ...]) -> Discrepancy:
    predicted, measured, bars = [], [], []
    for perplexity in perplexities:
        precisions = tsne.neighbours(d, perplexity).precisions
        at = torch.tensor(precisions, requires_grad=True)
        (slope,) = torch.autograd.grad(tsne.entropies(torch.tensor(d), at).sum(), at)
        measured.append(slope.numpy())
        others = [np.delete(d[i], i) for i in range(len(d))]
        predicted.append([laws.entropy_slope(o, b) for o, b in zip(others, precisions, strict=True)])
        # Σ p d (|log p| + …): what cancels in a variance and in autograd's sum, rounded (n + some) times
        sizes = [float(laws.neighbours(o, b) @ o**2) * b for o, b in zip(others, precisions, strict=True)]
        bars.append(4 * (len(d) + 32) * UNIT * np.array(sizes) * (2 + math.log(len(d))))
    quantity = "slope of a point's entropy in β"
    scope: dict[str, str | int] = {"points": len(d), "perplexities": ", ".join(f"{p:g}" for p in perplexities)}
    return compare(
        Prediction(quantity, np.array(predicted), np.array(bars), scope),
        Measurement(quantity, np.array(measured), "float64", None, {}),
    )


@cache
def _joint_of(count: int) -> Floats:
    return tsne.joint(tsne.neighbours(tsne.squared_distances(digits(count)), 30.0).P)


def _embedded(d: Floats) -> Discrepancy:
    P, y = _joint_of(len(d)), np.random.default_rng(0).normal(size=(len(d), 2))
    apart = y[:, None] - y[None]
    w = 1 / (1 + (apart**2).sum(axis=2))
    np.fill_diagonal(w, 0)
    q = w / w.sum()
    predicted = 4 * (((P - q) * w)[:, :, None] * apart).sum(axis=1)
    sizes = 4 * (((P + q) * w)[:, :, None] * abs(apart)).sum(axis=1)
    bar = 4 * (len(d) + 64) * UNIT * sizes  # sums over pairs, in blocks; logarithms and their exponentials
    quantity = "gradient of the divergence in the embedding"
    scope: dict[str, str | int] = {"points": len(d), "perplexity": 30, "dtype": "float64"}
    measured = tsne.embedding_gradient(P, y, "divergence")[1]
    return compare(Prediction(quantity, predicted, bar, scope), Measurement(quantity, measured, "float64", None, {}))


def _alike(d: Floats) -> Discrepancy:
    P, y = _joint_of(len(d)), np.random.default_rng(1).normal(size=(len(d), 2))
    crossed, apart = (tsne.embedding_gradient(P, y, loss)[1] for loss in ("cross entropy", "divergence"))
    distance = abs(y[:, None] - y[None])
    sizes = 4 * (2 * P[:, :, None] * distance).sum(axis=1) + 1e-300
    quantity = "gradient of the divergence − gradient of the cross entropy, in the embedding"
    scope: dict[str, str | int] = {"points": len(d), "perplexity": 30, "dtype": "float64"}
    bar = 4 * (len(d) + 64) * UNIT * sizes
    prediction = Prediction(quantity, np.zeros_like(bar), bar, scope, scale=float(np.linalg.norm(crossed[0])))
    return compare(prediction, Measurement(quantity, apart - crossed, "float64", None, {}))


def _joint(label: str, x: Floats, perplexity: float) -> tuple[Cell, ...]:
    P = tsne.joint(tsne.neighbours(tsne.squared_distances(x), perplexity).P)
    low = math.log(len(x) * perplexity)
    return (label, len(x), perplexity, low, _entropy(P.ravel()), low + math.log(2))


def _runs(d: Floats) -> Table:
    """From the same random points, by each loss."""
    P, steps = _joint_of(len(d)), 40
    crossed, apart = (tsne.embed(P, steps, 200.0, loss) for loss in ("cross entropy", "divergence"))
    gap = crossed[0] - apart[0]
    rows = (
        ("cross entropy", steps, float(crossed[0][0]), float(crossed[0][-1])),
        ("divergence", steps, float(apart[0][0]), float(apart[0][-1])),
        ("cross entropy − divergence", steps, float(gap[0]), float(gap[-1])),
        (
            "largest difference of the embeddings",
            steps,
            float(abs(crossed[1] - apart[1])[0].max()),
            float(abs(crossed[1] - apart[1]).max()),
        ),
    )
    caption = (
        f"{len(d)} digits, perplexity 30, plain descent in torch from the same random points; the difference of "
        f"the losses is H(P) = {_entropy(P.ravel()):.6g}."
    )
    return Table(RUNS, ("what", "steps", "first", "last"), rows, caption)
