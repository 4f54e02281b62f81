"""Consent (一事一授权): who may use whose rows for what, once or more often, and what was used."""
