"""What each protocol promises, as typed data read from its card."""
