"""Which entries of a batch a normaliser's output depends on; its statistics against explicit means; what it learns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from residua_bridge.compare import compare
from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.normalised_training.nets import BAR, classifier, digits, interval
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import BatchNorm, LayerNorm, Network
from residua_numeric import Measurement, build
from residua_numeric.ensemble import train_many
from residua_symbolic import Prediction
from residua_symbolic.training.statistics import split

DEPENDS = "What one output depends on"  # tables
CHANGED = "The other samples drawn anew"
TWO = "The smallest batch"
LEARNED = "What is learned, and what is stored"
COUNTED, EXPLICIT, FLATTENED = "Entries that one output depends on", "Explicit means", "The toolkit's normaliser"
UNIT = float(np.finfo(np.float64).eps)
OPERATIONS = 8  # of a normalised entry beside its two sums: difference, square, division, root, γ, β, with room


class Case(NamedTuple):
    """A torch normaliser, an input for it, and the axes of what 003 says."""

    name: str
    module: Callable[[], nn.Module]
    axes: tuple[int, ...]

    @property
    def images(self) -> bool:
        return len(self.axes) == 3


@dataclass(frozen=True)
class Axes:
    """Batch and layer normalisation of images and of vectors in torch."""

    title: str
    prose: tuple[str, ...]
    samples: int
    channels: int
    height: int
    width: int
    seeds: By
    steps: int

    @property
    def cases(self) -> tuple[Case, ...]:
        image = (self.channels, self.height, self.width)
        return (
            Case("batch, images", lambda: nn.BatchNorm2d(self.channels), (0, 2, 3)),
            Case("layer, images", lambda: nn.LayerNorm(image), (1, 2, 3)),
            Case("batch, vectors", lambda: nn.BatchNorm1d(self.channels), (0,)),
            Case("layer, vectors", lambda: nn.LayerNorm(self.channels), (1,)),
        )

    def run(self, settings: Settings) -> Finding:
        """Count, compare, change, train."""
        depends = [_Dependence.of(case, self._input(case)) for case in self.cases]
        counted = exactly(COUNTED, [self._values(case) for case in self.cases], [d.entries for d in depends])
        explicit = self._explicit()
        flattened = self._flattened()
        texts = (
            as_text(counted, f"{COUNTED}: N·H·W for batch, C·H·W for layer normalisation", "agree"),
            as_text(explicit, f"{EXPLICIT} over N·H·W and over C·H·W give torch's outputs", "agree"),
            as_text(
                flattened,
                f"{FLATTENED} of vectors, given the N·H·W rows of C channels, or the N rows of C·H·W",
                "agree",
            ),
        )
        tables = (self._depends(depends), self._changed(), smallest(), self._learned(self.seeds.of(settings.profile)))
        section = Section(self.title, self.prose, (proved(split()),), tables, verdicts=texts)
        return Finding(section, (counted, explicit, flattened))

    def _shape(self, case: Case) -> tuple[int, ...]:
        return (self.samples, self.channels, self.height, self.width) if case.images else (self.samples, self.channels)

    def _input(self, case: Case) -> Tensor:
        """Channels and samples of different means and spreads, so that no statistic can stand for another."""
        drawn = np.random.default_rng(5)
        x = drawn.normal(size=self._shape(case))
        ones = (1,) * (x.ndim - 2)
        x = x * drawn.uniform(0.5, 2, (self.samples, 1, *ones)) + drawn.normal(size=(1, self.channels, *ones))
        return torch.tensor(x)

    def _values(self, case: Case) -> int:
        return int(np.prod([self._shape(case)[axis] for axis in case.axes]))

    def _explicit(self) -> Discrepancy:
        """torch's own outputs, and (x − mean)/√(mean square deviation + ε) over the axes that 003 names."""
        pairs = []
        for case in self.cases:
            module, x = perturbed(case.module()), self._input(case)
            pairs.append((by_hand(module, x, case.axes), _output(module, x), self._values(case)))
        return _compared(EXPLICIT, pairs, self._scope())

    def _flattened(self) -> Discrepancy:
        """Images as the toolkit sees them: vectors."""
        batch, layer = (perturbed(case.module()) for case in self.cases[:2])
        x = self._input(self.cases[0])
        rows = x.movedim(1, -1).reshape(-1, self.channels)
        ours = _run(BatchNorm(self.channels), batch, rows).reshape(x.movedim(1, -1).shape)
        whole = _run(LayerNorm(x[0].numel()), layer, x.flatten(1)).reshape(x.shape)
        pairs = [
            (np.moveaxis(ours, -1, 1), _output(batch, x), self._values(self.cases[0])),
            (whole, _output(layer, x), self._values(self.cases[1])),
        ]
        return _compared(FLATTENED, pairs, self._scope())

    def _scope(self) -> dict[str, str | int]:
        return {"N": self.samples, "C": self.channels, "H": self.height, "W": self.width}

    def _depends(self, found: "Sequence[_Dependence]") -> Table:
        columns = (
            "normaliser",
            "entries",
            "samples among them",
            "of samples",
            "channels among them",
            "of channels",
            "statistics",
        )
        rows = tuple(
            (case.name, d.entries, d.samples, self.samples, d.channels, self.channels, self._count(case))
            for case, d in zip(self.cases, found, strict=True)
        )
        caption = (
            "Entries of the input at which the gradient of a loss of one output entry is not 0, by torch: N = "
            f"{self.samples}, C = {self.channels}, H = {self.height}, W = {self.width} (vectors: H = W = 1). "
            "Statistics: how many means the normaliser computes for the batch."
        )
        return Table(DEPENDS, columns, rows, caption)

    def _count(self, case: Case) -> int:
        """Means that stand for the whole batch: entries over the values in each."""
        return int(np.prod(self._shape(case))) // self._values(case)

    def _changed(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for case in self.cases:
            module, x = perturbed(case.module()), self._input(case)
            other = x.clone()
            other[1:] = torch.tensor(np.random.default_rng(6).normal(2.0, 3.0, tuple(x[1:].shape)))
            before, after = _output(module, x)[0], _output(module, other)[0]
            rows.append((case.name, float(np.abs(after - before).max()), float(np.abs(before).max())))
        columns = ("normaliser", "largest change", "largest output")
        caption = (
            "Of the first sample's output in torch, in training mode, when all other samples of its batch are replaced."
        )
        return Table(CHANGED, columns, tuple(rows), caption)

    def _learned(self, seeds: int) -> Table:
        columns = (
            "normaliser",
            "parameters",
            "stored statistics",
            "γ moved by",
            BAR,
            "β moved by",
            f"{BAR} of it",
        )
        rows: list[tuple[Cell, ...]] = []
        for name, norm in (("BatchNorm", "batch"), ("LayerNorm", "layer")):
            trained = train_many(
                classifier(2, 32, norm), digits(), range(seeds), self.steps, rate=1e-2, init="he", progress=False
            )
            moved = np.array([_moved(model) for model in trained.models])
            module = (nn.BatchNorm1d if norm == "batch" else nn.LayerNorm)(32)
            learned = ", ".join(n for n, p in module.named_parameters() if p.requires_grad)
            stored = [n for n, b in module.named_buffers() if b.is_floating_point()]
            rows.append((name, learned, ", ".join(stored) or "none", *interval(moved[:, 0]), *interval(moved[:, 1])))
        caption = (
            "torch's modules: their parameters that take part in training and their buffers. Moved: root mean square "
            f"of γ − 1 and of β over all features after {self.steps} steps of Adam on digits, {seeds} seeds."
        )
        return Table(LEARNED, columns, tuple(rows), caption)


def smallest() -> Table:
    """Two samples of one feature, 0 and 2: the statistics that torch uses, and those of each sample."""
    x = torch.tensor([[0.0], [2.0]], dtype=torch.float64)
    module = nn.BatchNorm1d(1, momentum=1.0).double()
    y = _output(module, x)
    mean = module.running_mean
    assert mean is not None
    spread = float(x.var(unbiased=False).sqrt())
    rows = tuple(
        (float(x[k, 0]), float(mean), spread, float(x[k].mean()), float(x[k].std(unbiased=False)), float(y[k, 0]))
        for k in range(len(x))
    )
    columns = (
        "sample",
        "mean that torch stores",
        "σ of the batch",
        "mean of the sample",
        "σ of the sample",
        "torch's output",
    )
    caption = "With its own mean and σ a sample of one feature would become 0/√ε = 0, whatever it is."
    return Table(TWO, columns, rows, caption)


class _Dependence(NamedTuple):
    """Entries, samples and channels of the input that the first output entry depends on."""

    entries: int
    samples: int
    channels: int

    @classmethod
    def of(cls, case: Case, x: Tensor) -> "_Dependence":
        module, x = perturbed(case.module()), x.clone().requires_grad_()
        module(x).flatten()[0].square().backward()
        assert x.grad is not None
        there = x.grad != 0
        rows = there.flatten(2).any(2) if x.ndim > 2 else there
        return cls(int(there.sum()), int(rows.any(1).sum()), int(rows.any(0).sum()))


def perturbed(module: nn.Module) -> nn.Module:
    """In float64, with γ and β away from 1 and 0."""
    generator = torch.Generator().manual_seed(3)
    module = module.double().train()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.rand(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def by_hand(module: nn.Module, x: Tensor, axes: tuple[int, ...]) -> Floats:
    """γ (x − mean)/√(mean square deviation + ε) + β with the means over these axes."""
    values = x.numpy()
    mean = values.mean(axis=axes, keepdims=True)
    variance = ((values - mean) ** 2).mean(axis=axes, keepdims=True)
    gamma, beta = (p.detach().numpy() for p in module.parameters())
    if 0 in axes:  # one γ a channel, which is axis 1
        gamma, beta = (p.reshape(1, -1, *(1,) * (x.ndim - 2)) for p in (gamma, beta))
    return np.asarray(gamma * (values - mean) / np.sqrt(variance + module.eps) + beta)


def _run(layer: BatchNorm | LayerNorm, like: nn.Module, rows: Tensor) -> Floats:
    model = build(Network((layer,)))
    with torch.no_grad():
        for mine, its in zip(model.parameters(), like.parameters(), strict=True):
            mine.copy_(its.flatten())
    return _output(model, rows)


def _output(module: nn.Module, x: Tensor) -> Floats:
    with torch.no_grad():
        return np.asarray(module(x).numpy())


def _compared(quantity: str, pairs: Sequence[tuple[Floats, Floats, int]], scope: dict[str, str | int]) -> Discrepancy:
    """Outputs one beside the other; the bar: a sum of so many terms is off by half a unit each, on both sides."""
    predicted = np.concatenate([a.ravel() for a, _, _ in pairs])
    measured = np.concatenate([b.ravel() for _, b, _ in pairs])
    bars = [np.full(a.size, (count + OPERATIONS) * UNIT * np.abs(a).max()) for a, _, count in pairs]
    prediction = Prediction(quantity, predicted[None], np.concatenate(bars)[None], scope)
    return compare(prediction, Measurement(quantity, measured[None], "float64", None, {}))


def _moved(model: nn.Module) -> tuple[float, float]:
    """Root mean square of γ − 1 and of β."""
    norms = [list(m.parameters()) for m in model.modules() if hasattr(m, "eps")]
    weights = torch.cat([weight.detach() - 1 for weight, _ in norms])
    biases = torch.cat([bias.detach() for _, bias in norms])
    return float(weights.square().mean().sqrt()), float(biases.square().mean().sqrt())
