"""Document 002 on losses: cross entropy, divergence, codes, t-SNE, decoders, mean square error, labels."""

from fractions import Fraction
from math import log2

from residua_bridge.claims.evidence import Evidence, Look
from residua_bridge.claims.judging import judge
from residua_bridge.claims.ruling import Ruling

LOSSES = "losses"
SPLIT, EQUAL = "$H(P, Q) = H(P) + D(P", "Both losses have the same gradient in every parameter"
LENGTHS, CODES = "Expected lengths of codes", "Codes made for Q"
BITS, DIGITS = "Bits a symbol of messages", "Bits of 449 unseen labels"
GRADIENTS, PATHS, TRAINED = (
    "Both gradients, and when they differ",
    "Two trainings of one net",
    "Where P is trained, too",
)
ENTROPY, EMBEDDED = "$H(P_i) = \\log$ perplexity", "The divergence and the cross entropy have the same gradient in the"
NEIGHBOURS, RUNS = "The entropy of one point's neighbours", "Two embeddings"
FLOOR, READ, BELOW = "A decoder's loss and its floor", "Trained decoders", "A decoder's cross entropy on unseen texts"
MSE, NOISE = "mean square error", "Continuous outputs, two kinds of noise"
BLIND, BAYES = "blind guess", "Bayes"
ROUNDED = 1e-9  # of entropies of some nats that sums of a thousand terms do not reach by rounding
ERRORS = 4.0  # standard errors
LEARNT = 0.05  # of what can be learnt: less is left over


@judge("002-019")
def most_probable_class(e: Evidence) -> Ruling:
    """The document's map gives every image one class. For exact probabilities of a map it is proved that the most
    probable class is its label; then the claim holds if torch nets with probabilities are right on unseen digits more
    often than nets that output the label as a number, and the choice is the better one in an example with noisy
    labels. It fails if the choice is not the label of an exact map, or if such nets are right less often. More and
    less are by four standard errors."""
    exact, nets = e.table(LOSSES, "One input, three classes"), e.table(LOSSES, "Digits: probabilities")
    right = exact.number("right", bound="exact", labels="a map: class 2 for certain")
    noisy = {c: exact.number(c, bound="exact", labels="noisy labels") for c in ("right", "rounded", "right, rounded")}
    unseen = "accuracy on unseen digits"
    probable, numbered = (
        nets.number(unseen, bound="standard error", where={"output and loss": kind})
        for kind in ("ten probabilities, cross entropy", "the label as a number, mean square error")
    )
    bars = nets.column("standard error", bound="over seeds")
    lost = numbered - probable > ERRORS * max(bars)
    won = probable - numbered > ERRORS * max(bars) and noisy["right"] > noisy["right, rounded"]
    return Ruling(
        holds=e.proved(LOSSES, "The most probable class", "one class is certain") and right == 1 and won,
        fails=right < 1 or lost,
        correction="the most probable class is not the label",
        remark=(
            f"Trained on digits, the most probable class is right in {probable:.1%} of unseen cases, a net that "
            "outputs "
            f"the number in {numbered:.1%}. Where labels are noisy there is no map to recover: the most probable "
            "class is "
            f"still right most often ({noisy['right']:g} in the example), while squares on the number lead to class "
            f"{noisy['rounded']:g}, right in {noisy['right, rounded']:g}."
        ),
    )


