"""Cross entropy as a length: codes made for Q, exactly; messages drawn from P; labels coded with a torch net."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Linear, Network
from residua_numeric import Measurement, Task, build, train
from residua_numeric.losses import loss_of
from residua_symbolic import Prediction
from residua_symbolic.losses import coding
from residua_symbolic.losses.entropy import information

CODES, MESSAGES, LABELS = "Codes made for Q", "Messages coded with Q", "The labels of unseen digits, coded"  # tables
LENGTH = "Bits a symbol of messages from P coded with Q: $H(P, Q)$"
DIGITS = "Bits of 449 unseen labels coded with a torch net: its summed cross entropy"
SOURCES = {  # weights of P and Q
    "P = Q, powers of 1/2": ((4, 2, 1, 1), (4, 2, 1, 1)),
    "P = Q": ((5, 3, 2, 1), (5, 3, 2, 1)),
    "even P, uneven Q": ((1, 1, 1, 1), (5, 3, 2, 1)),
    "uneven P, even Q": ((5, 3, 2, 1), (1, 1, 1, 1)),
    "P nearly certain, Q = (9, 1)/10": ((1, 99), (9, 1)),
    "26 letters, Q by rank": (tuple(range(26, 0, -1)), tuple(round(1000 / rank) for rank in range(1, 27))),
}
MEASURED = "even P, uneven Q"
TERMINATION = 2.0  # bits at most that a message's word is longer than −log₂ of its probability
SCALE = 2**32  # probabilities of a net as whole numbers; each is changed by less than one part of it


@dataclass(frozen=True)
class Codes:
    """Exact expected lengths; coded messages; a torch classifier as the code of labels."""

    title: str
    prose: tuple[str, ...]
    lengths: tuple[int, ...]
    messages: By

    def run(self, settings: Settings) -> Finding:
        """Make the codes, draw, encode, decode."""
        count = self.messages.of(settings.profile)
        found = [_coded(length, count) for length in settings.track(self.lengths, self.title)]
        rows = tuple((length, count, *row) for length, row in zip(self.lengths, found, strict=True))
        columns = (
            "symbols",
            "messages",
            "bits a symbol",
            "standard error",
            "H(P, Q)",
            "most bits beyond −log₂ Q",
            "bound",
        )
        caption = f"{MEASURED}: arithmetic coding in whole numbers; every word was decoded, and gave its message back."
        messages = Table(MESSAGES, columns, rows, caption)
        met, (labels, net) = _met(self.lengths, found, count), _labels()
        texts = (
            as_text(met, LENGTH, "agree", "the difference lies within sampling and the end of a word"),
            as_text(net, DIGITS, "agree", "the difference lies within the end of a word"),
        )
        section = Section(
            self.title, self.prose, (proved(coding.derive_lengths()),), (_codes(), messages, labels), verdicts=texts
        )
        return Finding(section, (met, net))


def bits_needed(P: tuple[int, ...], Q: tuple[int, ...]) -> tuple[float, float]:
    """H(P) and H(P, Q) in bits, of weights."""
    own, crossed, _ = information(*(np.array(w) / sum(w) for w in (P, Q)))
    return own / math.log(2), crossed / math.log(2)


def _codes() -> Table:
    rows: list[tuple[Cell, ...]] = []
    for label, (first, second) in SOURCES.items():
        P, Q = coding.as_fractions(first), coding.as_fractions(second)
        own, crossed = bits_needed(first, second)
        shannon, huffman = coding.shannon_lengths(Q), coding.huffman_lengths(Q)
        coding.code_words(shannon)  # they exist
        length, least = coding.expected_length(P, shannon), coding.expected_length(P, huffman)
        rows.append(
            (
                label,
                own,
                crossed,
                float(length),
                float(length) - crossed,
                float(least),
                f"${coding.kraft_sum(shannon)}$",
            )
        )
    columns = ("source", "H(P)", "H(P, Q)", "Shannon's code", "above H(P, Q)", "Huffman's code", "Kraft's sum, Shannon")
    caption = (
        "Bits a symbol, lengths exact. Shannon's code for Q has words of ⌈−log₂ q⌉ bits; Huffman's has the least mean "
        "length where symbols come from Q, and may lie below H(P, Q) where they come from P: whole bits are not "
        "−log₂ q."
    )
    return Table(CODES, columns, tuple(rows), caption)


def _coded(length: int, count: int) -> tuple[float, float, float, float, float]:
    """Mean bits a symbol, its standard error, H(P, Q), the most bits beyond −log₂ Q of a message, their bound."""
    first, second = SOURCES[MEASURED]
    rng = np.random.default_rng(length)
    rates, beyond = [], 0.0
    for _ in range(count):
        message = rng.choice(len(first), size=length, p=np.array(first) / sum(first)).tolist()
        weights = [second] * length
        word = coding.encode(message, weights)
        assert coding.decode(word, weights) == tuple(message), "a word that does not give its message back"
        rates.append(len(word) / length)
        beyond = max(beyond, len(word) + sum(math.log2(second[s] / sum(second)) for s in message))
    error = float(np.std(rates, ddof=1) / math.sqrt(count))
    return float(np.mean(rates)), error, bits_needed(first, second)[1], beyond, TERMINATION


def _met(lengths: tuple[int, ...], found: Sequence[tuple[float, ...]], count: int) -> Discrepancy:
    """Ending a message costs up to two bits, which is shared by its symbols."""
    values, errors, predicted = (np.array([[row[k]] for row in found]) for k in (0, 1, 2))
    quantity = "bits a symbol"
    ends = np.array([[TERMINATION / length] for length in lengths])
    scope: dict[str, str | int] = {"symbols": ", ".join(map(str, lengths)), "messages": count, "resolution": "30 %"}
    return compare(
        Prediction(quantity, predicted, np.zeros_like(predicted), scope, resolution=0.3),
        Measurement(quantity, values, "float64", errors, {}, ends),
    )


@cache
def digits_probabilities() -> tuple[np.ndarray, np.ndarray, float]:
    """Softmax outputs for unseen digits (rows, 10), their labels, torch's mean cross entropy in nats."""
    task = Task.digits()
    model = build(Network((Linear(64, 10),)), seed=0)
    train(model, task, 300, "adam", 0.01, 64, progress=False)
    assert task.test_x is not None
    assert task.test_y is not None
    with torch.no_grad():
        q = torch.softmax(model(torch.tensor(task.test_x)), dim=1).numpy()
    return q, task.test_y, loss_of(model, task, "test")


