"""Shamir's scheme over a big prime field, computed by MPyC behind the library's own session; see decision 0024.

Nothing here imports MPyC before `run` is called: its import is slow, and `library` says what else it does.
"""
