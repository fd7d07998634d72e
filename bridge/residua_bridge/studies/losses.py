"""Losses: entropies and codes, softmax cross entropy, t-SNE, decoders, mean square error, and what labels are."""

from collections.abc import Sequence

from residua_bridge.budgets.law import Ladder
from residua_bridge.claims import claims_section
from residua_bridge.experiments.judged_laws import JudgedLaws, Met, PlantedLaws
from residua_bridge.experiments.losses import labels, tokens
from residua_bridge.experiments.losses.coding import CODES, LABELS, Codes
from residua_bridge.experiments.losses.entropies import Entropies
from residua_bridge.experiments.losses.fixed import FREE, PATHS, TwoLosses
from residua_bridge.experiments.losses.planted import REFUSED, Refusals
from residua_bridge.experiments.losses.softmax import SoftmaxDerivatives
from residua_bridge.experiments.losses.sources import NewDecoders, asymptotic_law, even_law, exact_law
from residua_bridge.experiments.losses.squares import NOISE, TRIANGLE, Squares
from residua_bridge.experiments.losses.tsne import FIXED, JOINTS, RUNS, Perplexities
from residua_bridge.findings import Section
from residua_bridge.study import By, Study

NAME = "losses"
CLAIMS = ("002-019", "002-020", *(f"002-{number:03}" for number in range(35, 42)))
START = "Cross entropy at initialisation, judged"
PLANTED = "Wrong laws of the loss at initialisation"
NATS = 0.04  # to be seen: a twelfth of Var/2 at variance 1


def ladder(sizes: tuple[int, ...], seconds: float, variances: tuple[float, ...] = ()) -> By:
    """Vocabularies of so many tokens, logits of variance 1, and of others where they are given."""
    point = {"classes": 64, "variance": 1.0}
    along = {"classes": sizes} | ({"variance": variances} if variances else {})
    return By(Ladder(point, along, 200, NATS, seconds), Ladder(point, along, 1000, NATS / 2, 10 * seconds))


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The claims that this study decides."""
    prose = (
        "The lines of document 002 on labels (L51, L55–57), cross entropy (L88–96) and mean square error (L98), each judged "
        "by what stands above.",
    )
    return (claims_section("What document 002 says", prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables and verdicts."""
    tables = {table.title: table for section in sections for table in section.tables}

    def cell(title: str, row: str | float, column: str) -> float:
        table = tables[title]
        return float(next(r for r in table.rows if r[0] == row)[table.columns.index(column)])

    verdicts = [v for section in sections for v in section.verdicts if v.expected]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)
    refused = [row[-1] for row in tables[REFUSED].rows]
    paths, fixed, joint = tables[PATHS].rows, tables[FIXED].rows, tables[JOINTS].rows
    moved = max(float(row[5]) for row in paths)
    alike = f"at most {moved:g} apart" if moved else "bit for bit the same"
    (coded,) = tables[LABELS].rows
    floor = tables[tokens.FLOOR].rows
    learnt = tables[labels.TRAINED]
    return (
        f"Of {len(verdicts)} verdicts with an expectation {good} are as expected; of {len(refused)} wrong formulas their "
        f"proofs refuse {sum(map(bool, refused))}.",
        "Cross entropy is H(P) plus the divergence, for any number of classes. Where labels are given, the two losses have "
        f"one gradient: nets trained by each from the same weights are {alike} after every step, with "
        "one-hot, smoothed and soft labels. They part where P itself is trained: trained against a fixed Q, the "
        f"divergence ends at $p_1 = {cell(FREE, 'divergence', '$p_1$ after training'):.4g}$ with $q_1 = "
        f"{cell(FREE, 'divergence', '$q_1$, fixed'):g}$, the cross entropy at "
        f"{cell(FREE, 'cross entropy', '$p_1$ after training'):.4g}.",
        f"As a code it is real: {coded[0]} labels of unseen digits take {coded[3]} bits with a trained net as the code, "
        f"whose summed cross entropy is {float(coded[2]):.1f} bits. In whole bits a symbol, Shannon's code needs up to "
        f"{max(float(r[4]) for r in tables[CODES].rows):.2f} bits more than H(P, Q).",
        f"t-SNE's perplexity does not unfix the entropy, it fixes it: every point's H(P_i) is log₂ perplexity, to within "
        f"{max(float(r[5]) for r in fixed):.1g} nats. The joint entropy lies within log 2 above log(n Perp) for "
        f"all {len(joint)} data sets and perplexities, and stays what it is during the embedding: the embeddings by both losses "
        f"are {float(tables[RUNS].rows[-1][-1]):g} apart after {tables[RUNS].rows[-1][1]} steps.",
        "At initialisation a decoder costs log V plus half the variance of a logit, less a correction of 1/V; trained, "
        f"decoders stay {min(float(r[5]) for r in floor):.2g} to {max(float(r[5]) for r in floor):.2g} nats above their source's entropy of "
        f"{float(floor[0][1]):.4f}.",
        f"The mean square error is no distance: from 0 to 2 it is {cell(TRIANGLE, 'mean square error', 'from 0 to 2'):g}, by way of 1 "
        f"it is {cell(TRIANGLE, 'mean square error', 'from 0 to 1') + cell(TRIANGLE, 'mean square error', 'from 1 to 2'):g}. That "
        "outputs are continuous does not single it out: with Laplace noise the least absolute error errs "
        f"{cell(NOISE, 'Laplace', 'squares: error') / cell(NOISE, 'Laplace', 'absolute: error'):.2f} times less.",
        f"On unseen digits the most probable class is right in {float(learnt.rows[0][1]):.1%} of cases, a net that "
        f"outputs the label as a number in {float(learnt.rows[-1][1]):.1%}. Indicators that are independent of the class tell "
        "nothing of it; independent within each class they are what naive Bayes needs.",
    )


