"""Networks that fit sin, and Taylor polynomials of sin."""
