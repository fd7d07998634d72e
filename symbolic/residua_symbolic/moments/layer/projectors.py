"""Projectors of R^n for every n at once: multiples of the identity plus terms in a few orthonormal vectors."""

from dataclasses import dataclass

import sympy as sp

from residua_symbolic.domains.tangents import n

T = sp.Symbol("t", real=True)  # argument of generating functions


@dataclass(frozen=True)
class Plain:
    """c I + Σ_pq k_pq e_p e_qᵀ over orthonormal vectors e_p of R^n, n a symbol: products, traces and determinants of
    such matrices need nothing but c and the small matrix k."""

    identity: sp.Expr
    inner: sp.Matrix

    def __matmul__(self, other: "Plain") -> "Plain":
        inner = self.identity * other.inner + other.identity * self.inner + self.inner * other.inner
        return Plain(self.identity * other.identity, inner)

    @property
    def trace(self) -> sp.Expr:
        """n c + tr k."""
        return sp.expand(n * self.identity + self.inner.trace())

    @property
    def projects(self) -> bool:
        """Whether it is an orthogonal projector."""
        return self.inner == self.inner.T and (self @ self) == self

    @property
    def generating(self) -> sp.Expr:
        """E exp(t zᵀ M z) for a standard normal z: det(I − 2 t M)^(−1/2), by the matrix determinant lemma."""
        rest = 1 - 2 * T * self.identity
        small = (rest * sp.eye(self.inner.rows) - 2 * T * self.inner).det()
        _, factors = sp.factor_list(sp.expand(small), T)
        found = [sp.expand(f / f.subs(T, 0)) ** sp.Rational(-power, 2) for f, power in factors]  # all are 1 at t = 0
        return sp.powsimp(rest ** (-(n - self.inner.rows) / 2) * sp.Mul(*found))


def orthogonal_to(*vectors: int, among: int) -> Plain:
    """The projector onto what is orthogonal to these vectors of an orthonormal set of `among`."""
    return Plain(sp.Integer(1), sp.diag(*(-int(p in vectors) for p in range(among))))
