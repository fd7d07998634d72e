"""Training with normalisation: batches, statistics, memory, accuracy, gates."""
