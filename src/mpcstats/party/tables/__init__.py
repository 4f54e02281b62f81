"""Relational plans at a party: tables of shared values, and the steps that make them, up to what the gate may open."""
