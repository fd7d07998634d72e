"""What networks with explicit weights are: Taylor sums, streams that cannot be, degrees, saw teeth."""
