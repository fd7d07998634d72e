"""Constructive universal approximation: one hidden layer with explicit weights, as near to a function as is asked."""

from residua_symbolic.universal.construction import Construction, construct, through
from residua_symbolic.universal.ridge import RidgeConstruction, construct_plane

__all__ = ["Construction", "RidgeConstruction", "construct", "construct_plane", "through"]
