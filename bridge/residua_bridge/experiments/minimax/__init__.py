"""The nearest ramp, sigmoid and broken line, and what training finds of them."""
