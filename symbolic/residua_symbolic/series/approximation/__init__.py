"""Mean square errors, and best approximations by polynomials and by linear pieces."""
