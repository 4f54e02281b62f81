"""The rewrites of relational plans, one to a file."""
