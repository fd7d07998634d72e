"""Layer normalisation at every width: laws, and what (1.11) overstates."""
