"""Findings with everything in them that a report can hold: realistic mathematics, long tables, hostile strings."""

import math

from residua_bridge.findings import (
    Cell,
    Curve,
    DerivationText,
    Drawing,
    Figure,
    Findings,
    GraphNode,
    Matrix,
    Panel,
    Section,
    StepText,
    Table,
    VerdictText,
)

HOSTILE = (
    r"%$#&_{}~^\ ",
    r"\input{/etc/passwd}",
    "a | b || c",
    "<script>alert(1)</script> & &amp; <!-- x -->",
    "`code` ``` *bold* _it_ [link](http://x.y) ![p](q) <a href=x>",
    "# not a heading",
    "- not a list -- nor --- a dash, ,, '' ?` !`",
    "1. not a list either",
    "+ nor this, [1] nor * that",
    "costs $5 and $6, or $7",
    "γ ε × √ − ≤ … x̂ ₂ ² 10⁻¹⁶ Ξ ŷ ẑ é ß ∂y/∂x ‖W‖ ∈ ℝ → “quoted” ½",
    "layer.3.branch.1.weight_of_a_very_long_name_without_any_space_in_it" * 2,
    "x" * 150,
    "line one\n\n# line two\n\\end{document}",
)

FORMULA = (
    r"\frac{1}{s}\,\mathrm{diag}(\gamma)\left(I-\frac{1}{n}\mathbf{1}\mathbf{1}^{T}"
    r"-\frac{1}{n}\hat{x}\hat{x}^{T}\right)"
)
STEPS = (
    ("mean", r"\mu = \frac{1}{n}\sum_{j=1}^{n} x_{j}", "The forward map, eq. 3 of Ba et al. 2016."),
    (
        "s",
        r"s = \sqrt{\frac{1}{n}\sum_{j=1}^{n}\left(x_{j}-\mu\right)^{2} + \epsilon}",
        "Names the deviation.",
    ),
    (
        "tangent of s",
        r"\dot{s} = \frac{1}{n s}\sum_{j=1}^{n}\left(x_{j}-\mu\right)\left(\dot{x}_{j}-\frac{1}{n}\sum_{k=1}^{n}"
        r"\dot{x}_{k}\right) = \frac{1}{n}\sum_{j=1}^{n}\hat{x}_{j}\dot{x}_{j} - \left(\frac{1}{n}\sum_{j=1}^{n}"
        r"\hat{x}_{j}\right)\left(\frac{1}{n}\sum_{k=1}^{n}\dot{x}_{k}\right) = \frac{1}{n}\hat{x}^{T}\dot{x}",
        r"Product rule; $\hat{x}$ has mean zero, so the second sum vanishes.",
    ),
    ("matrix form", rf"\frac{{\partial y}}{{\partial x}} = {FORMULA}", r"Read off the coefficients of $\dot{x}_{j}$."),
)


def derivation() -> DerivationText:
    """Layer normalisation's Jacobian."""
    steps = tuple(
        StepText(name, statement, reason, ("polynomial identity over free generators", "Schwartz–Zippel, 20 points"))
        for name, statement, reason in STEPS
    )
    unproved = StepText("a remark", "a \\le b", "Nothing to prove here.", ())
    assumptions = (r"$s > 0$, so $\epsilon > 0$ or $x$ is not constant.", "n ≥ 2 features.")
    return DerivationText(r"The Jacobian $\partial y/\partial x$", FORMULA, assumptions, (*steps, unproved))


def fault_table(rows: int) -> Table:
    """One row a planted fault."""
    columns = ("Fault", "Where", "Norm of the difference", "Bound", "Caught", "Suspects", "What was changed")
    words = "the sign of the bias after the normalisation, and the $\\epsilon$ under the root"
    content = tuple(
        (k, f"{k}.branch.0", 1.2345e-3 / k, 1e-16 * k, k % 7 != 0, f"{k}.branch.0, {k}.branch.1", words)
        for k in range(1, rows + 1)
    )
    return Table("Planted faults and who was blamed", columns, content, r"Norms are $\|J - \hat{J}\|_F$ in float64.")


def errors_figure() -> Figure:
    """Finite differences: error against step on two logarithmic axes."""
    steps = tuple(10.0**-k for k in range(1, 15))
    ideal = tuple(h / 2 + 1e-16 / h for h in steps)
    central = tuple(h * h / 6 + 1e-16 / h for h in steps)
    noisy = tuple(v * (1 + 0.3 * math.sin(7 * k)) for k, v in enumerate(ideal))
    quiet = tuple(0.0 if k == 4 else v * (1 + 0.3 * math.cos(5 * k)) for k, v in enumerate(central))
    return Figure(
        "errors",
        r"Error of finite differences of $\exp(x)$",
        r"step $h$",
        r"error $|D_h f - f'|$",
        (
            Curve("forward", "predicted", steps, ideal),
            Curve("central", "predicted", steps, central),
            Curve("forward", "measured", steps, noisy, tuple(v / 3 for v in noisy)),
            Curve("central", "measured", steps, quiet),
            Curve("slope 1", "other", (1e-6, 1e-1), (1e-6, 1e-1)),
        ),
        "log",
        "log",
        "Left of the minimum rounding rules, right of it truncation.",
    )


