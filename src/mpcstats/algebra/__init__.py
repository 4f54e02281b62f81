"""Arithmetic on whole columns: rings, bit-sliced words, linear key-value stores. No I/O, no randomness."""
