"""Relational plans: a question over several owners as algebra, rewritten, and lowered to steps on shared tables."""
