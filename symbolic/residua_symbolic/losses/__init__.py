"""Losses: what cross entropy, Kullback–Leibler divergence and mean square error are, and what follows from it."""
