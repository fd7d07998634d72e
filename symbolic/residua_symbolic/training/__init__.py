"""What training does around a network: batches and their gradients, memory kept, gates, factors that are absorbed."""
