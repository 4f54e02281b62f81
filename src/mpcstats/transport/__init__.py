"""Drivers that carry the messages of a run: in one thread for tests, over TLS between organisations."""