@judge("002-020")
def independent_of_sex(e: Evidence) -> Ruling:
    """For indicators that are independent of the class it is proved that Bayes' formula gives back the prior. The
    claim fails if, in exact fractions, Bayes' formula is then right no more often than a blind guess, and single
    indicators do as well as all together where these are independent within each class, as is proved, and worse in an
    example where they are not. It would hold if independence of the class helped."""
    table = e.table(LOSSES, "Three meanings of independent")

    def share(column: str, indicators: str) -> Fraction:
        return Fraction(str(table.cell(column, bound="exact", indicators=indicators)).strip("$"))

    useless, within = "independent of the class", "independent within each class"
    blind, bayes = share(BLIND, useless), share(BAYES, useless)
    one, full, naive = (share(column, within) for column in (BLIND, BAYES, "naive Bayes"))
    apart = "each independent of the class, not together"
    jointly, singly = (share(column, apart) for column in (BAYES, "naive Bayes"))
    prior = e.proved(LOSSES, "Indicators that are independent of the class", "independent of the class")
    product = e.proved(
        LOSSES, "Indicators that are independent within each class", "independent given the class", "one more indicator"
    )
    return Ruling(
        holds=bayes > blind,
        fails=prior and product and bayes == blind and naive == full > one and jointly > singly,
        correction=(
            "what makes it simple is that the indicators are independent of each other within each sex: then "
            "$P(s|x) \\propto P(s) \\prod_i P(x_i|s)$ for any number of them, and single indicators are enough "
            f"(in the example right in {full} of cases, blindly in {one}). Without it Bayes' formula needs all of them "
            "together within each sex: two that are independent of the sex one by one, but not together, are right in "
            f"{'all' if jointly == 1 else jointly} of the cases so, and in {singly} by products of single ones"
        ),
        counterexample=(
            "indicators that together have the same distribution for both sexes, one of them or many: "
            "$P(s|x) = P(s)$, so looking at them changes nothing "
            f"({bayes} right with them, {blind} without)"
        ),
    )


@judge("002-035")
def information_to_encode(e: Evidence) -> Ruling:
    """Proved for any number of classes: words of $-\\log_2 q$ bits have the expected length H(P, Q), words of whole
    bits less than one bit more. The claim holds if the exact codes keep these bounds, messages coded with Q need H(P,
    Q) bits a symbol, and labels coded with a torch net its summed cross entropy. It fails if an exact code leaves its
    bounds or messages do not come out at H(P, Q), beyond four standard errors and the end of a word."""
    codes = e.table(LOSSES, CODES)
    above = codes.column("above H(P, Q)", bound="exact lengths")
    near = all(-ROUNDED <= a < 1 for a in above)
    messages = e.table(LOSSES, "Messages coded with Q")
    off = [_off(messages, n) for n in messages.column("symbols", bound="exact")]
    proofs = e.proved(
        LOSSES,
        LENGTHS,
        "room in the tree",
        "expected length",
        "whole lengths",
        "still a prefix code",
        "one more symbol",
    )
    met = e.verdict(LOSSES, BITS) and e.verdict(LOSSES, DIGITS)
    labels = e.table(LOSSES, "The labels of unseen digits")
    needed, took = (
        labels.number("in bits, all", bound="float64 rounding"),
        labels.number("bits of the word", bound="exact"),
    )
    least = codes.number("Huffman's code", bound="exact", source="P nearly certain, Q = (9, 1)/10")
    crossed = codes.number("H(P, Q)", bound="certified", source="P nearly certain, Q = (9, 1)/10")
    return Ruling(
        holds=proofs and met and near and not any(off),
        fails=not near or any(off),
        correction="codes made for Q do not need H(P, Q) bits a symbol",
        remark=(
            "In bits, with logarithms to base 2, and for the ideal code of Q; whole bits a symbol cost up to "
            f"{max(above):.2f} more with Shannon's code here, a word for the whole message less than two bits in all "
            f"({took:.0f} bits for labels whose cross entropy is {needed:.1f}). A code in whole bits can be "
            "shorter than "
            f"H(P, Q) where Q is wrong ({least:g} beside {crossed:.2f}): it is the code of another Q."
        ),
    )


def _off(messages: Look, symbols: float) -> bool:
    """Whether messages of that length need more or fewer bits a symbol than they may."""
    rate, bar, wanted, end = (
        messages.number(column, bound=bound, symbols=symbols)
        for column, bound in (
            ("bits a symbol", "standard error"),
            ("standard error", ""),
            ("H(P, Q)", "certified"),
            ("bound", "proved"),
        )
    )
    return not wanted - ERRORS * bar <= rate <= wanted + end / symbols + ERRORS * bar


