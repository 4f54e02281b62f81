"""What an organisation does with its records at its own desk."""
