"""The Chinese names of the catalogue's fields, as its forms print them: what an export for people has as heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mpcstats.errors import UsageError

FILE: Mapping[str, str] = {
    "version": "版本",
    "dataset": "信息资源",
    "union": "合并视图",
    "combination": "组合规则",
    "crosscheck": "交叉校验",
}
DATASET: Mapping[str, str] = {
    "name": "资源标识",
    "owner": "持有方",
    "rows": "行数上限",
    "contributor": "数据来源机构项",
    "contributors": "数据来源机构归属",
    "description": "备注",
    "title": "信息资源名称",
    "category": "信息资源分类",  # 类, 项, 目, 细目
    "code": "信息资源代码",
    "provider": "信息资源提供方",
    "provider_code": "信息资源提供方代码",
    "abstract": "信息资源摘要",
    "format": "信息资源格式",
    "share_type": "共享类型",
    "share_condition": "共享条件",
    "share_method": "共享方式",
    "open_type": "开放属性",
    "open_condition": "开放条件",
    "update_cycle": "更新周期",
    "publish_date": "发布日期",
    "related": "关联资源代码",
    "domain": "数据域",
    "asset": "登记编码",
    "consent": "授权要求",
    "check": "校验规则",
    "columns": "信息项",
}
COLUMN: Mapping[str, str] = {
    "type": "数据类型",
    "level": "敏感级别",
    "key": "主键规范化",
    "person": "个人标识",
    "distinct": "不同值上限",
    "most": "同值行数上限",
    "unique": "唯一",
    "nullable": "可空",
    "domain": "值域",
    "minimum": "最小值",
    "maximum": "最大值",
    "unit": "计量单位",
    "description": "信息项说明",
    "special": "特殊编码区间",
    "title": "信息项名称",
    "kind": "信息项类别",
    "element": "数据元",
    "source": "权威来源",
    "dictionary": "代码字典",
    "quality": "质量指标",
    "derived_from": "加工来源",
}
QUALITY: Mapping[str, str] = {
    "completeness": "完整性",
    "validity": "规范性",
    "accuracy": "准确性",
    "consistency": "一致性",
    "timeliness": "时效性",
}
UNION: Mapping[str, str] = {"name": "视图标识", "of": "成员", "party_column": "来源方列"}
COMBINATION: Mapping[str, str] = {
    "name": "规则标识",
    "kinds": "类别组合",
    "level": "组合级别",
    "because": "组合理由",
}
CHECK: Mapping[str, str] = {"name": "校验标识", "holds": "校验条件"}
CROSSCHECK: Mapping[str, str] = {
    "name": "交叉校验标识",
    "left": "被校验资源",
    "right": "对照资源",
    "on": "关联项",
    "holds": "交叉校验条件",
}
ITEM_NAME = "信息项标识"  # of a column, where it stands in a cell of its own


@dataclass(frozen=True, slots=True)
class _Form:
    """The names of a table's fields, and the forms of those that hold tables: one, a list, or by names (`keyed`)."""

    names: Mapping[str, str]
    inner: Mapping[str, _Form] = field(default_factory=dict)
    keyed: str | None = None


_COLUMN = _Form(COLUMN, {"quality": _Form(QUALITY)})
_DATASET = _Form(DATASET, {"columns": _COLUMN, "check": _Form(CHECK)}, keyed="columns")
_FILE = _Form(
    FILE,
    {
        "dataset": _DATASET,
        "union": _Form(UNION),
        "combination": _Form(COMBINATION),
        "crosscheck": _Form(CROSSCHECK),
    },
)


def translated(table: Mapping[str, Any], *, to_chinese: bool) -> dict[str, Any]:
    """A catalogue's plain data with its fields under their Chinese names, or back.

    A field that already has the name that is wanted keeps it; names of columns and codes are nobody's to translate.
    What has not the form of a catalogue is passed on as it is: its model finds that. Raises UsageError for a field
    that stands under both of its names.
    """
    return _translated(table, _FILE, to_chinese=to_chinese)


def _translated(table: Mapping[str, Any], form: _Form, *, to_chinese: bool) -> dict[str, Any]:
    plain_names = {chinese: name for name, chinese in form.names.items()}
    found: dict[str, Any] = {}
    for given, value in table.items():
        name = plain_names.get(given, given)
        wanted = form.names.get(name, name) if to_chinese else name
        if wanted in found:
            raise UsageError(f"expected {wanted} once, got it under two names")
        inner = form.inner.get(name)
        found[wanted] = value
        if inner is not None:
            found[wanted] = _each(value, inner, name == form.keyed, to_chinese=to_chinese)
    return found


def _each(value: Any, form: _Form, keyed: bool, *, to_chinese: bool) -> Any:
    if isinstance(value, list):
        return [_each(part, form, False, to_chinese=to_chinese) for part in value]
    if not isinstance(value, Mapping):
        return value
    if keyed:
        return {n: _each(part, form, False, to_chinese=to_chinese) for n, part in value.items()}
    return _translated(value, form, to_chinese=to_chinese)
