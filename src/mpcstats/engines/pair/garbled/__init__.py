"""Garbled circuits: one party garbles a public circuit, the other evaluates it on bits that neither sees of the other.

`circuit` and `numbers` say what is computed, `labels` and `garble` how wires are hidden, `play` who sends what.
"""
