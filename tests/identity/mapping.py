"""The shipped mapping of forms, with the keys that other platforms send found by label, too."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hub.mapping.compile import CompiledMapping
from hub.registry.files import SchemaFiles
from hub.steps.mappings import compile_document

FILES = SchemaFiles(Path(__file__).parents[2] / "schemas")
_LABELS = {
    "wechat_unionid": "^unionid$",
    "wechat_openid": "^openid$",
    "wechat_app_id": "^appid$",
    "wecom_external_userid": "^external_userid$",
    "wecom_corp_id": "^corpid$",
    "douyin_id": "^抖音号$",
}


def document() -> dict[str, Any]:
    """webform/form/1-9-0: what its newest shipped version is, and more labels."""
    newest = max(
        str(name) for name in FILES.mapping_names() if str(name).startswith("webform/form/")
    )
    shipped = FILES.mapping(newest)
    fields = {name: {"answer": label} for name, label in _LABELS.items()}
    phone, *others = shipped["spread"]
    own = phone | {"from": {"answer": "^手机$"}}
    hashed = {"name": "hash", "from": {"answer": "^手机哈希$"}, "with": "phone_hash"}
    kept = [rule for rule in others if rule["name"] != "region_of_phone"]
    return shipped | {
        "mapping": "webform/form/1-9-0",
        "fields": shipped["fields"] | fields,
        "spread": [own, hashed, *kept],
        "tests": [],
    }


@cache
def compiled() -> CompiledMapping:
    """The document as a function."""
    return compile_document(document(), FILES)
