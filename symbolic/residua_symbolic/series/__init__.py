"""Taylor series of expressions and of networks: exact, fast, and certified, with their remainders and radii."""
