"""Checks of the right rows that are looked up: those that fail are not found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mpcstats.plan.relational.algebra import Group
from mpcstats.plan.relational.checkpoint import Checkpoint, every, within
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.slots import Layers, Slot
from mpcstats.plan.relational.wants import Want
from mpcstats.plan.tables import Call, Column, Node, Null


@dataclass(slots=True)
class SlotChecks:
    """The checks of one join's slots, whose layers are `layers`; what fails is noted by owner."""

    draft: Draft
    layers: Layers
    failing: list[tuple[str, Node]] = field(default_factory=list)

    def checked(self, owner: str, slots: Sequence[Slot]) -> list[Slot]:
        """The slots of `owner`, found only where their numbers lie in bounds; of layers' checks it is only noted."""
        if not self.draft.context.checked:
            return list(slots)
        return [self._checked(owner, slot) for slot in slots]

    def _checked(self, owner: str, slot: Slot) -> Slot:
        conditions = within(slot.found)
        found = slot
        if conditions:
            inside = every(conditions)
            columns = slot.columns
            if isinstance(self.layers.base, Group):
                # Owners' groups are added up by what is not NULL, whether they are found or not.
                columns = {w: Call("if", (inside, node, Null())) for w, node in columns.items()}
            found = Slot(Call("and", (slot.hit, inside)), dict(columns), slot.found)
        # The layers of groups are over all owners' groups together: they are no checks of rows.
        passed = (
            found if isinstance(self.layers.base, Group) else self.layers.over(found, checks=True)
        )
        if passed.hit != slot.hit:
            self.failing.append((owner, Call("and", (slot.hit, Call("not", (passed.hit,))))))
        return found

    def noted(self, table: Table) -> Table:
        """`table` with flags that say where a row that has been looked up fails."""
        if not self.failing:
            return table
        draft = self.draft
        flags = [Column(draft.names.fresh(f"{o}_fails"), "flag", 0, 1) for o, _ in self.failing]
        computed = [
            (Want(flag.name, "flag"), flag, node)
            for flag, (_, node) in zip(flags, self.failing, strict=True)
        ]
        found = draft.derive([table], computed, name="checked")
        for flag, (owner, _) in zip(flags, self.failing, strict=True):
            draft.checkpoints.append(Checkpoint(owner, found.step, flag.name, table.rows))
        return found
