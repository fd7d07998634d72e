"""Expectations over random weights: what a network does at initialisation, layer by layer."""
