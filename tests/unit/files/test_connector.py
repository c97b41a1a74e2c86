"""The connector of files: registered, answers like any other, takes nothing for a sheet that is none."""

from __future__ import annotations

from hub.connectors.base import connector_for
from hub.files.rows import is_row_group
from hub.model.delivery import Envelope, HookRequest
from hub.settings import SourceSettings

SOURCE = SourceSettings(platform="file")
REQUEST = HookRequest("POST", b"", {}, b'[{"a": "1"}]')


def test_rows_are_split_by_the_registered_connector():
    records = connector_for("file").split(Envelope("sheet_a", b'[{"a":"1"},{"a":"2"}]'), SOURCE)

    assert [(record.entity, record.payload) for record in records] == [
        ("sheet_a", b'{"a":"1"}'),
        ("sheet_a", b'{"a":"2"}'),
    ]


def test_a_push_to_a_file_source_never_passes_for_a_sheet():
    connector = connector_for("file")

    assert not is_row_group(connector.envelope(REQUEST, SOURCE))
    assert connector.challenge(REQUEST, SOURCE) is None
    assert connector.delivery_key(REQUEST, SOURCE) is None
    assert connector.accepted(REQUEST, SOURCE).status == 202
    assert connector.refused(REQUEST, SOURCE).status == 403
