"""What the study of plain networks says of document 003."""

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged
from residua_symbolic.moments import phase

EXACT, CHAIN, PLANE = (
    "He ReLU networks: the exact law",
    "Growth layer by layer: tanh and others",
    "The plane of variances",
)
LOW, HIGH = 0.8, 1.5  # of tanh's weight variance
DEPTH = 50


def _saturation(evidence: Evidence) -> tuple[Judged, ...]:
    low, high = (phase.gradient_ratio("tanh", variance, 0.0, DEPTH) for variance in (LOW, HIGH))
    later = high / phase.gradient_ratio("tanh", HIGH, 0.0, DEPTH // 2)
    words = (
        f"at initialisation, infinite width, no biases, {DEPTH} tanh layers multiply the mean squared gradient by "
        f"{low:.2g} with weight variance {LOW:g}/n and by {high:.2g} with {HIGH:g}/n, the last {DEPTH // 2} of them by "
        f"{later:.3g}: the variance decides, and where activations saturate more the gradient can grow; insensitivity "
        "after training is not tested here"
    )
    return (Judged(evidence.agree(CHAIN) and low < 1 < later, "conditional", words),)


def _products(evidence: Evidence) -> tuple[Judged, ...]:
    tails = evidence.rows("Means that hide")
    depth, mean, geometric = tails[-1][0], tails[-1][1], tails[-1][5]
    words = (
        f"with He weights and ReLU the mean squared gradient stays {mean:g} at every depth, and the typical one falls: "
        f"its geometric mean is {geometric:.2g} after {depth} layers; L/n counts, not L alone"
    )
    return (Judged(evidence.agree(EXACT) and float(geometric) < float(mean), "conditional", words),)


CLAIMS = (
    Claim("003-075", "Products of more and more weight matrices make gradients vanish or explode", _products, EXACT),
    Claim("003-086", "Activations cause early saturation and vanishing gradients", _saturation, f"{CHAIN}; {PLANE}"),
)
