"""Radii of convergence: singularities found, excluded, certified."""
