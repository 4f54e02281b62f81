"""Profiles: what a jurisdiction asks beside a party's own policy, and what its users have acknowledged."""
