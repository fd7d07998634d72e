from typing import Any


def forward(o: Any, x: Any) -> Any:
    """The identity: in evaluation mode dropout does nothing; Srivastava et al. 2014, JMLR 15, sec. 4."""
    return x
