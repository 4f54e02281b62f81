"""The personal and the public domain of an organisation: two stores, two keys, and one gate from results to public."""
