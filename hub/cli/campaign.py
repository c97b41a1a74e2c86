"""`hub campaign`: the register of campaigns, and links and QR codes that carry them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.campaign_register import register_commands, registered_utm
from hub.cli.output import print_json, print_line
from hub.errors import ConfigError
from hub.steps.finance.campaign_links import CampaignLink, campaign_link, qr_png, qr_svg

app = typer.Typer(help="Campaigns: register, links, QR codes.", no_args_is_help=True)
register_commands(app)


@app.callback()
def _group() -> None:
    """Campaigns: register, links, QR codes."""


@app.command("link")
def link(  # noqa: PLR0913 -- one option a part of the link
    address: Annotated[str, typer.Argument(help="The page, or a WeCom acquisition link.")],
    source: Annotated[
        str, typer.Option(help="utm_source, like douyin_live_202602_q4 or fair.")
    ] = "",
    campaign: Annotated[
        str, typer.Option(help="utm_campaign; of a registered one the rest follows.")
    ] = "",
    medium: Annotated[str, typer.Option(help="utm_medium, like cpc, qr, referral.")] = "",
    content: Annotated[
        list[str] | None,
        typer.Option(
            help="utm_content; give it several times for one link each (a booth, a shop)."
        ),
    ] = None,
    term: Annotated[str, typer.Option(help="utm_term.")] = "",
    utm_id: Annotated[str, typer.Option("--id", help="utm_id.")] = "",
    replace: Annotated[
        bool, typer.Option(help="Change UTM that the address has already.")
    ] = False,
    png: Annotated[
        Path | None, typer.Option(help="Write a QR code here (.png or .svg); one file a content.")
    ] = None,
    merchant: Annotated[
        str,
        typer.Option(help="Take the UTM from this merchant's register; the name must be in it."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print a link that carries its campaign; with --png also as a QR code for posters and shops."""
    utm = {
        "utm_source": source, "utm_medium": medium, "utm_campaign": campaign, "utm_term": term,
        "utm_id": utm_id,
    }  # fmt: skip
    if merchant:
        known = registered_utm(merchant, campaign)
        utm |= {name: utm[name] or value for name, value in known.items()}
    links = [
        campaign_link(address, {**utm, "utm_content": one}, replace=replace)
        for one in content or [""]
    ]
    files = list(_files(links, png)) if png else [None] * len(links)
    if as_json:
        print_json(
            [
                {"url": one.url, **one.utm, "warnings": one.warnings, "file": file}
                for one, file in zip(links, files, strict=True)
            ]
        )
        return
    for one, file in zip(links, files, strict=True):
        print_line(one.url)
        if file:
            print_line(f"  {file}")
        for warning in one.warnings:
            print_line(f"  note: {warning}")


def _files(links: list[CampaignLink], path: Path) -> Iterator[str]:
    """Write a QR code for each link; several get their content in the file's name."""
    kind = path.suffix.lower()
    if kind not in (".png", ".svg"):
        raise ConfigError(f"{path}: a QR code is written as .png or .svg")
    for one in links:
        label = re.sub(r"[^\w-]+", "_", one.utm.get("utm_content", ""))
        target = path.with_stem(f"{path.stem}-{label}") if len(links) > 1 else path
        try:
            target.write_bytes(qr_png(one.url) if kind == ".png" else qr_svg(one.url))
        except OSError as error:
            raise ConfigError(f"{target}: cannot be written ({error.strerror})") from None
        yield str(target)
