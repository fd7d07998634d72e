"""Constructions of universal approximation, against training, in depth, under noise."""
