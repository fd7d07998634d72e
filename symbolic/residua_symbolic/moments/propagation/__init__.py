"""Forward maps run over random entries at infinite width, and back."""
