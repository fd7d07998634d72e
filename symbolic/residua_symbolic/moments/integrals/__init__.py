"""Integrals over normal, chi-square and spherical variables."""
