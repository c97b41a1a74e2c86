"""What `hub demo` prints of its month of money."""

from __future__ import annotations

from hub.cli.break_output import yuan
from hub.cli.output import print_line, print_rows
from hub.steps.demo.money import Money


def print_money(money: Money) -> None:
    """Matches, breaks beside what was planted, the three figures with their bridges, one deal's shares."""
    print_line(
        f"{money.month}: {money.documents} documents of five systems, {money.matches} matches,"
        f" {money.questions} to be asked"
    )
    kinds = {**money.planted, **money.found}
    rows = [(kind, money.planted.get(kind, 0), money.found.get(kind, 0)) for kind in kinds]
    print_rows(("break", "planted", "found"), rows, as_json=False)
    print_line()
    for bridge in money.bridges:
        told = (
            ", ".join(f"{one.words} {yuan(one.fen)}" for one in bridge[1:-1]) or "nothing between"
        )
        print_line(f"{bridge[0].words} {yuan(bridge[0].fen)}: {told} = {yuan(bridge[-1].fen)}")
    print_line()
    print_line(f"{money.contract}, {yuan(money.value_fen)} yuan, is shared by position:")
    shares = [
        (kind, channel, campaign, yuan(fen)) for kind, channel, campaign, fen in money.shares
    ]
    print_rows(("touch", "channel", "campaign", "yuan"), shares, as_json=False)
    print_line()
