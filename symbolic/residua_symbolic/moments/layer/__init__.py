"""Laws of layer and RMS normalisation at every width."""
