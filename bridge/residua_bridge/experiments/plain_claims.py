"""What the study of plain networks says of document 003."""

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged
from residua_symbolic.moments.plain import phase

EXACT, CHAIN, PLANE = (
    "He ReLU networks: the exact law",
    "Growth layer by layer: tanh and others",
    "The plane of variances",
)
MOMENTS = "Mean, second moment and death of the squared-gradient ratio"
TAILS = "A mean of 1 and its tails"
WIDTH = 16  # of the networks whose means hide their tails
LOW, HIGH = 0.8, 1.5  # of tanh's weight variance
DEPTH = 50


def _saturation(evidence: Evidence) -> tuple[Judged, ...]:
    low, high = (phase.gradient_ratio("tanh", variance, 0.0, DEPTH) for variance in (LOW, HIGH))
    later = high / phase.gradient_ratio("tanh", HIGH, 0.0, DEPTH // 2)
    words = (
        f"at initialisation, infinite width, no biases, {DEPTH} tanh layers multiply the mean squared gradient by "
        f"{low:.2g} with weight variance {LOW:g}/n and by {high:.2g} with {HIGH:g}/n, the last {DEPTH // 2} of them by "
        f"{later:.3g}: the variance decides, and where activations saturate more the gradient can grow; by the law "
        "that is met at small depth here; insensitivity after training is not tested"
    )
    return (Judged(evidence.agree(CHAIN) and low < 1 < later, "conditional", words),)


def _products(evidence: Evidence) -> tuple[Judged, ...]:
    tails = evidence.rows("Means that hide")
    depth, mean, geometric = tails[-1][0], tails[-1][1], tails[-1][5]
    low, high = (phase.gradient_ratio("relu", variance, 0.0, int(depth)) for variance in (1.0, 4.0))
    words = (
        f"with ReLU, no biases and weight variance v/n the mean squared gradient is multiplied by $(v/2)^L$: after "
        f"{depth} layers by {low:.2g} with v = 1 and by {high:.2g} with v = 4; with He's v = 2 it stays {mean:g} at "
        f"every depth. But there the typical one falls at finite width: its geometric mean is {geometric:.2g} after "
        f"{depth} layers of width {WIDTH}; L/n counts, not L alone"
    )
    held = evidence.agree(EXACT) and evidence.proved(MOMENTS, "arithmetic mean") and low < float(mean) < high
    return (Judged(held and float(geometric) < float(mean), "conditional", words),)


CLAIMS = (
    Claim(
        "003-075",
        "Products of more and more weight matrices make gradients vanish or explode",
        _products,
        f"{EXACT}; {TAILS}",
    ),
    Claim("003-086", "Activations cause early saturation and vanishing gradients", _saturation, f"{CHAIN}; {PLANE}"),
)
