"""A small Transformer decoder over a fixed vocabulary, and sources of tokens whose entropy is known."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from residua_network import ShapeError
from residua_network.checks import number, whole

Floats = NDArray[np.float64]
Tokens = NDArray[np.int64]


class Decoder(nn.Module):
    """Embedding, one causal attention beside a shortcut, layer normalisation (ε = 0), linear head without bias.

    The head's weights are N(0, deviation²/width), so that every logit is N(0, deviation²) at the start, whatever the
    width; all other weights are N(0, 1/width). All randomness comes from `generator`.
    """

    def __init__(self, vocabulary: int, width: int, length: int, deviation: float, generator: torch.Generator) -> None:
        super().__init__()
        whole(vocabulary, "vocabulary", "Decoder")
        number(deviation, "deviation", "Decoder", least=0.0)

        def drawn(rows: int, columns: int, scale: float) -> nn.Parameter:
            return nn.Parameter(scale * torch.randn(rows, columns, generator=generator, dtype=torch.float64))

        self.tokens, self.places = drawn(vocabulary, width, 1.0), drawn(length, width, 1.0)
        self.queries, self.keys, self.values = (drawn(width, width, width**-0.5) for _ in range(3))
        self.head = drawn(vocabulary, width, deviation * width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the next token (batch, length, V) from tokens (batch, length)."""
        h = self.tokens[x] + self.places[: x.shape[1]]
        q, k, v = (h @ one for one in (self.queries, self.keys, self.values))
        h = h + functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return functional.layer_norm(h, h.shape[-1:], eps=0.0) @ self.head.T


def token_loss(model: Decoder, texts: Tensor) -> Tensor:
    """Cross entropy in nats, a mean over all tokens but the first of each text."""
    logits = model(texts[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), texts[:, 1:].flatten())


def initial_losses(
    vocabulary: int, deviation: float, networks: int, seed: int, width: int = 32, texts: int = 16, length: int = 8
) -> Floats:
    """The loss of so many freshly drawn decoders, each on texts of tokens drawn evenly, (networks,)."""
    found = []
    for one in np.random.SeedSequence(seed).generate_state(networks, dtype=np.uint64).tolist():
        generator = torch.Generator().manual_seed(one)
        model = Decoder(vocabulary, width, length, deviation, generator)
        drawn = torch.randint(vocabulary, (texts, length + 1), generator=generator)
        with torch.no_grad():
            found.append(float(token_loss(model, drawn)))
    return np.array(found)


def markov_texts(transition: Floats, texts: int, length: int, seed: int) -> Tokens:
    """Texts (texts, length) of a chain with rows `transition`, in its stationary state from the first token on."""
    if transition.ndim != 2 or transition.shape[0] != transition.shape[1]:
        raise ShapeError(f"markov_texts: expected a square matrix, got shape {transition.shape}")
    rng, size = np.random.default_rng(seed), len(transition)
    shares = np.linalg.lstsq(np.vstack([transition.T - np.eye(size), np.ones(size)]), np.append(np.zeros(size), 1.0))[0]
    steps = np.cumsum(np.vstack([transition, shares]), axis=1)
    steps[:, -1] = 1.0
    state, found = np.full(texts, size), []  # the last row holds the shares
    for _ in range(length):
        state = (rng.random(texts)[:, None] > steps[state]).sum(axis=1)
        found.append(state)
    return np.array(found).T


@dataclass(frozen=True, eq=False)
class Taught:
    """A trained decoder's losses at each step, and −log q of every token of unseen texts, (texts, length − 1)."""

    losses: Floats
    surprise: Floats


def teach(
    transition: Floats, steps: int, seed: int, test: Tokens, width: int = 16, batch: int = 64, rate: float = 0.01
) -> Taught:
    """Train a decoder by Adam on fresh texts of the source, and read unseen ones."""
    generator = torch.Generator().manual_seed(seed)
    length = test.shape[1]
    model = Decoder(len(transition), width, length, 1.0, generator)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    losses = []
    for k in range(steps):
        optimiser.param_groups[0]["lr"] = rate * min(1.0, 3 * (1 - k / steps))  # the last third ever slower
        texts = torch.tensor(markov_texts(transition, batch, length, 10_000 * (seed + 1) + k))
        loss = token_loss(model, texts)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    unseen = torch.tensor(test)
    with torch.no_grad():
        each = functional.cross_entropy(model(unseen[:, :-1]).transpose(1, 2), unseen[:, 1:], reduction="none")
    return Taught(np.array(losses), each.numpy())
