"""An answer as others show it: data frames, CSV, HTML, charts."""
