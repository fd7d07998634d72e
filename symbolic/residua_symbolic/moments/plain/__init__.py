"""Laws of plain networks: ReLU chains, the plane of variances, kinks."""
