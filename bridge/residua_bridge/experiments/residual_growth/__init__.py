"""How residual networks grow, forward and backward."""
