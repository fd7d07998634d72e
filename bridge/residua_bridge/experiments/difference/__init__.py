"""Difference quotients: what they lose, case by case."""
