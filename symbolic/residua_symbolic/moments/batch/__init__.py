"""Laws of batch normalisation at every batch size."""
