"""Public sizes and roles of a private join, and the work of public keys, which no card tells."""

from __future__ import annotations

from mpcstats.plan.physical import PaddedJoin, Physical, PrivateJoin
from mpcstats.plan.sizing import Sizing
from mpcstats.plan.told import told

# Public keys: `mpcstats bench private_join --rows 10000` takes 2.0 CPU s of the matcher, who masks each of 20,000
# points, and 5.5 of the holder, who masks as many, encrypts 10,000 values and makes a modulus of 3072 bits.
WORK_A_POINT = 1.0e-4
WORK_A_CIPHERTEXT = 2.0e-4
WORK_A_MODULUS = 1.5


def private_join(plan: Physical, step: PrivateJoin) -> Sizing:
    """The rows of both, their dummies, who is told what, and seconds of computing."""
    left, right = plan.fragment(step.left), plan.fragment(step.right)
    who = told(plan, step)
    others = {*who.everybody} - {who.matcher}
    sizes = {
        "matcher_rows": left.rows,
        "holder_rows": right.rows,
        "summed": int(bool(step.columns)),
        "told": len(others),
        "size_told": len({*who.size_to} - {who.matcher}),
        "masks": len({*who.sums_to} - {who.matcher}),
        "answers": len({*who.sums_to} - {who.holder}),
    }
    dummies = 0
    if isinstance(step, PaddedJoin):  # against each of the two that is told the size
        dummies = 2 * step.law.shift * (1 + (who.holder in who.size_to))
        sizes["dummies"] = dummies
    roles = {("matcher", left.owner): 1, ("holder", right.owner): 1}
    work = (left.rows + right.rows + 2 * dummies) * WORK_A_POINT
    if step.columns:
        work += WORK_A_MODULUS + (right.rows + dummies) * WORK_A_CIPHERTEXT
    return Sizing(step.name, step.card, sizes, roles, work=work)
