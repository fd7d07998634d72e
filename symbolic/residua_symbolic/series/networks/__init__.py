"""Taylor series of whole networks."""
