"""What a skip connection does to products of Jacobians: gradients, spectra and paths at initialisation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from math import pi, sqrt

from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.error_ladder import Family
from residua_bridge.experiments.gain_ladder import THE_SKIP, GainLadder, Skip
from residua_bridge.experiments.gradient_growth import GradientGrowth
from residua_bridge.experiments.path_shares import PathFamily, PathShares
from residua_bridge.experiments.path_sum import PathSum
from residua_bridge.experiments.product_spectra import ProductSpectra
from residua_bridge.findings import Cell, Section
from residua_bridge.study import By, Study
from residua_network import Activation, Layer, LayerNorm, Linear, Network, Residual
from residua_symbolic import NetworkJacobian, jacobian

WIDTH = 32
DEPTHS = (2, 4, 8, 16, 32, 64)
BLOCKS = 32  # of the products that are derived, and whose paths are counted
KEPT = 1 - 1 / pi  # variance of relu(z) for a Gaussian z of mean square 2: what layer normalisation keeps of it

Branch = Callable[[int], tuple[Layer, ...]]  # the layers of a branch at a width


def linear(width: int) -> Linear:
    """Without a bias: He's rule sets biases to zero."""
    return Linear(width, width, bias=False)


def norm(width: int) -> LayerNorm:
    """With ε = 0; γ = 1 and β = 0 at initialisation."""
    return LayerNorm(width, eps=0.0)


def relu_linear(width: int) -> tuple[Layer, ...]:
    """ReLU → Linear."""
    return Activation("relu"), linear(width)


def linear_relu(width: int) -> tuple[Layer, ...]:
    """Linear → ReLU."""
    return linear(width), Activation("relu")


def normed(branch: Branch, width: int) -> tuple[Layer, ...]:
    """LN → branch."""
    return norm(width), *branch(width)


def plain(branch: Branch, blocks: int, width: int = WIDTH) -> Network:
    """The branches one after another, without a skip."""
    return Network(branch(width) * blocks)


def residual(branch: Branch, blocks: int, width: int = WIDTH) -> Network:
    """x + branch(x), `blocks` times; pre-norm where the branch begins with a normaliser."""
    return Network((Residual(branch(width)),) * blocks)


def scaled(branch: Branch, blocks: int, width: int = WIDTH) -> Network:
    """x + branch(x) / √blocks."""
    return Network((Residual(branch(width), scale=1 / sqrt(blocks)),) * blocks)


def post_norm(branch: Branch, blocks: int, width: int = WIDTH) -> Network:
    """LN(x + branch(x))."""
    return Network((Residual(branch(width)), norm(width)) * blocks)


def powers(factor: float, first: int = 0) -> Callable[[int], float]:
    """The root of so much squared gradient a block, from block `first` on."""
    return lambda blocks: sqrt(factor) ** (blocks - first)


def alike(l: int) -> float:
    """Skip and branch of block l carry the same squared gradient."""
    return 1.0


def normalised_odds(kept: float, l: int) -> float:
    """Of the branch against the skip at block l: the stream has variance 1 + kept · l there."""
    return 1 / (1 + kept * l)


def pre_norm_ratio(kept: float, blocks: int) -> float:
    """The root of Π (1 + odds_l)."""
    squared = 1.0
    for l in range(blocks):
        squared *= 1 + normalised_odds(kept, l)
    return sqrt(squared)


def scaled_ratio(blocks: int) -> float:
    """The root of (1 + 1/L)^L."""
    return sqrt((1 + 1 / blocks) ** blocks)


