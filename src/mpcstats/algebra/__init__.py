"""Arithmetic on whole columns: rings, bits, key-value stores, a group, encrypted numbers. No I/O, no randomness."""
