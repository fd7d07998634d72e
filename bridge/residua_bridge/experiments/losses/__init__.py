"""Entropies, cross entropy and squares: identities, trainings, codes, embeddings."""
