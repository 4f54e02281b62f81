"""The files that an organisation writes: consortium, party, local.toml; and its keys."""
