"""One organisation's node: it compiles a question, obtains a permit, runs it and writes its ledger."""
