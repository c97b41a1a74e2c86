"""Bad use ends with one line and exit status 2, never with a traceback."""

from __future__ import annotations

import pytest

from hub.cli.main import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["lead", "show"], "Missing argument"),
        (["lead", "list", "--limit", "many"], "--limit"),
        (["lead", "list", "--nope"], "No such option"),
        (["mapping", "lint", "no/such/9-9-9"], "no/such/9-9-9"),
    ],
)
def test_bad_use_is_one_line(
    words: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr("sys.argv", ["hub", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()

    assert told in shown.err + shown.out
    assert "Traceback" not in shown.err
    assert ended.value.code in (1, 2)
