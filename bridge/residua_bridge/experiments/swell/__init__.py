"""How large derivatives get: laws, tables, times."""
