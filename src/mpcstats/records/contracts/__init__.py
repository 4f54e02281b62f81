"""Contracts: what may be done with an asset that is released to others, and what has been done."""