def _alike(apart: float) -> str:
    return f"at most {apart:.1g} apart" if apart else "bit for bit the same"


@judge("002-036")
def labels_are_given(e: Evidence) -> Ruling:
    """Proved for any number of classes: the gradients of both losses differ by that of H(P), which is 0 for labels
    that are given. The claim holds if torch's gradients of cross_entropy and kl_div are equal along whole trainings
    with one-hot, smoothed and soft labels, and the losses differ by one number throughout. It fails if they are
    not."""
    table = e.table(LOSSES, PATHS)
    first, last = (table.column(c, bound="float64 rounding") for c in ("CE − KL, first step", "last step"))
    moved = max(abs(a - b) for a, b in zip(first, last, strict=True))
    apart = max(table.column("largest difference of weights", bound="float64 rounding"))
    free = e.table(LOSSES, TRAINED)
    q = free.number("$q_1$, fixed", bound="exact", loss="divergence")
    ends = {
        loss: free.number("$p_1$ after training", bound="float64 rounding", loss=loss)
        for loss in ("cross entropy", "divergence")
    }
    proofs = e.proved(
        LOSSES, GRADIENTS, "of one class", "summed", "labels are given", "one class is certain", "smoothed labels"
    )
    return Ruling(
        holds=proofs and e.verdict(LOSSES, EQUAL) and moved <= ROUNDED,
        fails=e.verdict(LOSSES, EQUAL, "differ") or moved > ROUNDED,
        correction="the two losses do not have the same gradients",
        remark=(
            f"Nets trained by each are {_alike(apart)} after every step; for one-hot labels H(P) = "
            "0 and "
            "the losses are the same number. They part where P itself is trained (a teacher that learns along): "
            "against "
            f"a fixed Q with $q_1 = {q:g}$ the divergence ends at $p_1 = {ends['divergence']:.3g}$, the cross "
            "entropy at "
            f"{ends['cross entropy']:.4g}."
        ),
    )


@judge("002-037")
def perplexity_fixes(e: Evidence) -> Ruling:
    """For every point H falls strictly with the precision, which is proved for any number of neighbours, so that one
    precision gives log perplexity. The claim fails if every point's entropy is log perplexity to rounding and cross
    entropy less divergence stays one number while digits are embedded, with equal gradients and embeddings. It would
    hold if some
    point's entropy were another or that difference moved."""
    table, runs = e.table(LOSSES, "Entropies of all points' neighbours"), e.table(LOSSES, RUNS)
    off = max(table.column("off by, nats", bound="float64 rounding"))
    bits = table.number("largest H(P_i)", bound="float64 rounding", points="0, 1, 3 on a line")
    small = table.number("perplexity", bound="exact", points="0, 1, 3 on a line")
    gap = {"what": "cross entropy − divergence"}
    first, last = (runs.number(c, bound="float64 rounding", where=gap) for c in ("first", "last"))
    apart = runs.number("last", bound="float64 rounding", what="largest difference of the embeddings")
    steps = int(runs.number("steps", bound="exact", what="largest difference of the embeddings"))
    falls = e.proved(
        LOSSES, NEIGHBOURS, "it falls with β", "strictly, unless all are equally far", "at β = 0", "as β grows"
    )
    constant = e.proved(LOSSES, "The joint distribution", "before it is made symmetric", "mixing adds", "the embedding")
    e.figure(LOSSES, "losses-tsne-entropy")
    fixed = e.verdict(LOSSES, ENTROPY) and off <= ROUNDED and e.verdict(LOSSES, EMBEDDED) and apart <= ROUNDED
    example = abs(bits - log2(small)) <= ROUNDED
    moved = abs(last - first)
    return Ruling(
        holds=off > ROUNDED or moved > ROUNDED,
        fails=falls and constant and fixed and example and moved <= ROUNDED,
        correction=(
            "the perplexity is what fixes the entropies: the precision $\\beta_i$ of each point is chosen so that "
            "$H(P_i) = \\log_2 \\mathrm{Perp}$ bits, and P does not depend on the embedding, so H(P) is a "
            "constant of the "
            "minimisation. In t-SNE, too, minimising the divergence is minimising the cross entropy: embeddings "
            "by both "
            f"are {_alike(apart)} after {steps} steps, the losses differ by {last:.4g} nats throughout"
        ),
        counterexample=(
            f"the points 0, 1, 3 of a line with perplexity {small:g}: each of the three entropies is {bits:.4f} = "
            f"$\\log_2 {small:g}$ bits"
        ),
        remark=(
            "Only the entropy of the joint P varies with the data, between log(n Perp) and log(2 n Perp), and it "
            "is known "
            "before the first step."
        ),
    )


