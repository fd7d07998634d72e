import pytest
import sympy as sp

from residua_network import ResiduaError, kinds
from residua_symbolic import LayerDerivation, derive_layer
from residua_symbolic.domains.tangents import B, b, c, i, j, n
from residua_symbolic.layer import CONSTANT_STATISTICS, m, variants

from .planted import refuses, refuses_in_place, wrong_entries, wrong_matrices

CASES = [
    (kind, assume, variant) for kind in kinds() for assume in (None, CONSTANT_STATISTICS) for variant in variants(kind)
]
every = pytest.mark.parametrize(("kind", "assume", "variant"), CASES)


@every
def test_planted_faults_are_refused_by_every_proof(kind: str, assume: str | None, variant: str) -> None:
    derivation = derive_layer(kind, assume, variant)
    derivation.check()
    for step in derivation.steps:
        if not step.proofs:
            continue
        wrong = wrong_matrices(step.right) if isinstance(step.right, sp.MatrixExpr) else wrong_entries(step.right)
        assert wrong, step.name
        for right in wrong:
            refuses(step, right)
        refuses_in_place(derivation, step, wrong[0])


@every
def test_only_definitions_and_the_assumption_go_unproved(kind: str, assume: str | None, variant: str) -> None:
    for step in derive_layer(kind, assume, variant).steps:
        unproved = "definition", "a statistic, taken for a constant: the assumption"
        assert (step.reason in unproved) == (not step.proofs), step.name


def test_the_assumption_is_stated_only_where_it_is_made() -> None:
    reasons = [step.reason for step in derive_layer("layernorm").steps]
    assert not any("assumption" in reason for reason in reasons)
    constant = [
        step.name for step in derive_layer("layernorm", CONSTANT_STATISTICS).steps if "assumption" in step.reason
    ]
    assert {"d m1", "d s"} <= set(constant)


def test_a_polynomial_has_two_independent_proofs() -> None:
    for kind in ("layernorm", "rmsnorm", "batchnorm", "linear"):
        for step in derive_layer(kind).steps:
            if step.name.startswith("d ") or step.name == "components":
                assert len({proof.by for proof in step.proofs}) == 2


@pytest.mark.parametrize("swapped", ["W[j, i]", "transposed"])
def test_a_transposed_weight_is_refused(swapped: str) -> None:
    derivation = derive_layer("linear")
    W = sp.IndexedBase("W", real=True)
    by_name = {step.name: step for step in derivation.steps}
    if swapped == "transposed":
        refuses(by_name["matrix form"], sp.MatrixSymbol("W", n, m).T)
        refuses(by_name["matrix form"], sp.MatrixSymbol("W", n, n).T)
    else:
        refuses(by_name["components"], W[j, i])


def test_statements_that_a_proof_cannot_read_are_refused_too() -> None:
    by_name = {step.name: step for step in derive_layer("layernorm").steps}
    for wrong in (sp.Symbol("unheard"), sp.Function("f")(sp.IndexedBase("x")[i]), sp.zoo, sp.nan):
        refuses(by_name["components"], wrong)
    for wrong in (sp.MatrixSymbol("A", n, n) ** -1, sp.ZeroMatrix(n, n)):
        refuses(by_name["matrix form"], wrong)


def test_what_comes_out() -> None:
    """The form, as in the papers: (1/s) diag(γ) (I − 11ᵀ/n − x̂x̂ᵀ/n)."""
    layernorm = derive_layer("layernorm")
    gamma, xhat = (sp.IndexedBase(name, real=True) for name in ("gamma", "xhat"))
    s = sp.Symbol("s", positive=True)
    by_hand = gamma[i] / s * (sp.KroneckerDelta(i, j) - 1 / n - xhat[i] * xhat[j] / n)
    assert sp.expand(layernorm.components - by_hand) == 0
    assert layernorm.formula.shape == (n, n)
    assert derive_layer("linear").formula.shape == (m, n)
    assert derive_layer("residual").latex() == r"J = I+\alpha \, J_{F}"
    assert layernorm.kind == "layernorm"
    assert layernorm.dropped is None
    assert "layernorm" in layernorm.title


