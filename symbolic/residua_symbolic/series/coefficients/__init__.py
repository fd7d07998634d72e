"""Exact Taylor coefficients of expressions."""