STUDY = Study(
    name=NAME,
    title="Losses: entropies, cross entropy, perplexity, and mean square error",
    question=(
        "What do cross entropy, Kullback–Leibler divergence and mean square error measure, when do they train the same "
        "network, and what do they come to at the start and at the end of training?"
    ),
    claim=(
        "Prediction 32: $H(P, Q) = H(P) + D(P \\parallel Q)$; equal gradients where P is given; "
        "$\\partial L/\\partial z = q - p$ with Hessian $\\mathrm{diag}(q) - q q^T$; t-SNE's $H(P_i) = \\log$ perplexity; mean square "
        "error as a Gaussian likelihood; $\\log V + \\mathrm{Var}/2$ at initialisation."
    ),
    refuted_by=(
        "A derivative of torch's beyond its rounding bound; a path of training that depends on which of the two losses is "
        "used; an entropy that is not log perplexity; a code shorter than its entropy; a loss at initialisation that does "
        "not extrapolate to the law; a wrong formula that its proof lets through."
    ),
    experiments=(
        Entropies(
            "losses-entropies",
            "Entropy, divergence, cross entropy",
            (
                "P: what classes come, Q: what a model says. The three sums below are all in nats; bits are nats over log "
                "2. Cross entropy is entropy plus divergence, and the divergence is 0 only where Q is P: so for a given P "
                "both are least at the same Q, and the least cross entropy is H(P), not 0.",
            ),
            (2, 10, 100, 1000),
        ),
        Codes(
            "Cross entropy as a length",
            (
                "H(P, Q) is said to be the information it takes to encode P with Q. For the ideal code of Q, with words of "
                "$-\\log_2 q$ bits, this is what it is. Words have whole bits: Shannon's code, rounded up, takes less than one "
                "bit a symbol more. One word for a whole message (arithmetic coding) takes less than two bits more in all.",
                "A trained classifier is a code for labels. Its cross entropy over the test part, in bits, is the length of the "
                "word that its probabilities give.",
            ),
            (10, 100, 1000),
            By(30, 200),
        ),
        SoftmaxDerivatives(
            "Gradient and Hessian of softmax cross entropy",
            (
                "With logits z and $q = \\mathrm{softmax}(z)$ the gradient is what the model says less what is so. The Hessian is "
                "the covariance of a one-hot draw from q; it does not depend on the labels at all.",
            ),
            (2, 3, 10, 100, 1000),
        ),
        TwoLosses(
            "losses-fixed",
            "Same gradient: cross entropy and divergence as training losses",
            (
                "In classification the labels are given: one-hot, or smoothed, or probabilities of a teacher that is not "
                "trained. Then H(P) is a number that no weight moves. Two copies of a net are trained, one with torch's "
                "cross_entropy, one with its kl_div.",
                "P depends on what is trained where a teacher learns along with its student, or where an entropy is "
                "rewarded. There the two part.",
            ),
            60,
        ),
        Perplexities(
            "losses-tsne",
            "t-SNE: what the perplexity fixes",
            (
                "t-SNE gives each point i a distribution over the others, $p_{j|i} \\propto e^{-\\beta_i d_{ij}}$ with squared distances, and "
                "chooses $\\beta_i$ so that its entropy is log perplexity. H falls with β from log of the number of neighbours "
                "to log of how many are nearest, strictly: there is exactly one such β, found by halving an interval.",
                "The joint P, made symmetric, is computed once, before the embedding begins, and is not touched by it: its "
                "entropy is a constant of the minimisation, like that of labels.",
            ),
            (5.0, 30.0, 100.0),
            By(300, 600),
        ),
        tokens.Starts(
            "losses-decoders",
            "New decoders",
            (
                "A decoder (embedding, causal attention, layer normalisation, linear head of normal weights) at "
                "initialisation: logits are normal with a variance that the head's weights set, whatever the width. A "
                "vocabulary of 4000 tokens is the document's.",
            ),
            (8, 64, 512, 4000),
            (0.25, 1.0, 4.0, 16.0),
            By(40, 400),
        ),
        JudgedLaws(
            "losses-start",
            START,
            (
                "The law $\\log V + \\mathrm{Var}/2$ as V grows, and the exact one at every V, each met along a ladder of vocabularies.",
            ),
            (
                Met(
                    "log V + Var/2",
                    asymptotic_law,
                    NewDecoders(1),
                    ladder((16, 64, 256), 4, (0.25, 0.5, 1.0)),
                    "arithmetic mean",
                ),
                Met("exact law", exact_law, NewDecoders(2), ladder((4, 16, 64), 3), "arithmetic mean"),
            ),
        ),
        PlantedLaws(
            PLANTED,
            ("Handed to the same judge.",),
            (
                Met("log V", even_law, NewDecoders(3), ladder((16, 64), 2), "arithmetic mean"),
                Met(
                    "the whole variance",
                    lambda: asymptotic_law(1.0, r"\mathrm{Var}"),
                    NewDecoders(4),
                    ladder((16, 64), 2),
                    "arithmetic mean",
                ),
                Met(
                    "exact law, 0.1 nats too much",
                    lambda: exact_law(0.1, ", plus 0.1"),
                    NewDecoders(5),
                    ladder((16, 64), 2),
                    "arithmetic mean",
                ),
            ),
        ),
        tokens.Floor(
            "losses-tokens",
            "Tokens: the floor of a decoder's loss",
            (
                "A text's −log probability is a sum of one classification a token. A source of eight tokens, each drawn by "
                "the one before, has an entropy that is known; decoders trained on it come down to it and cannot go below.",
                "Tokens have numbers, but these are names: cross entropy does not change when they are shuffled. And the "
                "vocabulary has to hold every token that comes.",
            ),
            (0, 1, 2),
            By(300, 2000),
            2000,
        ),
        Squares(
            "Mean square error",
            (
                "A likelihood, for noise that is Gaussian and of one variance; minimised by the mean, of continuous outputs "
                "and of classes alike; the square of a distance, and no distance itself.",
            ),
            By(4000, 20_000),
            201,
        ),
        labels.Labels(
            "Classes as numbers, classes as probabilities",
            (
                "A map from images to classes can be fitted by its number, or by probabilities of which the largest is taken. "
                "With exact probabilities of a map both are the map. Fitted, they are not the same: squares on the number "
                "know that 3 lies between 2 and 4, which classes do not.",
            ),
            By(3, 10),
            400,
        ),
        labels.Indicators(
            "Independent indicators",
            (
                "Height, weight and body fat are to tell the sex by Bayes' formula, if these indicators are "
                "“independent of sex”. Said like that they tell nothing: the posterior is the prior. What makes Bayes' formula "
                "simple is another independence: of the indicators from each other, within each sex.",
            ),
            By(20_000, 100_000),
        ),
        Refusals(
            "Planted mistakes",
            ("Every proof is given a wrong right-hand side for its own step.",),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
