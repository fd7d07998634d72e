"""Residual networks read as Taylor series: literally, mended, trained."""
