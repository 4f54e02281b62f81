"""Engines: how values are hidden and computed with. Protocols are written against `engines.api` alone."""
