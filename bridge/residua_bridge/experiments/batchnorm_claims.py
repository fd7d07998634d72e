"""What 003 says of gradients under normalisation, judged by what the sections on batch normalisation found."""

from residua_bridge.experiments.batchnorm_residual import DEPTHS, POST_DEPTHS
from residua_bridge.experiments.claim_places import Claim, Evidence, Judged, as_expected

STORY = "One popular number, four depths"
LAWS = "The laws at finite batch, and what (1.11) says"
SMALL = "Small batches"
BENEFIT = "Which variances batch normalisation helps, and which it hurts"
RESIDUAL = "Residual nets with batch statistics"
BENEFIT_PROOF = "Where batch normalisation helps"
BY_VARIANCE = "With and without"
NEAR = 1.0  # log10: gradients within a factor of ten neither explode nor vanish
SAME = 1e-9  # log10: what rounding may do to logarithms of gradients through some thirty layers
HE = 2.0
NOTHING = 1e-20  # of the squared gradient: the square of what rounding leaves, with room


def _verdict(e: Evidence, section: str, begins: str) -> bool:
    """Whether the verdicts of the section that begin so exist and are the expected ones."""
    found = [v for v in e.section(section).verdicts if v.statement.startswith(begins)]
    return bool(found) and all(map(as_expected, found))


def decided_as_predicted(e: Evidence) -> bool:
    """Whether every pair of nets that the measurement decides was decided as the law says, both ways at some v."""
    words = [(row[-2], row[-1]) for row in e.rows(BY_VARIANCE) if row[-1] != "undecided"]
    return {"helps", "hurts"} <= {said for _, said in words} and all(law == said for law, said in words)


def bears_out_help(e: Evidence) -> bool:
    """Whether the measured pairs of nets bear out who is helped, and that the size of the weights is taken off."""
    return decided_as_predicted(e) and scale_is_taken(e)


def plain_is_near_only_at_he(e: Evidence) -> bool:
    """Without normalisation: within a factor of ten at He's variance, farther off at the ends of the ladder."""
    rows = e.rows(BY_VARIANCE)
    at_he = [abs(float(row[5])) for row in rows if row[3] == HE]
    ends = {min(float(row[3]) for row in rows), max(float(row[3]) for row in rows)}
    far = [abs(float(row[5])) for row in rows if row[3] in ends]
    return bool(at_he) and max(at_he) < NEAR < min(far)


def scale_is_taken(e: Evidence) -> bool:
    """Whether with normalisation the measured ratio is the same for every variance."""
    settings: dict[tuple[object, ...], list[float]] = {}
    for row in e.rows(BY_VARIANCE):
        settings.setdefault(tuple(row[:3]), []).append(float(row[7]))
    return all(max(logs) - min(logs) < SAME for logs in settings.values())


def grows_all_the_same(e: Evidence) -> bool:
    """Whether with normalisation, g = 1, gradients explode at every variance and setting: farther than a factor ten."""
    return all(float(row[7]) > NEAR for row in e.rows(BY_VARIANCE))


def _products(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            plain_is_near_only_at_he(e) and e.proved(BENEFIT_PROOF, "a plain layer"),
            "conditional",
            "in ReLU nets at initialisation the squared gradient has the factor v/2 a layer (v: fan-in times "
            "variance): it vanishes for v < 2, explodes for v > 2, and does neither in the mean at v = 2",
        ),
    )


def _matrices(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            all(_verdict(e, LAWS, name) for name in ("Linear → BatchNorm: what", "Linear → BatchNorm → ReLU: what")),
            "false",
            "with batch statistics the true product is smaller: (B−2)/(B−3) a layer in linear nets where (1.11) gives "
            "(B−1)/(B−3); the two meet as B grows",
        ),
    )


def _gain(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            scale_is_taken(e),
            "conditional",
            "at initialisation, with $1/s$ in the place of g: where larger weights would make gradients grow, $1/s$ is "
            "smaller in proportion, and the ratio does not depend on the size of the weights, to rounding",
        ),
        Judged(
            scale_is_taken(e) and grows_all_the_same(e) and e.proved(BENEFIT_PROOF, "an inner layer always grows"),
            "false",
            "of g at initialisation: it is 1 in every layer while gradients grow by G > 1 a layer, which no size of "
            "weights undoes; what training does to g is not decided here",
        ),
    )


def _mitigates(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            decided_as_predicted(e)
            and e.proved(BENEFIT_PROOF, "lower bound")
            and e.proved(BENEFIT_PROOF, "upper bound"),
            "conditional",
            "at initialisation, ReLU, batch statistics, deep nets: it helps for v < 2/G and v > 2 G, and makes "
            "gradients explode for v between, He's rule among them; in large batches from $2(\\pi-1)/\\pi$ to "
            "$2\\pi/(\\pi-1)$",
        ),
    )


def _batches(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            _verdict(e, LAWS, "Linear → BatchNorm → ReLU: the law") and _grows(e),
            "conditional",
            "decided of gradients at initialisation only, and there it holds: the factor of a layer grows as the "
            "batch shrinks, its mean is infinite for B ≤ 3, and at B = 2 no gradient passes at all; of training and "
            "accuracy nothing is decided here",
        ),
    )


def _grows(e: Evidence) -> bool:
    """Whether the measured factor of the widest nets falls with the batch, from 4 on, and is 0 at 2."""
    rows = e.rows("Small batches")
    widest = max(int(row[1]) for row in rows)
    by_batch = {int(row[0]): float(row[3]) for row in rows if row[1] == widest}
    from_four = [by_batch[batch] for batch in sorted(by_batch) if batch > 3]
    return by_batch.get(2, 1.0) < NOTHING and from_four == sorted(from_four, reverse=True)


def _at(sizes: tuple[float, ...]) -> str:
    return ", ".join(f"{size:g}" for size in sizes)


def pre_norm_is_a_power(e: Evidence) -> bool:
    """Whether the laws of pre-norm agree along depth."""
    return _verdict(e, RESIDUAL, "Pre-norm")


def post_norm_is_exponential(e: Evidence) -> bool:
    """Whether the factor of a block of post-norm agrees at both depths."""
    return _verdict(e, RESIDUAL, "Post-norm")


def _skips(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            pre_norm_is_a_power(e) and post_norm_is_exponential(e),
            "conditional",
            "at initialisation: with batch normalisation in the branch (pre-norm) the growth $G^L$ becomes a power of "
            f"the depth, $L^G$ for BatchNorm → ReLU → Linear, met at {_at(DEPTHS)} blocks; with it on the stream "
            f"(post-norm, large batch) every block has the same factor above 1, met at {_at(POST_DEPTHS)} blocks",
        ),
    )


CLAIMS = (
    Claim("003-066", "Small batches are bad for batch normalisation", _batches, f"{LAWS}; {SMALL}"),
    Claim("003-075", "Products of more and more weight matrices make gradients vanish or explode", _products, BENEFIT),
    Claim("003-080", "(1.11): ∂H_l/∂H_k = Π (g_i/σ_i) W_i, with batch statistics", _matrices, LAWS),
    Claim("003-081", "When gradients grow, g_l becomes smaller, and the other way round", _gain, BENEFIT),
    Claim("003-082", "Normalisation thereby mitigates both vanishing and exploding gradients", _mitigates, BENEFIT),
    Claim(
        "003-084",
        "A residual connection adds 1 to the derivative and so makes both problems rarer (batch statistics)",
        _skips,
        RESIDUAL,
    ),
)
