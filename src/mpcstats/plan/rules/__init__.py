"""The rewrites that turn the block of a question into one that owners and protocols can run, one in each module."""
