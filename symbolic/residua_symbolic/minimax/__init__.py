"""The nearest ramp to a sigmoid, the nearest sigmoid to a ramp, and the nearest linear pieces to a function."""
