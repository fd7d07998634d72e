"""Random networks without normalisation: laws, tails, phases, signals."""
