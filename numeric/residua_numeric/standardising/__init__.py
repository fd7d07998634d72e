"""What standardising does to distributions, and what nets learn with it: measured on torch."""
