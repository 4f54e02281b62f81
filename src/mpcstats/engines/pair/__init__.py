"""Two parties without a helper: group elements, encrypted numbers, and what one of the two opens."""
