"""What invariance under the scale of weights does to gradients, rates and smoothness."""
