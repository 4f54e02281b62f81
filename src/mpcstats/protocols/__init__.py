"""Protocols, one module a card (top-level `protocols/<name>/card.toml`), written against engines.api."""