@judge("002-038")
def sum_of_both(e: Evidence) -> Ruling:
    """The identity is proved term by term for any number of classes. It holds if the proof stands and torch's
    entropy, divergence and cross entropy agree with it; it fails if torch's differ by more than rounding."""
    return Ruling(
        holds=e.proved(LOSSES, "Cross entropy is entropy plus divergence", "their sum") and e.verdict(LOSSES, SPLIT),
        fails=e.verdict(LOSSES, SPLIT, "differ"),
        correction="the cross entropy is not the sum of entropy and divergence",
        remark=(
            "for any number of classes, with $q > 0$ wherever $p > 0$; otherwise $H(P, Q)$ and the divergence are both "
            "infinite"
        ),
    )


@judge("002-039")
def more_reasonable(e: Evidence) -> Ruling:
    """What can be decided is decided: gradients and trainings by both losses, where labels are given and where they
    are trained. Whether one of two losses with the same gradients is the more reasonable is then left open."""
    free = e.table(LOSSES, TRAINED)
    p, q, crossed = (
        free.number(column, bound="float64 rounding", loss=loss)
        for column, loss in (
            ("$p_1$ after training", "divergence"),
            ("$q_1$, fixed", "divergence"),
            ("$p_1$ after training", "cross entropy"),
        )
    )
    same = e.proved(LOSSES, GRADIENTS, "labels are given") and e.verdict(LOSSES, EQUAL)
    least = e.proved(LOSSES, "The divergence is never negative", "the divergence by it", "slope", "the only zero")
    along = e.proved(LOSSES, "Where P moves as well", "cross entropy along P", "divergence along P", "curved upwards")
    return Ruling(
        holds=False,
        fails=False,
        open=(
            "where the data's distribution P is given, both losses have the same gradients and minimisers and "
            "differ by a "
            "number, so no training can prefer one: which is more reasonable is taste"
        )
        * (same and least and along),
        remark=(
            "the divergence has the plainer scale (0 exactly where Q = P, while the cross entropy's least value "
            "is H(P)); "
            "and where P is trained as well only the divergence is least at P = Q: against "
            f"$q_1 = {q:g}$ it ends at $p_1 = {p:.3g}$, the cross entropy at {crossed:.4g}."
        ),
    )


