import numpy as np
import pytest
import torch

from residua_network import ResiduaError, ShapeError
from residua_numeric.loss_decoder import Decoder, initial_losses, markov_texts, teach, token_loss

TURN = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def decoder(vocabulary: int = 7, deviation: float = 1.0, seed: int = 0) -> Decoder:
    return Decoder(vocabulary, 16, 10, deviation, torch.Generator().manual_seed(seed))


def test_no_token_sees_what_comes_after_it() -> None:
    model, texts = decoder(), torch.tensor([[1, 2, 3, 4, 5]])
    changed = texts.clone()
    changed[0, 3] = 6
    before, after = model(texts), model(changed)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize("deviation", [0.5, 2.0])
def test_logits_have_the_stated_deviation(deviation: float) -> None:
    found = torch.cat([decoder(400, deviation, seed)(torch.tensor([[seed % 7, 1, 2]])) for seed in range(20)])
    error = deviation / np.sqrt(2 * 20 * 400)  # of a standard deviation; tokens of a text share the head
    assert abs(float(found.detach().std()) - deviation) < 5 * error * np.sqrt(3)


def test_the_loss_is_a_mean_over_tokens() -> None:
    model, texts = decoder(), torch.tensor([[1, 2, 3], [4, 5, 6]])
    log_q = torch.log_softmax(model(texts[:, :-1]).detach(), dim=2)
    spelled = -(log_q[0, 0, 2] + log_q[0, 1, 3] + log_q[1, 0, 5] + log_q[1, 1, 6]) / 4
    assert float(token_loss(model, texts).detach()) == pytest.approx(float(spelled), rel=1e-13)


def test_even_logits_cost_log_v() -> None:
    assert initial_losses(50, 0.0, 3, seed=0) == pytest.approx(np.log(50))


def test_new_decoders_are_repeatable_and_differ_by_seed() -> None:
    one, again, other = initial_losses(9, 1.0, 4, 1), initial_losses(9, 1.0, 4, 1), initial_losses(9, 1.0, 4, 2)
    assert np.array_equal(one, again)
    assert not np.intersect1d(one, other).size


def test_markov_texts_follow_their_source() -> None:
    texts = markov_texts(TURN, 50, 6, 0)
    assert (texts[:, 1:] == (texts[:, :-1] + 1) % 3).all()
    assert set(texts[:, 0]) == {0, 1, 2}
    uneven = np.array([[0.9, 0.1], [0.5, 0.5]])
    drawn = markov_texts(uneven, 4000, 5, 1)
    for place in range(5):  # stationary from the first token on
        assert abs(drawn[:, place].mean() - 1 / 6) < 5 * np.sqrt(5 / 36 / 4000)
    with pytest.raises(ShapeError):
        markov_texts(np.ones((2, 3)), 1, 1, 0)


def test_a_decoder_learns_a_source_without_chance() -> None:
    taught = teach(TURN, 60, 0, markov_texts(TURN, 20, 6, 9))
    assert taught.losses[0] > 0.5
    assert taught.surprise.mean() < 0.05
    assert taught.surprise.shape == (20, 5)


def test_what_makes_no_decoder_is_refused() -> None:
    with pytest.raises(ResiduaError, match="vocabulary"):
        decoder(0)
    with pytest.raises(ResiduaError, match="deviation"):
        decoder(5, -1.0)
