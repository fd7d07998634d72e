"""Closed forms of training, and networks linearised in their parameters."""
