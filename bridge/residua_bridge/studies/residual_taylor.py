"""Document 000: residual connections and the Taylor series, taken at its word, mended, and held against trained nets."""

from collections.abc import Sequence

from residua_bridge.claims import claims_section
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.residual_taylor.blocks import EarlyAndLate
from residua_bridge.experiments.residual_taylor.carried import CarriedState, Case
from residua_bridge.experiments.residual_taylor.depth import ErrorsOverDepth
from residua_bridge.experiments.residual_taylor.folds import Fold, Folds
from residua_bridge.experiments.residual_taylor.literal import LiteralConstruction
from residua_bridge.experiments.residual_taylor.scalar import ScalarStream
from residua_bridge.experiments.residual_taylor.targets import Target, up
from residua_bridge.experiments.residual_taylor.training import TrainedStreams
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_symbolic.series.constructions import construction, folds

NAME = "residual-taylor"
CLAIMS_TITLE = "The claims of document 000"
CLAIMS = (*(f"000-{n:03}" for n in (1, 4, 5, 6, 7, 9, 10, 11, 12, 13)),)
SIN = Target("sin", "sin(x)", "pi", "[−π, π]")
EXP = Target("exp", "exp(x)", "pi", "[−π, π]")
TANH = Target("tanh", "tanh(x)", "6/5", "[−6/5, 6/5]")
TANH_BEYOND = Target("tanh", "tanh(x)", "pi", "[−π, π]")
ON_GRID = 1e-3  # relative: the largest error on a grid may lie so far below that on the interval
SIN_FOLD, EXP_FOLD, TANH_FOLD = Fold(SIN, 3, 5), Fold(EXP, 2, 3), Fold(TANH, 3, 5)


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The claims that this study decides, alone or with others."""
    prose = (
        "Each word is a function of the sections above, by the rules of the ledger of all claims, where those stand that rest "
        "on other reports as well. What depth and width do (000-002, 003, 014, 015, 017, 018) is decided by the study depth-order.",
    )
    return (claims_section(CLAIMS_TITLE, prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables and verdicts."""
    tables = {table.title: table.rows for section in sections for table in section.tables}
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)
    growth = {(row[0], row[1]): row for row in tables["Growth with depth"]}
    carried = {(row[0], row[1]): row for row in tables["Error of the carried state"]}
    last = max(int(n) for f, n in carried if f == SIN.label)
    floors = {str(row[0]): row for row in tables["Certified floors"]}
    sine, exp, tanh = (floors[fold.label] for fold in (SIN_FOLD, EXP_FOLD, TANH_FOLD))
    best = tables["What the best block attains"]
    attained = all(float(row[1]) * (1 - ON_GRID) <= float(row[2]) <= float(row[3]) for row in best)
    is_taylor = [v for v in verdicts if v.statement.startswith(f"Carried state, {SIN.name}: the network is $T")]
    equals = "equals" if all(v.verdict == "agree" and v.explained for v in is_taylor) else "does not equal"
    trained = [row for row in tables["Trained scalar streams"] if str(row[0]).startswith("sin, behind")]
    free = [row for row in tables["Trained scalar streams"] if "free" in str(row[0])]
    passes = any(float(row[2]) < float(row[3]) for row in trained)
    wide_enough = max(float(row[2]) for row in free) < float(sine[2])
    errors = [row for row in tables["Errors on a scalar stream"] if row[0] == "sin"]
    words: dict[str, list[str]] = {}
    for row in next(s for s in sections if s.title == CLAIMS_TITLE).tables[0].rows:
        words.setdefault(str(row[2]), []).append(str(row[0]))
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected. As it stands the construction of document 000 gives another function: its linear coefficient is "
        f"$1 + f'(0)$ at every depth, f(0) never enters, and for sin on [−π, π] it is off by {growth[SIN.label, 1][3]:.3g} after one block and by "
        f"{growth[SIN.label, 7][3]:.1g} after the seventh.",
        f"What is missing is memory, not depth. A stream that carries x and its power beside the sum adds exactly the l-th term in block l; its torch model "
        f"{equals} $T_{{{last}}}$ to rounding and sin to {carried[SIN.label, last][2]:.1e}; the certified bound of the truncation is {up(float(carried[SIN.label, last][3]), 2):.1e}.",
        f"A stream that is the partial sum alone cannot go on once the sum folds. Behind $T_3$ of sin no block whatever comes closer to sin than {sine[2]:.4g} "
        f"on [−π, π], nor closer to $T_5$ than {sine[6]:.4g}; behind $T_2$ of exp than {exp[2]:.4g}; behind $T_3$ of tanh on [−6/5, 6/5] than {tanh[2]:.4g}. These are "
        f"certified, and {'attained by the best block' if attained else 'not seen to be attained'}.",
        f"Orders can be matched on such a stream as long as $f'(0) \\neq 0$, near 0: {_tersely(errors[0][3])} off $T_7$ inside the branch; on the whole interval the error is {_tersely(errors[0][5])}, and "
        f"series reversion to order 23 ends at {_tersely(errors[-1][5])}.",
        f"Training {'passes' if passes else 'does not pass'} the floor: {len(trained)} nets behind $T_3$ end with sup errors of {min(row[2] for row in trained):.3g} to {max(row[2] for row in trained):.3g}, "
        f"and mean squares of {min(row[4] for row in trained):.3g} to {max(row[4] for row in trained):.3g} above a floor of {trained[0][5]:.4g}. The same blocks fed x itself end at {max(row[2] for row in free):.2g} or less"
        + (
            ": one number a layer is not too narrow, the partial sum is the wrong number."
            if wide_enough
            else ", no better than the floor."
        ),
        "Claims: " + "; ".join(f"{word}: {', '.join(dict.fromkeys(names))}" for word, names in words.items()) + ".",
    )


