"""Laws of residual networks by the order of the block."""
