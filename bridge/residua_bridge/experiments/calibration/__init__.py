"""How often verdicts are wrong: true laws repeated, wrong ones planted."""
