"""Any number of compute parties from three on: Shamir's scheme, of which fewer than half may be corrupted."""