def _tersely(cell: object) -> str:
    return f"{cell:.2g}" if isinstance(cell, float) else str(cell)


STUDY = Study(
    name=NAME,
    title="Residual connections as a Taylor series: the construction of document 000, at its word and mended",
    question=(
        "Document 000 builds a residual network whose l-th block is the l-th Taylor term of f, and concludes that the network approximates f. What does "
        "such a network compute, exactly? What does it take for the statement to become true, and what can no choice of blocks achieve?"
    ),
    claim=(
        "000, L82–102: $y_l = y_{l-1} + F_l(y_{l-1})$ with $y_0 = x$ sums up to $x + \\sum_l F_l(y_{l-1})$; with $F_l(x) = \\frac{f^{(l)}(0)}{l!} x^l$ the output "
        "approximates f. L13–18, L110–119: residual additions are the additions of a series, early layers approximate and later ones refine."
    ),
    refuted_by=(
        "A torch model of the construction that computes something else than the polynomial derived for it refutes the derivation; one that equals f refutes our "
        "reading. A stream of one number that has passed through $T_3$ and lies closer to sin than the certified floor, trained or not, refutes the obstruction."
    ),
    experiments=(
        Derivations(
            "What 000 says, derived",
            (
                "$c_l = f^{(l)}(0)/l!$ throughout. The document writes $F_l(x)$, and defines a layer by $F(y_{l-1})$. Both readings are followed. In the first, $y_0 = x$ contains "
                "the linear term already: a block $f'(0)\\,x$ on top makes it $1 + f'(0)$. That alone is wrong for every f, whatever the other blocks are; and f(0) has no block at all. "
                "In the second the sum is off by $x - f(0)$ at every depth, and the network is no residual network. It would be Taylor's sum if it began with "
                "f(0), which the document does not say: x then comes to every block from outside, and the stream need not remember it.",
                "The smallest repair is a first block $F_1(y) = f(0) + (f'(0) - 1)\\,y$, so that $y_1 = T_1$. If $f'(0) = 1$, as for sin, exp and tanh, orders up to 3 then come out "
                "right, or up to 6 for odd f, until the powers of the sum bring in products of coefficients; for other slopes block l brings in $f'(0)^l$, and order 2 is wrong already.",
            ),
            (
                construction.telescoped,
                construction.taylor_formula,
                construction.read_literally,
                construction.fed_the_input,
                construction.first_block_corrected,
            ),
        ),
        LiteralConstruction(
            "literal",
            "Read literally",
            (
                "The blocks as torch models: the power l of the stream by squares alone (Montgomery's ladder, products as differences of squares), then the factor $c_l$. They are set "
                "against the polynomial, composed exactly, and against f; the difference between polynomial and f is then the cause of the second verdict.",
                "The degree is multiplied by l in block l. Near 0 the factors $1/l!$ win, and the output settles (on another function than f); further out the powers do, and it grows without bound.",
            ),
            ((SIN, 7), (EXP, 4), (TANH, 7)),
            depth=9,
            exploding=(SIN, EXP),
        ),
        Derivations(
            "Mended with a carried state, derived",
            (
                "The stream is three numbers wide: $w = x/\\rho$, a power p of it, and the sum s. Block l multiplies p by w and adds the l-th term to s. Everything is made of the kinds Linear, "
                "square and Residual.",
            ),
            (construction.carried_state,),
        ),
        CarriedState(
            "Carried state",
            (
                "The same networks in torch, weights as the nearest float64 numbers. Against $T_n$ the bar is rounding: that of the weights, in ball arithmetic, and a running error bound of the "
                "arithmetic. Against f truncation is the cause, certified by Taylor enclosures. For tanh the series diverges beyond π/2: on [−π, π] more blocks make it worse.",
            ),
            (Case(SIN, 4), Case(EXP, 4), Case(TANH, 2), Case(TANH_BEYOND, 4)),
            By(15, 25),
        ),
        Derivations(
            "On a stream of one number, derived",
            (
                "Can the stream stay one number wide if the blocks are chosen better? If $f'(0) \\neq 0$, in two ways. Monomials $a_l (y - f(0))^l$ whose factors are chosen so that order l comes out "
                "right, given what the blocks before have left there; or the only series for which every $y_l$ is $T_l$ itself: $F_l = c_l\\,(T_{l-1}^{-1})^l$, by reversion.",
            ),
            (construction.matched_order_by_order, construction.reversion),
        ),
        ScalarStream(
            "Scalar stream",
            (
                "Both are statements about series at 0. The inverse of $T_{l-1}$ ends at its critical values, and beyond the fold of $T_{l-1}$ it gives another x than the one that came in.",
            ),
            ((SIN, 7), (EXP, 4), (TANH, 7)),
        ),
        Folds(
            "obstruction",
            "Obstruction",
            (
                "Whatever a block does, it gives one output for one state. If two points have the same state, $S(x_1) = S(x_2)$, the error at one of them is at least half of what f differs by. "
                "$T_3$ of sin folds at $\\pm\\sqrt{2}$. So a stream of one number whose state l is $T_l$ cannot go on after $T_3$: not with $c_5 y^5$, not with any $F_5$, and not with any blocks after that. "
                "This holds for every function, continuous or not, in the sup norm and in the mean square; it does not hold for a stream that carries a second number. "
                "An injective state, as $T_1$ or $T_5$ of tanh, loses nothing: then $f \\circ S^{-1}$ is a block that is exact. Nor can a stream that keeps its points apart come near $T_3$ of sin: "
                "being monotone, it misses it by $2\\sqrt{2}/3$ at least.",
                "The floors are certified from both sides. They are attained: by the middle of the extreme values over each state in the sup norm, by their weighted mean in squares.",
            ),
            (folds.two_points, folds.best_block, folds.fold_of_sine, folds.fold_of_exp, folds.fold_of_tanh),
            (
                Fold(SIN, 1, 3),
                SIN_FOLD,
                Fold(SIN, 5, 7),
                EXP_FOLD,
                Fold(EXP, 4, 5),
                TANH_FOLD,
                Fold(TANH, 5, 7),
                Fold(TANH_BEYOND, 3, 5),
            ),
            (SIN_FOLD, EXP_FOLD, TANH_FOLD),
            ((SIN_FOLD, (5, 7, 9)), (EXP_FOLD, (3, 4)), (TANH_FOLD, (5, 7, 9))),
        ),
        ErrorsOverDepth(
            "depth",
            "Errors over depth",
            (
                "All constructions on one axis. No stream that has folded can go below its floor; one that carries x beside the sum can.",
            ),
            ((SIN_FOLD, 4, 9, 15), (EXP_FOLD, 4, 4, 12), (TANH_FOLD, 2, 9, 21)),
        ),
        TrainedStreams(
            "trained",
            "Training",
            (
                "Free blocks in the place of the polynomial ones, trained behind a state that is held at $T_3$ (or $T_2$). Their error is taken apart: the floor is approximation, what no block can do; the distance from "
                "the best block is put down to optimisation, what training has not found (a part of it is the width of the blocks, for the best one jumps). The same blocks fed x itself have no floor.",
            ),
            (SIN_FOLD, EXP_FOLD, TANH_FOLD),
            SIN,
            blocks=2,
            seeds=By(4, 12),
            steps=By(1200, 6000),
        ),
        EarlyAndLate(
            "early-late",
            "Early and late blocks",
            (
                "The document says that early layers give a first approximation which later ones refine, as terms of low and high order do. Wider residual nets, trained as a whole, are read out after every block by their "
                "own last layer, and by a linear layer fitted there anew. Taylor's partial sums of sin, one non-zero term a block, stand beside them: on [−π, π] their first approximation is worse than none.",
            ),
            SIN,
            width=16,
            blocks=4,
            seeds=By(8, 16),
            steps=By(1200, 6000),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
