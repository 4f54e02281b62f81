"""One claim adjudicated between two nodes: the holder's settlement of one event, the insurer's secret rule.

`claim` is what both know, `rulefile` the insurer's secret; `plan` what they agree on; `holder` and `insurer` each
side's decision; `play` the run itself, of which both write down everything but values.
"""
