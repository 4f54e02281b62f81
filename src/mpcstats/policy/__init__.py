"""May this plan run? A plan, the cards and the records give a Permit or a refusal."""
