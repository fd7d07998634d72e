"""Networks at random, and one with every kind."""

from hypothesis import strategies as st

from residua_network import (
    ACTIVATIONS,
    STATISTICS,
    Activation,
    BatchNorm,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Residual,
    RMSNorm,
)

EVERY = Network(
    (
        Linear(8, 16),
        Residual(
            (LayerNorm(16), Activation("gelu"), Residual((RMSNorm(16, eps=0.5), Linear(16, 16)), scale=-0.5)),
            scale=0.25,
        ),
        Dropout(0.25),
        RMSNorm(16, affine=False),
        BatchNorm(16, eps=0.0, statistics="running"),
        Linear(16, 1, bias=False),
    )
)


def layers(width: int, depth: int) -> st.SearchStrategy[Layer]:
    """Layers that take and give `width` features, composites nested up to `depth`."""
    eps, flag = st.floats(0.0, 1e3), st.booleans()
    plain: st.SearchStrategy[Layer] = st.one_of(
        st.builds(Linear, st.just(width), st.just(width), flag),
        st.builds(Activation, st.sampled_from(ACTIVATIONS)),
        st.builds(LayerNorm, st.just(width), eps, flag),
        st.builds(RMSNorm, st.just(width), eps, flag),
        st.builds(BatchNorm, st.just(width), eps, flag, st.sampled_from(STATISTICS)),
        st.builds(Dropout, st.floats(0.0, 1.0, exclude_max=True)),
    )
    if depth == 0:
        return plain
    branch = st.lists(layers(width, depth - 1), min_size=1, max_size=3).map(tuple)
    return st.one_of(plain, st.builds(Residual, branch, st.floats(-1e3, 1e3)))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Networks of changing widths."""
    widths = draw(st.lists(st.integers(1, 300), min_size=1, max_size=4))
    found: list[Layer] = []
    for p, width in enumerate(widths):
        found += draw(st.lists(layers(width, 2), min_size=1, max_size=3))
        if p + 1 < len(widths):
            found.append(Linear(width, widths[p + 1]))
    return Network(tuple(found), inputs=widths[0])
