"""Registrations as a file in the fields of the platform's form, with their Chinese names: JSON or CSV.

Which groups of fields there are (basic information, agent, storage, documents and commitment letter, status,
publicity, result) is from public descriptions of the platform. The Chinese names are from memory, and so marked as
unverified, but for the code's.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mpcstats.records.canonical import JSON
from mpcstats.records.registration.register import Entry
from mpcstats.records.rights.events import is_product

SEPARATOR = "; "


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form: its Chinese name, whether that name is known to be the platform's own, and its value."""

    name: str
    verified: bool
    value: Callable[[Entry, str], str]


FIELDS: tuple[Field, ...] = (
    Field("登记编号", False, lambda e, _: e.number),
    Field(
        "登记对象类别", False, lambda e, _: "数据产品" if is_product(e.form.asset) else "数据资源"
    ),
    Field("目录名称", False, lambda e, _: e.form.asset),
    Field("名称", False, lambda e, _: e.form.name),
    Field("类型", False, lambda e, _: e.form.type),
    Field("格式", False, lambda e, _: e.form.format),
    Field("登记主体", False, lambda e, _: e.form.holder),
    Field("代理人", False, lambda e, _: e.form.agent or ""),
    Field("存储情况", False, lambda e, _: e.form.storage),
    Field("证明材料摘要", False, lambda e, _: SEPARATOR.join(e.form.documents)),
    Field("承诺书摘要", False, lambda e, _: e.form.commitment),
    Field("来源登记编码", False, lambda e, _: SEPARATOR.join(e.form.lineage)),
    Field("登记状态", False, lambda e, day: e.state_on(day).value),
    Field("公示截止日", False, lambda e, _: e.publicity_until or ""),
    Field("统一赋码", True, lambda e, _: e.code or ""),
    Field("有效期起", False, lambda e, _: e.since or ""),
    Field("有效期止", False, lambda e, _: e.until or ""),
)


def as_rows(entries: Iterable[Entry], day: str) -> list[dict[str, str]]:
    """One row an entry: its fields by their Chinese names, as they are on `day`."""
    return [{field.name: field.value(entry, day) for field in FIELDS} for entry in entries]


def as_json(entries: Iterable[Entry], day: str, head: str) -> str:
    """The export as JSON: the day, the register's head, which names are unverified, and the rows."""
    whole: dict[str, JSON] = {
        "day": day,
        "head": head,
        "unverified": [field.name for field in FIELDS if not field.verified],
        "registrations": as_rows(entries, day),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def as_csv(entries: Iterable[Entry], day: str) -> str:
    """The export as CSV (RFC 4180): a line of names, those that are unverified with a mark, and a line an entry."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(f.name if f.verified else f"{f.name}（未核实）" for f in FIELDS)
    for row in as_rows(entries, day):
        writer.writerow(row.values())
    return out.getvalue()