@judge("002-040")
def token_classifier(e: Evidence) -> Ruling:
    """Proved: a text's −log probability is a sum of one classification a token, and its mean is the source's entropy
    plus a divergence. The claim holds if torch decoders trained on a source of known entropy come down to it, at most
    5 % of what can be learnt left over, and the floor does not depend on how tokens are numbered. It fails if a
    decoder comes out below the floor by more than four standard errors, learns nothing, or the numbering matters."""
    read, starts = e.table(LOSSES, READ), e.table(LOSSES, "Two numberings")
    floor = read.column("entropy of the source", bound="certified")[0]
    excess = read.column("decoder − source", bound="its standard error")
    bars = read.column("its standard error", bound="over texts")
    crossed = starts.column("least cross entropy", bound="float64 rounding")
    squared = starts.column("least mean square error of the number", bound="float64 rounding")
    even = e.table(LOSSES, "A token outside the vocabulary").number(
        "cross entropy by torch", bound="float64 rounding", where={"true token": "in the vocabulary, all alike"}
    )
    below = any(gap < -ERRORS * bar for gap, bar in zip(excess, bars, strict=True))
    numbered = max(crossed) - min(crossed) > ROUNDED
    proofs = e.proved(LOSSES, FLOOR, "its loss", "after one context", "over contexts")
    return Ruling(
        holds=proofs
        and e.verdict(LOSSES, BELOW)
        and max(excess) <= LEARNT * (even - floor)
        and not below
        and not numbered,
        fails=below or numbered or max(excess) > even - floor,
        correction="cross entropy does not come down to the entropy of a decoder's source",
        remark=(
            f"On a source of entropy {floor:.4f} nats a token, decoders end {min(excess):.2g} to {max(excess):.2g} "
            "above it. "
            "Numbers of tokens are only names: the floor of the cross entropy is the same for two numberings, "
            "that of the "
            f"mean square error of the number is {squared[0]:.3f} or {squared[1]:.3f}. The vocabulary does have to "
            "hold "
            "every token: one without a probability costs infinitely much."
        ),
    )


@judge("002-041")
def squares_and_distance(e: Evidence) -> Ruling:
    """A distance is never longer than a detour. The claim fails if the mean square error from 0 to 2 is more than
    from 0 to 1 and from 1 to 2 together, as is proved and computed by torch; it is proved what it is instead, and
    measured that for one kind of continuous outputs, with Laplace noise, another loss is better. It would hold if
    there were no detour, and no better loss. Better is by four standard errors."""
    triangle, noise = e.table(LOSSES, "Three numbers"), e.table(LOSSES, NOISE)
    near, next_one, far = (
        triangle.number(f"from {way}", bound="exact", loss=MSE) for way in ("0 to 1", "1 to 2", "0 to 2")
    )
    row = {"noise, variance 1": "Laplace"}
    squares, absolute = (
        noise.number(column, bound=bar, where=row)
        for column, bar in (("squares: error", "standard error"), ("absolute: error", "s.e. of that"))
    )
    bars = [noise.number(column, bound="", where=row) for column in ("standard error", "s.e. of that")]
    likely = e.proved(LOSSES, "Mean square error as a likelihood", "N independent rows", "gradients", "other noise")
    means = e.proved(
        LOSSES, "What square and absolute errors are minimised by", "squares", "classes", "absolute errors"
    )
    distance = "Is the mean square error a distance?"
    longer = e.proved(LOSSES, distance, "the detour is shorter", "scaled")
    root = e.proved(LOSSES, distance, "Cauchy and Schwarz", "the root obeys the triangle inequality")
    worse = squares > absolute + ERRORS * sum(bars)
    instead = likely and means and root
    return Ruling(
        holds=far <= near + next_one and not worse,
        fails=longer and far > near + next_one and worse and instead,
        correction=(
            "the mean square error is the square of a distance: its root is the L2 distance over $\\sqrt{N}$, with the "
            "same minimisers. What singles it out is not that outputs are continuous but Gaussian noise of one "
            "variance, "
            "of which it is the likelihood, or that a conditional mean is wanted: with Laplace noise, as "
            "continuous, the "
            f"mean absolute error's fit errs {squares / absolute:.2f} times less, and for one-hot classes squares are "
            "minimised by the probabilities"
        ),
        counterexample=(
            f"one output, the numbers 0, 1, 2: from 0 to 2 it is {far:g}, by way of 1 only {near:g} + "
            f"{next_one:g}; and "
            "twice the error counts four times"
        ),
    )
