"""Random networks with batch statistics: their laws, small batches, the story of one popular number."""
