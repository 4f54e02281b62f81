"""What the parties keep: sensitivity levels, the catalogue of data, the ledger."""
