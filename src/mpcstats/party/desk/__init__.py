"""The desk: what an organisation does with its records by itself, apart from any run."""
