"""An owner's own data: its tables, held against the catalogue, and the fragments that they yield."""
