"""Standardising: moments of affine maps, what is forgotten and restored, printed formulas, the range of sigmoid."""