def test_what_comes_out_of_batch_norm() -> None:
    """The matrix of one feature, (γ_i / s_i) (I − 11ᵀ/B − x̂x̂ᵀ/B), and with stored statistics diag(γ/s)."""
    gamma, xhat = (sp.IndexedBase(name, real=True) for name in ("gamma", "xhat"))
    s = sp.IndexedBase("s", positive=True)
    of_the_batch, stored = derive_layer("batchnorm"), derive_layer("batchnorm", variant="running")
    by_hand = gamma[i] / s[i] * (sp.KroneckerDelta(b, c) - 1 / B - xhat[b, i] * xhat[c, i] / B)
    assert sp.expand(of_the_batch.components - sp.KroneckerDelta(i, j) * by_hand) == 0
    assert sp.expand(of_the_batch.operator.of_one_feature - by_hand) == 0
    assert of_the_batch.formula.shape == (B, B)
    assert sp.expand(stored.components - sp.KroneckerDelta(i, j) * gamma[i] / s[i]) == 0
    assert stored.formula.shape == (n, n)
    assert [d.title for d in (of_the_batch, stored)] == [
        f"Jacobian of batchnorm on {statistics} statistics" for statistics in ("batch", "running")
    ]
    assert any("rows are coupled" in text for text in of_the_batch.assumptions)
    assert any("stored statistics" in text for text in stored.assumptions)


def test_planted_faults_in_the_matrix_of_one_feature() -> None:
    """Also x̂ or s of another feature, which is of the same shape."""
    (step,) = [step for step in derive_layer("batchnorm").steps if step.name == "matrix form"]
    xhat, ones = sp.MatrixSymbol("xhat__:i", B, 1), sp.OneMatrix(B, B)
    gain = sp.IndexedBase("gamma", real=True)[i] / sp.IndexedBase("s", positive=True)[i]
    identity, outer = sp.Identity(B), xhat * xhat.T
    step.check()
    refuses(step, gain * (identity - ones / B - outer / (B - 1)))
    refuses(step, gain * (identity - ones / (B - 1) - outer / B))
    refuses(step, gain * (identity - outer / B))
    refuses(step, gain * (identity - ones / B))
    refuses(step, gain * identity)
    refuses(step, gain.xreplace({i: j}) * (identity - ones / B - outer / B))
    refuses(step, step.right.xreplace({xhat: sp.MatrixSymbol("xhat", B, 1)}))
    refuses(step, derive_layer("batchnorm", variant="running").formula)


def test_what_constant_statistics_drop() -> None:
    kept = derive_layer("layernorm", CONSTANT_STATISTICS)
    gamma, xhat = (sp.IndexedBase(name, real=True) for name in ("gamma", "xhat"))
    s = sp.Symbol("s", positive=True)
    assert kept.dropped is not None
    assert sp.expand(kept.components - sp.KroneckerDelta(i, j) * gamma[i] / s) == 0
    assert sp.expand(kept.dropped.components + gamma[i] / (n * s) * (1 + xhat[i] * xhat[j])) == 0
    assert kept.latex() == r"J = \frac{1}{s} \, \mathrm{diag}\!\left(\gamma\right)"
    assert any("(1.10)" in text for text in kept.assumptions)


@pytest.mark.parametrize(("kind", "variant"), [(kind, variant) for kind in kinds() for variant in variants(kind)])
def test_kept_and_dropped_are_the_whole(kind: str, variant: str) -> None:
    whole, kept = derive_layer(kind, None, variant), derive_layer(kind, CONSTANT_STATISTICS, variant)
    assert kept.dropped is not None
    lost = kept.dropped.components
    assert sp.expand(whole.components - kept.components - lost) == 0
    assert bool(kept.dropped.terms) == ((kind, variant) in (("layernorm", ""), ("rmsnorm", ""), ("batchnorm", "batch")))


def test_a_derivation_is_made_once() -> None:
    assert derive_layer("rmsnorm") is derive_layer("rmsnorm")
    assert isinstance(derive_layer("rmsnorm"), LayerDerivation)


def test_names_are_checked() -> None:
    with pytest.raises(ResiduaError, match="unknown kind 'layernrom'; did you mean 'layernorm'"):
        derive_layer("layernrom")
    with pytest.raises(ResiduaError, match=r"unknown assumption 'constant'; .*known: constant statistics"):
        derive_layer("layernorm", "constant")
    with pytest.raises(ResiduaError, match="unknown activation 'reul'; did you mean 'relu'"):
        derive_layer("activation", None, "reul")
    with pytest.raises(ResiduaError, match="unknown statistics 'runing'; did you mean 'running'"):
        derive_layer("batchnorm", variant="runing")


@pytest.mark.parametrize("kind", [kind for kind in kinds() if not kinds()[kind].variants])
def test_a_kind_without_variants_takes_none(kind: str) -> None:
    with pytest.raises(ResiduaError, match=f"derive_layer: .*{kind}.*'x'"):
        derive_layer(kind, variant="x")
