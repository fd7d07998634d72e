"""What standardising changes and keeps, and what trained nets make of it."""
