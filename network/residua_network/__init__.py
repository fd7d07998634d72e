"""What both sides read: the description of a network. Standard library only."""

from residua_network.description import Network
from residua_network.errors import DescriptionError, ResiduaError, ShapeError, WeightsError
from residua_network.kinds import kinds
from residua_network.kinds.activation import ACTIVATIONS, Activation
from residua_network.kinds.batchnorm import STATISTICS, BatchNorm
from residua_network.kinds.dropout import Dropout
from residua_network.kinds.layernorm import LayerNorm
from residua_network.kinds.linear import Linear
from residua_network.kinds.residual import Residual
from residua_network.kinds.rmsnorm import RMSNorm
from residua_network.layer import Layer, Parameter
from residua_network.program import ARITY, Operation, Program

__all__ = [
    "ACTIVATIONS",
    "ARITY",
    "STATISTICS",
    "Activation",
    "BatchNorm",
    "DescriptionError",
    "Dropout",
    "Layer",
    "LayerNorm",
    "Linear",
    "Network",
    "Operation",
    "Parameter",
    "Program",
    "RMSNorm",
    "ResiduaError",
    "Residual",
    "ShapeError",
    "WeightsError",
    "kinds",
]
