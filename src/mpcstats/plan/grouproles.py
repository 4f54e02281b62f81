"""Who plays which role on engine shamir, by seat: what its cards' formulas of bytes are named after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def group_roles(
    compute: tuple[str, ...], threshold: int, *, recipients: Sequence[str] = ()
) -> Counter[tuple[str, str]]:
    """(role, party) -> how often: "compute" all, "dealer" and "lifter" the first 2 t + 1, "opener" the first t + 1, and
    for each of `recipients` "shows" those whose shares it takes to open, t + 1 with its own, "confirms" the others.
    """
    roles = Counter({("compute", party): 1 for party in compute})
    for role in ("dealer", "lifter"):
        roles.update((role, party) for party in compute[: 2 * threshold + 1])
    roles.update(("opener", party) for party in compute[: threshold + 1])
    for recipient in recipients:
        inside = recipient in compute
        place = compute.index(recipient) + 1 if inside else 0
        others = [party for party in compute[place:] + compute[:place] if party != recipient]
        shown = threshold + 1 - inside
        roles.update(("shows", party) for party in others[:shown])
        roles.update(("confirms", party) for party in others[shown:])
    return roles
