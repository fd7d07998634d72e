"""Polynomials of networks with certified remainders: orders, radii, rounding, random trials."""
