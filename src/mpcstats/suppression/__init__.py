"""Public computing on tables with margins: which cells hide others, and what is left to whoever adds and subtracts."""
