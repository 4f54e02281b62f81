"""From a question's text to a physical plan: plain data, the same at every party."""
