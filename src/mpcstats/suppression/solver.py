"""Linear and integer programs for HiGHS, which is an extra (`sdc`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError

INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class Row:
    """low <= the sum of `values` times the variables `places` <= high."""

    places: Sequence[int]
    values: Sequence[int]
    low: float
    high: float


def check_installed() -> None:
    """Raises UsageError if HiGHS is not installed."""
    try:
        import highspy  # noqa: F401
    except ImportError:
        raise UsageError(
            "expected highspy for linear and integer programs, got none: install the extra `sdc`, or take the greedy "
            "method of suppression and the exact one of the audit"
        ) from None


class Program:
    """Minimise or maximise over variables with bounds, under rows. One thread and a fixed seed: the same every time."""

    def __init__(
        self,
        low: Sequence[float],
        high: Sequence[float],
        rows: Sequence[Row],
        *,
        whole: bool = False,
        nodes: int | None = None,
    ) -> None:
        """`whole`: all variables are whole numbers; `nodes` bounds the search for them.

        Raises UsageError if HiGHS is not installed.
        """
        check_installed()
        import highspy

        self._api: Any = highspy
        # Not Highs, whose making prints on the standard output what no option can turn off.
        self._solver: Any = self._api._Highs()
        options: dict[str, object] = {
            "output_flag": False,
            "threads": 1,
            "parallel": "off",
            "random_seed": 0,
        }
        if whole:
            options |= {"mip_rel_gap": 0.0, "mip_abs_gap": 0.5}
        if nodes is not None:
            options["mip_max_nodes"] = nodes
        for name, value in options.items():
            self._solver.setOptionValue(name, value)
        self._solver.passModel(self._model(low, high, rows, whole=whole))

    def _model(
        self, low: Sequence[float], high: Sequence[float], rows: Sequence[Row], *, whole: bool
    ) -> Any:
        api = self._api
        model = api.HighsLp()
        model.num_col_, model.num_row_ = len(low), len(rows)
        model.col_cost_ = np.zeros(len(low))
        model.col_lower_, model.col_upper_ = np.array(low, float), np.array(high, float)
        model.row_lower_ = np.array([row.low for row in rows], float)
        model.row_upper_ = np.array([row.high for row in rows], float)
        model.a_matrix_.format_ = api.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *(len(row.places) for row in rows)])
        model.a_matrix_.index_ = np.array([p for row in rows for p in row.places], np.int32)
        model.a_matrix_.value_ = np.array([v for row in rows for v in row.values], float)
        if whole:
            model.integrality_ = [api.HighsVarType.kInteger] * len(low)
        return model

    def solved(
        self, objective: Sequence[float], *, most: bool = False
    ) -> tuple[str, float, NDArray[np.float64]]:
        """How it ended (optimal, infeasible, unbounded or stopped), the objective and the variables."""
        api, solver = self._api, self._solver
        count = len(objective)
        solver.changeColsCost(count, np.arange(count, dtype=np.int32), np.array(objective, float))
        sense = api.ObjSense.kMaximize if most else api.ObjSense.kMinimize
        solver.changeObjectiveSense(sense)
        solver.run()
        statuses = {
            api.HighsModelStatus.kOptimal: "optimal",
            api.HighsModelStatus.kInfeasible: "infeasible",
            api.HighsModelStatus.kUnbounded: "unbounded",
            api.HighsModelStatus.kUnboundedOrInfeasible: "unbounded",
        }
        ended = statuses.get(solver.getModelStatus(), "stopped")
        found = np.array(solver.getSolution().col_value, dtype=np.float64)
        return ended, float(solver.getInfo().objective_function_value), found