def training_figure() -> Figure:
    """A long noisy run beside a short prediction with values that are not finite."""
    steps = tuple(float(k) for k in range(200))
    loss = tuple(math.exp(-k / 60) + 0.05 * math.sin(k) for k in steps)
    return Figure(
        "training-2",
        "Loss, costs $5",
        "step",
        "mean square error | 50% & more_or_less",
        (
            Curve("loss", "measured", steps, loss, tuple(0.08 for _ in steps)),
            Curve("gradient flow", "predicted", (0.0, 50.0, 100.0, 150.0), (1.0, math.nan, math.exp(-5 / 3), math.inf)),
        ),
    )


def computation_graph() -> Drawing:
    """The sigmoid of document 004 at x = 1, w = b = 0: values, and derivatives of the result by each node."""
    nodes = (
        GraphNode("x", "$x$", "1.000 | ∂ 0.000", "input"),
        GraphNode("w", "$w$", "0.000 | ∂ 0.250", "input"),
        GraphNode("b", "$b$", "0.000 | ∂ 0.250", "input"),
        GraphNode("one", "$1$", "", "constant"),
        GraphNode("v1", "$v_1 = w x$", "0.000 | ∂ 0.250"),
        GraphNode("v2", "$v_2 = v_1 + b$", "0.000 | ∂ 0.250"),
        GraphNode("v3", "$v_3 = -v_2$", "0.000 | ∂ −0.250"),
        GraphNode("v4", r"$v_4 = \exp(v_3)$", "1.000 | ∂ −0.250"),
        GraphNode("v5", "$v_5 = v_4 + 1$", "2.000 | ∂ −0.250"),
        GraphNode("v6", "$v_6 = 1/v_5$", "0.500 | ∂ 1.000", "output"),
    )
    edges = (
        ("w", "v1", "1"),
        ("x", "v1", "0"),
        ("v1", "v2", "1"),
        ("b", "v2", "1"),
        ("v2", "v3", "−1"),
        ("v3", "v4", "$e^{v_3} = 1$"),
        ("v4", "v5", "1"),
        ("one", "v5", ""),
        ("v5", "v6", r"$-1/v_5^2 = -0.25$"),
    )
    return Drawing("sigmoid", r"The graph of $\sigma(wx + b)$", nodes, edges, "Values and derivatives, costs $5.")


def contributions() -> Matrix:
    """What blocks give to powers of x: an ideal beside something else with values that cannot be drawn."""
    powers = tuple(f"${k}$" for k in range(1, 8))
    ideal = tuple(tuple((-1.0) ** k / math.factorial(k) if k == l else 0.0 for k in range(1, 8)) for l in range(1, 6))
    other = tuple(tuple(math.sin(7 * k * l) * 10.0 ** -(k * l) for k in range(1, 8)) for l in range(1, 6))
    other = ((math.nan, math.inf, *other[0][2:]), *other[1:])
    rows = tuple(f"block.{l}" for l in range(1, 6))
    panels = (
        Panel("the diagonal, costs $5", rows, powers, ideal, tuple((l, l) for l in range(5))),
        Panel("seed_0 & <b>", rows, powers, other),
    )
    unit = "|coefficient of $x^k$|"
    return Matrix(
        "contributions", r"Coefficients by block of $f$", "power $k$", "block", unit, panels, 8.0, "Marked: 000."
    )


def verdicts() -> tuple[VerdictText, ...]:
    """One of each word."""
    scope = "width 16 to 64, depth 3, batch 32, 500 steps, seeds 0 to 4, float64"
    causes = {"rounding": 3.2e-15, "approximation": 0.412345, "sampling": 0.0}
    return (
        VerdictText("the derived Jacobian is that of torch", "agree", True, "agree", scope, 1e-15, {}, 0.0, 1e-14),
        VerdictText(
            "statistics may be treated as constants, as (1.10) of the document does",
            "differ",
            True,
            "differ",
            scope,
            0.4123,
            causes,
            -1.7e-15,
            4e-15,
            r"The dropped term is $-\frac{1}{n}\hat{x}\hat{x}^{T}$.",
        ),
        VerdictText("gradients | grow", "inconclusive", False, "agree", scope, math.nan, causes, math.inf, math.inf),
    )


def findings() -> Findings:
    """All of it."""
    rows: tuple[tuple[Cell, ...], ...] = tuple((text, k, 10**k, 12345.678) for k, text in enumerate(HOSTILE))
    bars = (("$|x|$", r"$\left|x\right|$", r"$\|W\|$ and a | bar"), ("[start", "*star", "end]"))
    layers = Section(
        r"Layer normalisation's Jacobian, $J$",
        prose=("The statistics depend on $x$, and so do their derivatives: γ scales, $\\epsilon$ guards.",),
        derivations=(derivation(),),
        tables=(fault_table(25),),
        figures=(errors_figure(), training_figure()),
        drawings=(computation_graph(),),
        matrices=(contributions(),),
        verdicts=verdicts(),
    )
    strings = Section(
        "Strings from outside",
        prose=HOSTILE,
        tables=(
            Table("Hostile cells", ("text", "index", "power", "number"), rows),
            Table("Bars", ("norm of $|x|$", "same", "both"), bars),
            fault_table(70),
        ),
    )
    provenance = {"seed": "0", "dtype": "float64", "threads": "1", "versions": "torch 2.13.0, sympy 1.14.0, numpy 2.4"}
    return Findings(
        study="sample",
        title="Do normalisers bend the gradient? A 100% sample & more",
        question="How does layer normalisation change the gradient?",
        claim=f"Its Jacobian is ${FORMULA}$.",
        refuted_by="A relative difference above the rounding bound at any width.",
        sections=(layers, strings),
        conclusion=("The formula holds; the simplification does not.", "It is $O(1/n)$ away for n → ∞."),
        provenance=provenance,
    )
