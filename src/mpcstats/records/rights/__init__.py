"""The rights register: who holds, uses and operates which data, since when, and by whose licence."""