def families(branch: Branch, words: str, kept: float, plain_factor: float) -> tuple[Family, ...]:
    """All makes with one order of the branch; the laws are those for infinite width at a fixed depth."""
    with_norm = partial(normed, branch)
    return (
        Family(f"plain {words}", partial(plain, branch), powers(1.0)),
        Family(f"plain LN → {words}", partial(plain, with_norm), powers(plain_factor, 1)),
        Family(f"residual {words}", partial(residual, branch), powers(2.0)),
        Family(f"residual/√L {words}", partial(scaled, branch), scaled_ratio),
        Family(f"pre-norm LN → {words}", partial(residual, with_norm), partial(pre_norm_ratio, kept)),
        Family(f"post-norm ({words}) + skip → LN", partial(post_norm, branch), powers(2 / (1 + kept))),
    )


LINEAR_LAST = families(relu_linear, "ReLU → Linear", 1.0, 1.0)
RELU_LAST = families(linear_relu, "Linear → ReLU", KEPT, 1 / KEPT)

PATHS = (
    PathFamily("residual ReLU → Linear", partial(residual, relu_linear), alike),
    PathFamily("residual Linear → ReLU", partial(residual, linear_relu), None),
    PathFamily(
        "pre-norm LN → ReLU → Linear", partial(residual, partial(normed, relu_linear)), partial(normalised_odds, 1.0)
    ),
    PathFamily(
        "pre-norm LN → Linear → ReLU", partial(residual, partial(normed, linear_relu)), partial(normalised_odds, KEPT)
    ),
)

PRE_NORM = partial(normed, relu_linear)
ALONE = "a skip alone"
ORDERS = (LINEAR_LAST, RELU_LAST)
SKIPS = (
    *(Skip(ALONE, every[0], every[2]) for every in ORDERS),
    *(Skip("a skip around a normalised branch (pre-norm)", every[1], every[4]) for every in ORDERS),
    *(
        Skip("a skip and the factor 1/√L together, against neither", every[0], every[3], "the skip and the factor 1/√L")
        for every in ORDERS
    ),
    *(
        Skip("a skip and a normaliser together, against neither", every[0], every[4], "the skip and the normaliser")
        for every in ORDERS
    ),
)

Row = dict[str, Cell]


