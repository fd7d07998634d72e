"""Expressions as graphs in which everything equal is one node: what is large is computed here, not in SymPy."""
