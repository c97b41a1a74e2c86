"""The report on campaigns: tables with their watermark, a chart that needs no library, Markdown for Dagster."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.steps.finance import gate
from hub.steps.finance.attribute import ZONE
from hub.steps.finance.report_formats import FORMS, Cell, Report, Sheet, Yuan, render
from hub.steps.finance.roi import Level, RoiFigures, RoiLine, ratio

NAMES: Final = {Level.CHANNEL: "渠道", Level.CAMPAIGN: "活动", Level.CREATIVE: "素材"}
_MODELS: Final = {
    "first": "首次触点",
    "last": "末次触点",
    "linear": "平均分配",
    "position": "按位置分配",
}
_BASIS: Final = {"signed": "签约额", "received": "回款额"}
_ASIDE: Final = {
    "cost_without_amount": "没有金额的花费（笔）",
    "cost_in_other_currency": "外币花费（笔，不计入）",
    "cost_of_no_campaign": "不属于任何已登记活动的花费（笔，计入其渠道）",
    "unreadable_leads": "打不开的线索（条）",
}
_LOADED: Final = {
    "lead": "线索", "opportunity": "商机", "contract": "合同", "receipt": "回款",
    "refund": "退款", "spend": "花费",
}  # fmt: skip
_NONE: Final = "（无）"
_FIGURES: Final = ("线索", "联系人", "商机", "签约（元）", "回款（元）", "花费（元）", "ROI")
_BARS: Final = 12
_BAR_CELLS: Final = 20


def roi_report(found: RoiFigures, level: Level, stamp: str | None = None) -> Report:
    """The report by `level`, with the weak creatives and the watermark; `render` gives it a form.

    Args:
        found: A month's figures.
        level: By what.
        stamp: What to print over it while figures do not agree.
    """
    title = f"{NAMES[level]} ROI（{found.merchant} {found.month}）"
    sheets = (_table(found, level), _weak(found))
    return Report("attribution", title, sheets, tuple(watermark(found)), stamp)


def as_html(found: RoiFigures, level: Level, stamp: str | None = None) -> bytes:
    """The report as a web page, with the chart before its first table."""
    page = render(roi_report(found, level, stamp), "html")
    head, cut, rest = page.partition(b"<h2>")
    return head + chart(found, level).encode() + cut + rest


def write_roi(engine: sa.Engine, found: RoiFigures, level: Level, out: Path) -> None:
    """Write the report to a .csv, .xlsx or .html file.

    Raises:
        GateClosedError: a file leaves the house, and the merchant's gate is closed.
        ConfigError: another kind of file, or it cannot be written.
    """
    form = out.suffix.lstrip(".").lower()
    if form not in FORMS:
        raise ConfigError(f"--out: {out.name}: write a .{', .'.join(FORMS)} file")
    with store_errors(), engine.begin() as conn:
        gate.require_open(conn, found.merchant, found.made_at)
        stamp = gate.stamp_of(conn, found.merchant)
    is_page = form == "html"
    made = roi_report(found, level, stamp)
    whole = as_html(found, level, stamp) if is_page else render(made, form)
    try:
        out.write_bytes(whole)
    except OSError as error:
        raise ConfigError(f"--out: {out}: {error.strerror}") from error


def watermark(found: RoiFigures) -> Iterator[tuple[str, str]]:
    """When it was made, what the figures mean, how fresh they are."""
    yield "生成时间", _instant(found.made_at)
    yield "商家", found.merchant
    yield "月份", str(found.month)
    shares = found.rules.shares
    parts = f"首次 {shares.first} / 关键决策 {shares.decision} / 末次 {shares.last} / 其他 {shares.others}"
    how = _MODELS[found.model.value]
    yield "归因模型", f"{how}（{parts}）" if found.model.value == "position" else how
    yield "归因规则版本", found.rules.version
    yield "口径 线索", "当月提交的线索；联系人按合并后的人去重，各行之和可大于合计"
    yield "口径 商机", "当月新建的商机，计入新建前的最后一个触点"
    yield (
        "口径 签约",
        "当月签订的有效合同（含补充协议、减退款，不含框架协议），按归因模型分摊；不要求三重锁",
    )
    yield "口径 回款", "这些合同截至生成时的回款减退款，按同样的份额分摊"
    yield "口径 花费", "当月发生的花费，人民币；没有按素材给出的花费不摊到素材"
    yield "口径 ROI", f"{_BASIS[found.basis]} ÷ 花费，两位小数，不四舍五入"
    for reason, count in sorted(found.aside.items()):
        yield _ASIDE[reason], str(count)
    for name, at in found.freshness.loaded.items():
        yield f"数据时效 {_LOADED[name]}", f"最新载入 {_instant(at)}" if at else "从未到达"
    at = found.freshness.attributed_at
    yield "数据时效 归因", _instant(at) if at else "还没有运行过：hub attribution run"


def lines_of(found: RoiFigures, level: Level) -> list[dict[str, object]]:
    """The lines for programs; money in fen, `roi` as text with two decimals."""
    return [
        {
            **_names(found, line, level),
            "leads": line.leads,
            "contacts": line.contacts,
            "opportunities": line.opportunities,
            "signed_fen": line.signed_fen,
            "received_fen": line.received_fen,
            "cost_fen": line.cost_fen,
            "roi": ratio(line.brought(found.basis), line.cost_fen),
        }
        for line in found.at(level)
    ]


def label(line: RoiLine, level: Level) -> str:
    """What a line is called."""
    place = list(Level).index(level)
    name = line.cell[place]
    if name:
        return name if level is not Level.CREATIVE else f"{line.cell[1]} / {name}"
    return " / ".join(part for part in line.cell[:place] if part) + _NONE


def as_markdown(found: RoiFigures, *, most: int = 40) -> str:
    """Channels and campaigns with a bar each, and the weak creatives, as Markdown."""
    parts = [f"**{found.merchant} {found.month}** · {_MODELS[found.model.value]}", ""]
    for level in (Level.CHANNEL, Level.CAMPAIGN):
        parts += [*_markdown(found, level, found.at(level)[:most]), ""]
    weak = found.weak()[:most]
    floor = found.rules.roi_floor_permille
    parts.append(f"ROI 低于 {floor // 1000}.{floor % 1000 // 100} 的素材：{len(weak) or '没有'}")
    if weak:
        parts += ["", *_markdown(found, Level.CREATIVE, weak)]
    return "\n".join(parts)


def chart(found: RoiFigures, level: Level) -> str:
    """Signed, received and cost of the lines that brought or cost most, as an inline SVG."""
    lines = [one for one in found.at(level) if one.signed_fen > 0 or one.cost_fen > 0][:_BARS]
    if not lines:
        return '<p class="note">这个月没有签约，也没有花费：没有可画的图。</p>'
    widest = max(max(one.signed_fen, one.received_fen, one.cost_fen) for one in lines)
    height = 46 + 54 * len(lines)
    parts = [
        f'<svg viewBox="0 0 960 {height}" role="img" aria-label="{NAMES[level]}：签约、回款、花费"'
        ' style="width:100%;max-width:60em;font:13px sans-serif" xmlns="http://www.w3.org/2000/svg">'
    ]
    for place, (name, colour, _) in enumerate(_SERIES):
        x = 260 + 90 * place
        parts.append(f'<rect x="{x}" y="8" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="19" fill="#1f2328">{name}</text>')
    for row, one in enumerate(lines):
        parts += _bars(found, one, level, 36 + 54 * row, widest)
    return "".join(parts) + "</svg>"


_SERIES: Final = (
    ("签约", "#2f7d5b", "signed_fen"),
    ("回款", "#7fb89d", "received_fen"),
    ("花费", "#c4703c", "cost_fen"),
)


def _bars(found: RoiFigures, line: RoiLine, level: Level, top: int, widest: int) -> Iterator[str]:
    name = html.escape(label(line, level))
    shown = name if len(name) <= 34 else name[:33] + "…"
    is_weak = line.is_below(found.rules.roi_floor_permille, found.basis)
    yield f'<text x="250" y="{top + 24}" text-anchor="end" fill="#1f2328">{shown}<title>{name}</title></text>'
    for place, (_, colour, field) in enumerate(_SERIES):
        fen = max(0, getattr(line, field))
        width = fen * 520 // widest
        yield f'<rect x="260" y="{top + 14 * place}" width="{width}" height="11" fill="{colour}"/>'
        yield (
            f'<text x="{266 + width}" y="{top + 14 * place + 10}" font-size="11" fill="#57606a">'
            f"{Yuan(getattr(line, field)).grouped}</text>"
        )
    roi = ratio(line.brought(found.basis), line.cost_fen)
    if roi is not None:
        colour = "#b00020" if is_weak else "#1f2328"
        yield f'<text x="955" y="{top + 24}" text-anchor="end" font-weight="600" fill="{colour}">ROI {roi}</text>'


def _table(found: RoiFigures, level: Level) -> Sheet:
    rows = [_cells(found, line, level) for line in found.at(level)]
    total = found.total()
    blank = ("",) * (len(_columns(level)) - len(_FIGURES) - 1)
    rows.append(("合计", *blank, *_figures(found, total)))
    return Sheet(NAMES[level], _columns(level), rows)


def _weak(found: RoiFigures) -> Sheet:
    floor = found.rules.roi_floor_permille
    title = f"ROI 低于 {floor // 1000}.{floor % 1000 // 100} 的素材"
    rows = [_cells(found, line, Level.CREATIVE) for line in found.weak()]
    return Sheet(
        title, _columns(Level.CREATIVE), rows, "" if rows else "没有：有花费的素材都达到了。"
    )


def _columns(level: Level) -> tuple[str, ...]:
    named = {
        Level.CHANNEL: ("渠道",),
        Level.CAMPAIGN: ("渠道", "活动", "名称", "计划花费（元）"),
        Level.CREATIVE: ("渠道", "活动", "素材", "名称"),
    }
    return (*named[level], *_FIGURES)


def _cells(found: RoiFigures, line: RoiLine, level: Level) -> tuple[Cell, ...]:
    return (*_named_cells(found, line, level), *_figures(found, line))


def _named_cells(found: RoiFigures, line: RoiLine, level: Level) -> tuple[Cell, ...]:
    channel, name, creative = line.cell
    if level is Level.CHANNEL:
        return (channel or _NONE,)
    campaign = found.register.campaigns.get(name)
    if level is Level.CREATIVE:
        title = found.register.creatives.get((name, creative))
        return channel or _NONE, name or _NONE, creative or _NONE, title or ""
    planned = campaign.planned_fen if campaign else None
    title = campaign.title if campaign else None
    return channel or _NONE, name or _NONE, title or "", None if planned is None else Yuan(planned)


def _figures(found: RoiFigures, line: RoiLine) -> tuple[Cell, ...]:
    return (
        line.leads, line.contacts, line.opportunities, Yuan(line.signed_fen),
        Yuan(line.received_fen), Yuan(line.cost_fen),
        ratio(line.brought(found.basis), line.cost_fen) or "–",
    )  # fmt: skip


def _names(found: RoiFigures, line: RoiLine, level: Level) -> dict[str, object]:
    channel, name, creative = line.cell
    named: dict[str, object] = {"channel": channel or None}
    if level is not Level.CHANNEL:
        campaign = found.register.campaigns.get(name)
        named["campaign"] = name or None
        named["planned_fen"] = campaign.planned_fen if campaign else None
    if level is Level.CREATIVE:
        named.pop("planned_fen")
        named |= {
            "creative": creative or None,
            "title": found.register.creatives.get((name, creative)),
        }
    return named


def _markdown(found: RoiFigures, level: Level, lines: Sequence[RoiLine]) -> Iterator[str]:
    yield f"| {NAMES[level]} | 线索 | 商机 | 签约（元） | 花费（元） | ROI | 签约 |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    widest = max((line.signed_fen for line in lines), default=0)
    for line in lines:
        bar = "█" * (max(0, line.signed_fen) * _BAR_CELLS // widest if widest > 0 else 0)
        name = label(line, level).replace("|", "\\|")
        signed, cost = Yuan(line.signed_fen).grouped, Yuan(line.cost_fen).grouped
        roi = ratio(line.brought(found.basis), line.cost_fen) or "–"
        yield f"| {name} | {line.leads} | {line.opportunities} | {signed} | {cost} | {roi} | {bar} |"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M:%S} 北京时间"
