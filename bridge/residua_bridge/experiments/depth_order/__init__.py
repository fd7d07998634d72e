"""What depth and width do to the order of a polynomial network, and to linear pieces."""