def _labels() -> tuple[Table, Discrepancy]:
    q, labels, loss = digits_probabilities()
    weights = [[max(1, round(float(one) * SCALE)) for one in row] for row in q]
    word = coding.encode(labels.tolist(), weights)
    assert coding.decode(word, weights) == tuple(labels.tolist()), "a word that does not give its labels back"
    needed = loss * len(labels) / math.log(2)
    even = len(labels) * math.log2(q.shape[1])
    rows = ((len(labels), loss, needed, len(word), even),)
    columns = ("labels", "cross entropy, nats each", "in bits, all", "bits of the word", "bits without the net")
    caption = (
        "A linear softmax net on the UCI digits, trained by torch; one word for all labels of the test part, decoded."
    )
    changed = sum(abs(math.log2(w[y] / sum(w) / row[y])) for w, row, y in zip(weights, q, labels, strict=True))
    quantity = "bits of the labels"
    prediction = Prediction(
        quantity,
        np.array([[needed]]),
        np.array([[changed]]),
        {"labels": len(labels), "net": "64-10, softmax"},
        resolution=0.1,
    )
    measured = Measurement(quantity, np.array([[float(len(word))]]), "float64", None, {}, np.array([[TERMINATION]]))
    return Table(LABELS, columns, rows, caption), compare(prediction, measured)