def called(title: str, make: Callable[[], Network]) -> Callable[[], NetworkJacobian]:
    """Its Jacobian, under a title that says what it is."""
    return lambda: replace(jacobian(make()), title=title)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables: nothing here is a number that was typed in."""
    verdicts = [v for section in sections for v in section.verdicts]
    exact = [v for v in verdicts if not v.statement.startswith(("Argued", "Paths counted"))]
    agreed = sum(v.verdict == "agree" for v in exact)
    first = (
        f"The derived products are what torch computes: {agreed} of {len(exact)} verdicts on gradient norms, singular "
        "values and path gradients say agree, within rounding; on singular values that says nothing about those below the bar."
    )
    return (first, *_claim(sections), *_growth(sections), _spectra(sections), *_paths(sections))


def _rows(sections: Sequence[Section], title: str) -> list[Row]:
    """The rows of all tables of this title, by column; the columns of such a table have different names."""
    tables = [table for section in sections for table in section.tables if table.title == title]
    return [dict(zip(table.columns, row, strict=True)) for table in tables for row in table.rows]


def _claim(sections: Sequence[Section]) -> tuple[str, ...]:
    """003-084, 000-008 and 000-016, from the sentences and the table of the gain ladder."""
    rows = _rows(sections, "What the skip does")
    answers = [text for s in sections for text in s.prose if "laim 003-084" in text]
    fair = [row for row in rows if row["differs in"] == THE_SKIP]
    alone = [row for row in fair if row["kind of skip"] == ALONE]
    gone = [sum(row[f"{limit} with skip"] == "none" for row in alone) for limit in ("vanishes", "explodes")]
    others = [
        f"with {differs} at once it is rarer in {_rarer(row for row in rows if row['differs in'] == differs)}"
        for differs in dict.fromkeys(str(row["differs in"]) for row in rows if row["differs in"] != THE_SKIP)
    ]
    return (
        *answers,
        f"Document 000: adding a skip to a plain stack, with the branch unchanged, made vanishing rarer in {_rarer(fair)} comparisons, "
        f"and in {sum(row['vanishing is'] == 'absent' for row in fair)} there was none to begin with (000-016). "
        f"{'; '.join(['Where more than the skip is added, both are tested together', *others])}. Of the two "
        f"problems that residual connections are said to solve (000-008), a skip alone left no gain at which gradients vanish in {gone[0]} of "
        f"{len(alone)} comparisons, and none at which they explode in {gone[1]} of {len(alone)}.",
    )


def _rarer(rows: Iterable[Row]) -> str:
    """In how many of them vanishing is."""
    words = [row["vanishing is"] for row in rows]
    return f"{words.count('rarer')} of {len(words)}"


def _growth(sections: Sequence[Section]) -> tuple[str, ...]:
    """Which families pass a limit, and how each grows."""
    rows = _rows(sections, "How the ratio grows")
    deepest = max(int(row["blocks"]) for row in _rows(sections, "Gradient ratio by depth"))
    limits = [
        f"{row['network']} {word} from {row[column]} blocks"
        for row in rows
        for word, column in (("vanishes", "vanishes from"), ("explodes", "explodes from"))
        if row[column] != "–"
    ]
    steady = [str(row["network"]) for row in rows if row["vanishes from"] == row["explodes from"] == "–"]
    decided = [row for row in rows if not str(row["described by"]).startswith("not decided")]
    curves = "; ".join(
        f"{word}: {', '.join(_beside(r) for r in decided if r['described by'] == word)}" for word in _words(decided)
    )
    others = [f"{r['network']} (left: {str(r['described by']).split(': ')[1]})" for r in rows if r not in decided]
    return (
        f"Under He's rule, up to {deepest} blocks: {'; '.join(limits) or 'no family passes a limit'}. Within both limits: "
        f"{', '.join(steady) or 'none'}.",
        f"Of three curves, an exponential in depth, a power of it and a constant, these seeds and depths leave one or none for: {curves or 'for no family'}. "
        f"Not decided by these seeds: {', '.join(others) or 'none'}.",
    )


def _beside(row: Row) -> str:
    """A network, with what is argued for infinite width where width 32 shows something else."""
    argued = row["argued for infinite width"]
    alike = argued in ("–", row["described by"])
    return (
        str(row["network"])
        if alike
        else f"{row['network']} (unlike the law argued for infinite width, nearest to: {argued})"
    )


def _words(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(str(row["described by"]) for row in rows))


def _spectra(sections: Sequence[Section]) -> str:
    """How much of the spectrum is left at the largest depth."""
    rows = _rows(sections, "Singular values of the product")
    deepest = max(int(row["blocks"]) for row in rows)
    condition = "log10 of the condition number"
    at = [row for row in rows if row["blocks"] == deepest]
    whole = [f"{row['network']} ({row[condition]:.2g})" for row in at if not isinstance(row[condition], str)]
    part = [f"{row['network']} {row['told from zero']}" for row in at if isinstance(row[condition], str)]
    return (
        f"Through {deepest} blocks float64 tells every singular value from zero, at a log10 of the condition number in brackets, "
        f"for: {', '.join(whole) or 'none'}. For the others only some: {', '.join(part) or 'none'}."
    )


def _paths(sections: Sequence[Section]) -> tuple[str, ...]:
    rows = _rows(sections, "Path lengths against width")
    limits = [row for row in rows if row["width"] == "∞"]
    words = "; ".join(
        f"{row['network']} {float(row['mean length']):.3g} ± {float(row['s.e.']):.1g} "
        f"(counted {float(row['counted']):.3g}, argued {_number(row['argued'])})"
        for row in limits
    )
    known = {row["network"] for row in limits}
    without = "".join(
        f" For {label} these widths are too small for an extrapolation: {_along(row for row in rows if row['network'] == label)}, nothing said of the limit."
        for label in dict.fromkeys(row["network"] for row in rows if row["network"] not in known)
    )
    judged = {v.statement: v.verdict for section in sections for v in section.verdicts}
    argued = [verdict for statement, verdict in judged.items() if statement.startswith("Argued")]
    alike = [s.split(": ")[1] for s, v in judged.items() if s.startswith("Paths counted") and v == "agree"]
    return (
        f"Mean path length of the gradient through {BLOCKS} blocks, extrapolated in width: {words or 'no family'}.{without}",
        f"The argued law of the path lengths agrees, in its limit of width, in {argued.count('agree')} of {len(argued)} families for which that limit is "
        f"within reach; counting every path alike is right for: {', '.join(alike) or 'none'}.",
    )


def _along(rows: Iterable[Row]) -> str:
    """What is measured at each width."""
    return ", ".join(f"{float(r['mean length']):.3g} ± {float(r['s.e.']):.1g} at width {r['width']}" for r in rows)


def _number(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"{float(cell):.3g}"


_NORMS = (
    "A cotangent is drawn at random and pulled back through the blocks; on both sides its norm is taken at the input of "
    "every layer. The prediction is the derived product at the weights of the torch model, so the verdicts are about "
    "rounding; how the norm depends on depth is a property of the family. "
)

STUDY = Study(
    name="residual-products",
    title="What a skip connection does to products of Jacobians",
    question=(
        "Plain, residual, scaled ($1/\\sqrt{L}$), pre-norm and post-norm networks of 2 to 64 blocks, with the ReLU "
        "before and after the linear layer of the branch: where do gradients go at initialisation, what does the product's "
        "spectrum look like, and which of the $2^L$ paths carry the gradient?"
    ),
    claim=(
        "003, section 1.5: a residual connection adds 1 to the derivative and so makes vanishing and exploding gradients "
        "rarer. 000: residual connections alleviate vanishing gradients. Ours: the product of blocks "
        "$\\prod_l (I + \\alpha F_l)$, derived, is what torch computes, and its paths by length carry what "
        "$\\prod_l (I + t \\, \\alpha F_l)$ says."
    ),
    refuted_by=(
        "A measured gradient norm, singular value or path gradient that differs from the derived one by more than rounding "
        "refutes us; shares of path lengths that differ, extrapolated in width, from the argued ones by more than sampling "
        "refute the argument. A gain at which gradients explode with a skip and do not without, the branch being the same, refutes the claim of 003."
    ),
    experiments=(
        Derivations(
            "One block and the product of many",
            (
                "A pre-norm block is $y = x + F(\\mathrm{LN}(x))$, a post-norm block $y = \\mathrm{LN}(x + F(x))$. The 1 that "
                "document 003 speaks of is the I of the block's Jacobian: pre-norm keeps it as a summand of every factor, "
                "post-norm multiplies it, with all the rest, by the Jacobian of the normaliser. Equal blocks fold into "
                f"one product, here of {BLOCKS}, output-most factor first. In a subscript l, p the l counts layers and the p those inside the branch of layer l; $\\hat{{x}}$ is a normalised input, s its root of variance and step the derivative of ReLU.",
                "Mark every branch with a letter t: $\\prod_l (I + t \\, \\alpha F_l) = \\sum_k t^k P_k$. Multiplied out, "
                "every one of the $2^L$ summands takes the skip or the branch of each block, so $P_k$ is the sum of the "
                "$\\binom{L}{k}$ paths through exactly k branches, and $t = 1$ gives the Jacobian back. This generating "
                "function is how the paths are grouped without being listed.",
                "Setting of all sections: width 32 where nothing else is said, He's initialisation, no biases, layer normalisation (LN) with "
                "$\\varepsilon = 0$, $\\gamma = 1$ and $\\beta = 0$, Gaussian inputs of mean square 1, Gaussian cotangents independent of the network, float64.",
            ),
            (
                called("One pre-norm block, x + (LN → ReLU → Linear)", partial(residual, PRE_NORM, 1)),
                called("One post-norm block, LN(x + (ReLU → Linear))", partial(post_norm, relu_linear, 1)),
                called(f"{BLOCKS} pre-norm blocks", partial(residual, PRE_NORM, BLOCKS)),
                called(f"{BLOCKS} post-norm blocks", partial(post_norm, relu_linear, BLOCKS)),
            ),
        ),
        GradientGrowth(
            "gradient-linear-last",
            "Gradient norms, branches ReLU → Linear",
            (
                _NORMS + "Here every branch ends in its linear layer, so what it adds has mean zero.",
                "What infinite width would give (argued, not proved): a plain stack keeps the mean square; each unnormalised "
                "block doubles it, $(1 + s^2)^L$ in general for a branch of gain $s^2$, which for $s^2 = 1/L$ stays below e; "
                "in a pre-norm net the stream has variance $1 + l$ at block l and the squared ratio is $\\prod_l (1 + \\frac{1}{1+l}) = 1 + L$; "
                "post-norm halves what the block has doubled.",
            ),
            LINEAR_LAST,
            DEPTHS,
            seeds=By(6, 30),
            judged=By(1, 4),
        ),
        GradientGrowth(
            "gradient-relu-last",
            "Gradient norms, branches Linear → ReLU",
            (
                _NORMS
                + "Here every branch ends in its ReLU: what it adds has a positive mean, which the stream carries along.",
                "Infinite width (argued): layer normalisation removes that mean, and of the mean square 1 of the ReLU a "
                "variance of $1 - \\frac{1}{\\pi}$ is left. So a plain normalised stack multiplies the squared gradient by "
                "$\\frac{\\pi}{\\pi - 1} = 1.467$ a block, post-norm by $\\frac{2}{2 - 1/\\pi} = 1.189$, and pre-norm by "
                "$1 + \\frac{1}{1 + (1 - 1/\\pi) l}$, a higher power of depth than with the linear layer last. Without "
                "normalisation the direction that inputs and mean share grows by about 2.90 a block instead of 2; it is one direction in n, "
                "and so takes over at a depth of about $\\log n / \\log 1.45$, 9 blocks for $n = 32$: the wide limit at fixed depth says nothing beyond. The factor $1/\\sqrt{L}$, made for branches of mean zero, leaves $\\sqrt{L}$ of the summed means.",
            ),
            RELU_LAST,
            DEPTHS,
            seeds=By(6, 30),
            judged=By(1, 4),
        ),
        GainLadder(
            "gain",
            "What the skip does to vanishing and to exploding",
            (
                "He's rule is one variance; a trained network has others. The variance is multiplied by gains from 0.25 to 4, "
                "and every network with a skip is set beside the plain one with the same branch, layer for layer; a pre-norm block therefore beside LN → branch without the skip. Adding 1 to a derivative can "
                "make a small product larger. It cannot make a large one smaller: with mean-zero branches the squared norm is "
                "multiplied by $1 + g$ a block, instead of g. What shrinks large products is the scale of the branch or its normaliser.",
                "Behind a normaliser the variance of the weights hardly matters: layer l divides by what layer $l - 1$ multiplied, and one factor is left over at the output end. So a "
                "plain normalised stack has the two problems, if at all, by its depth. The last two kinds in the table add something to the skip and are set beside a stack with neither; what they show is owed to both.",
                "The word for the claim is computed in the ledger, from this table and from the law in the study of residual growth: at every gain G of the branch, and not at five of them, a skip alone multiplies the expected "
                "squared gradient by 1 + G a block.",
            ),
            SKIPS,
            gains=(0.25, 0.5, 1.0, 2.0, 4.0),
            depths=(16, 32),
            seeds=By(3, 20),
        ),
        ProductSpectra(
            "spectrum-linear-last",
            "Singular spectrum of the product, branches ReLU → Linear",
            (
                "A gradient norm is one direction; the spectrum is all of them. Every layer normalisation at the output end annihilates two directions exactly, and a plain "
                "stack loses about half of what is left in every ReLU. The verdict is on each matrix as a whole: singular values far below the largest "
                "cannot be told from zero in float64, on either side, and agree says nothing about them. The table says how many are told apart.",
            ),
            LINEAR_LAST,
            depths=(2, 8, 32, 64),
            shown=32,
            seeds=By(1, 3),
        ),
        ProductSpectra(
            "spectrum-relu-last",
            "Singular spectrum of the product, branches Linear → ReLU",
            (
                "The same with the ReLU last. Where a stream carries the mean of its ReLUs along, the direction of that mean is amplified more than others: see largest / second.",
            ),
            RELU_LAST,
            depths=(2, 8, 32, 64),
            shown=32,
            seeds=By(1, 3),
        ),
        PathShares(
            "paths",
            "Which paths carry the gradient",
            (
                "The gradient is a sum over path lengths, $g = \\sum_k g_k$ with $g_k = P_k^T u$ for the cotangent u. The share of length k "
                "is $|g_k|^2 / \\sum_j |g_j|^2$. Counting paths (Veit et al., arXiv:1605.06431) gives $\\binom{L}{k} / 2^L$, as if every path carried the same.",
                "An argument for the shares, not a proof. For an isotropic cotangent the mean of $|g_k|^2$ is, up to a factor, the squared Frobenius "
                "norm of $P_k$, so follow tangents v forwards: $v_{l+1}^{(k)} = v_l^{(k)} + F_l v_l^{(k-1)}$. A branch that "
                "ends in its linear layer has a matrix that nothing before depends on, with mean zero, so the two summands are "
                "orthogonal on average and squared norms follow $\\prod_l (1 + c_l t)$, where $c_l$ is the squared gain of branch l: independent steps, "
                "the branch with odds $c_l$ against the skip. A ReLU passes half, He's rule doubles it: $c_l = 1$ without normalisation, which is the count. "
                "Layer normalisation divides by the variance $1 + l$ of the stream: $c_l = \\frac{1}{1 + l}$, the branch is taken with probability $\\frac{1}{l + 2}$, and the mean length "
                "is $\\sum_l \\frac{1}{l + 2}$ for $l = 0, \\ldots, L - 1$, of the order of $\\log L$.",
                "With the ReLU last, layer normalisation again helps the argument: behind it a tangent is orthogonal to $\\hat{x}$, so that "
                "$W v$ is independent of which units are open; the mean of the branch is removed by the next normaliser and a variance of $1 - \\frac{1}{\\pi}$ "
                "is left: $c_l = \\frac{1}{1 + (1 - 1/\\pi) l}$. Without normalisation both fail for the one direction that inputs and mean share: it dominates, and the parts of different length point the same way "
                "(whole / parts in the table), unless n is far above $1.45^L$, some $1.5 \\cdot 10^5$ for 32 blocks. The limit of infinite width at this depth is then still the count, odds 1, but the widths below are nowhere near it, and a line in $\\frac{1}{n}$ "
                "through them would not lead to it: for this family the tables give what is measured at each width, no extrapolation and no verdict on a limit. Equalities such as “passes half” hold for infinite width only; so the measured shares are extrapolated in $\\frac{1}{n}$ "
                "before they are set against the argument. Only lengths that carry something are judged one by one, the two tails as one entry each: a line in $\\frac{1}{n}$ through shares of $10^{-12}$ means nothing.",
            ),
            PATHS,
            BLOCKS,
            widths=(32, 64, 128),
            seeds=By(12, 60),
            judged=By(2, 4),
        ),
        PathSum(
            "Every path by itself",
            (
                "For few blocks the paths can be listed: each is a product of the branches that it takes. Their sum must be the Jacobian, and their sums by length the coefficients "
                "of t; torch, which knows nothing of paths, supplies the Jacobian.",
            ),
            PATHS,
            blocks=10,
            width=WIDTH,
        ),
    ),
    conclusion=conclusion,
)
