"""Training that has a closed form: linear regression, modes of deep linear networks, networks linearised in their
parameters."""
