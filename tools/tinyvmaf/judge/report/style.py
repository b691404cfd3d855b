"""How the page looks: light and dark, on a phone and on paper."""

from typing import Final

# The first two are those of tools/plots/palette.py; then colours that the colour-blind tell apart, by Okabe and Tol.
_LIGHT: Final = (
    "#1f6fb4",
    "#d9480f",
    "#117733",
    "#c2559d",
    "#a87900",
    "#2f9bd6",
    "#332288",
    "#882255",
    "#2f8f7f",
    "#6b7280",
    "#84842a",
    "#8a3fa0",
)
_DARK: Final = (
    "#5aa9e6",
    "#ff8a5c",
    "#4fb477",
    "#e39bc4",
    "#f0b429",
    "#a5dcff",
    "#9a8cf0",
    "#d9668f",
    "#6fd3c3",
    "#b0b7c3",
    "#cfcf6a",
    "#cf8fe0",
)


def _sources(colours: tuple[str, ...]) -> str:
    return "".join(f"--s{n}:{colour};" for n, colour in enumerate(colours))


_DAY: Final = f"""
  color-scheme: light;
  --bg: #f5f6f8; --surface: #fff; --sunk: #f1f3f6; --text: #1a2330; --mute: #566274; --rule: #dfe4ea; --grid: #e6eaef;
  --accent: #1f6fb4; --bound: #c2410c;
  --pass: #14713f; --pass-bg: #e3f4ea; --fail: #b3261e; --fail-bg: #fdeae7; --unsure: #835400; --unsure-bg: #fff3d9;
  --waived: #5b45a8; --waived-bg: #efebfb; --grey: #4d5a6b; --grey-bg: #e9edf2;
  --h0: #e3f4ea; --h0t: #14532d; --h1: #d5e6f7; --h1t: #123d66; --h2: #fde3b0; --h2t: #5c3a00; --h3: #f8b27c;
  --h3t: #4a1e00; --h4: #dd6a2c; --h4t: #1d0b00; --h5: #94230f; --h5t: #fff;
  {_sources(_LIGHT)}
"""
_NIGHT: Final = f"""
  color-scheme: dark;
  --bg: #0e131a; --surface: #161d27; --sunk: #0f151d; --text: #e7ecf3; --mute: #9eabbc; --rule: #2a3442;
  --grid: #242e3b;   --accent: #6cb4f0; --bound: #ff8a5c;
  --pass: #62d08f; --pass-bg: #12301f; --fail: #ff8f83; --fail-bg: #3b1613; --unsure: #f2bd55; --unsure-bg: #35270a;
  --waived: #b9a7ff; --waived-bg: #251d45; --grey: #b3bfcd; --grey-bg: #222c39;
  --h0: #12301f; --h0t: #8fe0b0; --h1: #12304c; --h1t: #a9d4fa; --h2: #4a3407; --h2t: #ffd98a; --h3: #7a3f0b;
  --h3t: #ffe0c2; --h4: #c45a1e; --h4t: #150700; --h5: #ff9d85; --h5t: #2b0600;
  {_sources(_DARK)}
"""
_OF_SOURCES: Final = "".join(f".s{n}{{--c:var(--s{n})}}" for n in range(len(_LIGHT)))
_OF_HEAT: Final = "".join(f".h{n}{{background:var(--h{n});color:var(--h{n}t)}}" for n in range(6))
_OF_KINDS: Final = "".join(
    f".{kind}{{--k:var(--{kind});--kb:var(--{kind}-bg)}}" for kind in ("pass", "fail", "unsure", "waived", "grey")
)

CSS: Final = (
    f":root{{{_DAY}}}\n@media (prefers-color-scheme: dark){{:root{{{_NIGHT}}}}}\n@media print{{:root{{{_DAY}}}}}\n"
    f"{_OF_SOURCES}{_OF_HEAT}{_OF_KINDS}\n"
    + """
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--bg); color: var(--text); line-height: 1.5; overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif }
h1, h2, h3, h4, h5, p, ul, dl, dd, figure { margin: 0; padding: 0 }
ul { list-style: none }
a { color: var(--accent) }
small { color: var(--mute); font-size: .84em; font-weight: 400 }
code, pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px }
[id] { scroll-margin-top: 16px }
.skip { position: absolute; left: -999px }
.skip:focus { left: 12px; top: 12px; background: var(--surface); padding: 8px 12px; z-index: 2 }

.hero { background: var(--kb); border-top: 6px solid var(--k); border-bottom: 1px solid var(--rule) }
.hero .inner { max-width: 1240px; margin: 0 auto; padding: 34px 28px 26px }
.question { color: var(--mute); font-size: 1.05rem }
h1 { display: flex; align-items: center; gap: .28em; font-size: clamp(2.3rem, 7vw, 3.7rem); line-height: 1.1;
  letter-spacing: -.02em; font-weight: 750; color: var(--k); margin: 8px 0 10px }
h1 .sign { display: inline-grid; place-items: center; flex: none; width: 1.05em; height: 1.05em; font-size: .78em;
  border-radius: 50%; background: var(--k) }
h1 svg { width: 70%; stroke: var(--kb); stroke-width: 3; stroke-linecap: round; stroke-linejoin: round; fill: none }
.answer { font-size: 1.15rem; font-weight: 550 }
.run { color: var(--mute); font-size: .87rem }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(96px, 1fr)); gap: 10px; margin: 20px 0 16px;
  max-width: 860px }
.tile { background: var(--surface); border: 1px solid var(--rule); border-radius: 10px; padding: 9px 13px 10px;
  display: flex; flex-direction: column-reverse; justify-content: flex-end }
.tile dt { color: var(--mute); font-size: .84rem }
.tile dd { white-space: nowrap;
  font-size: 1.45rem; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums }
.tile.fail dd, .tile.unsure dd, .tile.waived dd { color: var(--k) }

.layout { max-width: 1240px; margin: 0 auto; padding: 24px 28px; display: grid; gap: 28px;
  grid-template-columns: 196px minmax(0, 1fr) }
nav { position: sticky; top: 18px; align-self: start; max-height: calc(100vh - 36px); overflow-y: auto;
  font-size: .9rem }
nav a { display: block; padding: 5px 10px; border-radius: 7px; color: var(--text); text-decoration: none }
nav a:hover { background: var(--grey-bg) }
nav .sub a { padding-left: 20px; color: var(--mute) }
nav i { display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: var(--k); margin-right: 3px }
main { min-width: 0; display: grid; grid-template-columns: minmax(0, 1fr); gap: 20px }
footer { color: var(--mute); font-size: .85rem; max-width: 1240px; margin: 0 auto; padding: 4px 28px 40px }

.card, .model { background: var(--surface); border: 1px solid var(--rule); border-radius: 14px; padding: 20px 22px }
.card:not(.plain) { border-color: color-mix(in srgb, var(--k) 35%, var(--rule)); border-top: 4px solid var(--k) }
.card:not(.plain) h2 small { color: var(--k); background: var(--kb); border-radius: 999px; padding: 1px 10px;
  font-weight: 650; font-size: .85rem; vertical-align: 2px }
h2 { font-size: 1.25rem; letter-spacing: -.01em; margin-bottom: 12px }
h2 small { font-size: .95rem }
h3 { font-size: 1.12rem; margin: 18px 0 8px }
.model > header, .whole > summary { display: flex; align-items: center; gap: 12px; flex-wrap: wrap }
.model h3 { font-size: 1.32rem; letter-spacing: -.01em; margin: 0 }
h4 { font-size: 1.04rem; margin-bottom: 8px }
h5 { font-size: .95rem }
.block { margin-top: 22px; padding-top: 18px; border-top: 1px solid var(--rule) }
.about { color: var(--mute); margin-bottom: 12px; max-width: 78ch }
.absent { color: var(--mute); font-style: italic }
.calm { color: var(--mute); padding: 0 4px }
.mute { color: var(--mute) }

.badge { display: inline-block; white-space: nowrap; border-radius: 999px; padding: 1px 10px; font-size: .8rem;
  font-weight: 650; color: var(--k); background: var(--kb) }
.state { white-space: nowrap; color: var(--k); font-weight: 550 }
.state small { display: block; font-size: .78rem }
.chips { display: inline-flex; flex-wrap: wrap; gap: 4px; vertical-align: middle }
.chip { display: inline-block; border-radius: 6px; padding: 0 7px; font-size: .8rem; background: var(--grey-bg);
  color: var(--grey) }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 10px 22px; margin: 14px 0 }
.facts > div:has(code) { grid-column: span 2 }
.facts dt { color: var(--mute); font-size: .82rem }
.items li { padding: 7px 0; border-top: 1px solid var(--rule) }
.items li:first-child { border-top: 0 }
.tests { columns: 2 360px; column-gap: 28px }
.tests li { display: flex; gap: 8px; align-items: baseline; padding: 3px 0; break-inside: avoid }
.grow { flex: 1 1 0; min-width: 0 }

.wide { overflow-x: auto; max-width: 100%; margin: 4px 0; border: 1px solid var(--rule); border-radius: 10px }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums;
  overflow-wrap: break-word }
th, td { padding: 7px 12px; text-align: left; vertical-align: top; border-top: 1px solid var(--rule); max-width: 44ch }
td:first-child { min-width: 15ch }
td.long { min-width: 26ch }
thead th { border-top: 0; color: var(--mute); font-weight: 550; font-size: .84rem;
  vertical-align: bottom; background: var(--sunk) }
td.n { white-space: nowrap }
.n { text-align: right }
.heat .wide { width: fit-content }
.heat td { padding: 3px; vertical-align: middle }
.heat td:first-child { padding: 3px 14px 3px 12px }
.cell { display: block; min-width: 74px; padding: 5px 10px; border-radius: 6px; text-align: center; font-weight: 600 }
.cell.none { color: var(--mute); font-weight: 400 }
.side { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)) }

summary { cursor: pointer; list-style-position: outside }
summary::marker { color: var(--mute) }
.quiet { margin-top: 10px }
.quiet > summary { color: var(--mute); font-size: .9rem; width: fit-content; list-style-position: inside }
.inside { padding: 8px 0 4px }
.said { border-top: 1px solid var(--rule); padding: 10px 0 10px 18px }
.said:first-of-type { border-top: 0 }
.said[open] .first { display: none }
.said .first { display: block; color: var(--mute); font-size: .9rem }
.suite { border-top: 1px solid var(--rule); padding: 9px 0 9px 18px }
.outcome { margin: 2px 0; padding: 4px 10px 4px 26px; border-radius: 8px; font-size: .92rem }
.outcome[open], .outcome:hover { background: var(--sunk) }
.outcome .grow { margin: 0 4px }
.outcome .what { color: var(--mute); margin-right: 6px }
.outcome.fail { border-left: 3px solid var(--fail) }
pre { white-space: pre-wrap; overflow: hidden auto; max-height: 460px; margin: 8px 0; padding: 12px 14px;
  background: var(--sunk); border: 1px solid var(--rule); border-radius: 8px }
pre span { display: block }
pre .rows { white-space: pre; overflow-x: auto }

.grid { display: grid; gap: 26px 24px; grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr)) }
figure { min-width: 0; break-inside: avoid; display: grid; grid-row: span 2; grid-template-rows: subgrid; row-gap: 6px }
figcaption p { color: var(--mute); font-size: .86rem }
.chart { display: block; width: 100%; height: auto; overflow: visible }
.chart text { font: 11.5px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--mute);
  font-variant-numeric: tabular-nums }
.chart .title { fill: var(--text) }
.chart .value { fill: var(--text) }
.chart .end { text-anchor: end } .chart .middle { text-anchor: middle }
.grid line, .chart .grid { stroke: var(--grid); stroke-width: 1 }
.chart .axis, .chart .zero { stroke: var(--mute); stroke-width: 1 }
.chart .zero { stroke-opacity: .55 }
.chart .same { stroke: var(--text); stroke-width: 1; stroke-opacity: .6; stroke-dasharray: 4 3; fill: none }
.chart .bound { stroke: var(--bound); stroke-width: 1.6; stroke-dasharray: 6 3 }
.chart .bounded { fill: var(--bound) }
.chart .dots { stroke: var(--c); stroke-width: 3; stroke-linecap: round; fill: none; stroke-opacity: .75 }
.chart [transform^="scale(0.5)"].dots { stroke-width: 6 }
.chart .line { stroke: var(--c, var(--accent)); stroke-width: 1.6; fill: none; stroke-linejoin: round }
.chart .near { fill: var(--c, var(--accent)) }
.chart .far { fill: var(--c, var(--accent)); stroke: var(--text); stroke-width: 1.6 }
.chart .bar { fill: var(--c) }
.chart .whisker { stroke: var(--text); stroke-width: 1.3; fill: none }
.ratio.pass { --k: var(--pass) } .ratio.regressed { --k: var(--fail) } .ratio.unresolved { --k: var(--unsure) }
.ratio.known { --k: var(--accent) }
.chart .ratio { fill: var(--k); stroke: var(--surface); stroke-width: 1 }
.chart .ratio.unresolved, .chart .ratio.known { fill: var(--surface); stroke: var(--k); stroke-width: 2 }
i.ratio { display: inline-block; width: 9px; height: 9px; border-radius: 50%; background: var(--k);
  border: 2px solid var(--k) }
i.ratio.unresolved, i.ratio.known { background: none }
i.bound { display: inline-block; width: 0; height: 12px; border-left: 2px dashed var(--bound); vertical-align: -2px }
.sign { margin-right: 12px; white-space: nowrap }
h1 .sign { margin: 0 }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 12px; font-size: .86rem; color: var(--mute) }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; vertical-align: -1px }
.legend i[class^="s"] { background: var(--c) }
.legend i[class^="h"] { border: 1px solid var(--rule) }

@media (max-width: 900px) {
  .layout { display: block; padding: 0 12px 20px }
  .hero .inner { padding: 24px 16px 18px }
  footer { padding: 4px 16px 32px }
  nav { position: static; max-height: none; margin: 0 -12px; padding: 10px 12px; overflow-x: auto }
  nav ul { display: flex; gap: 6px; width: max-content }
  nav a, nav .sub a { padding: 4px 12px; border: 1px solid var(--rule); border-radius: 999px;
    background: var(--surface); white-space: nowrap }
  .card, .model { padding: 16px 14px; border-radius: 12px }
}
@media (max-width: 560px) {
  .chart text { font-size: 14px }
  .grid { margin: 0 -6px }
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)) }
  .tiles { grid-template-columns: repeat(3, minmax(0, 1fr)) }
  .tile { padding: 7px 9px }
  .tile dd { font-size: 1.15rem }
  .outcome { padding-left: 20px }
  th, td { padding: 6px 9px }
}
@media print {
  @page { margin: 14mm }
  body { background: #fff; font-size: 10.5pt; -webkit-print-color-adjust: exact; print-color-adjust: exact }
  nav, .skip { display: none }
  .tiles { grid-template-columns: repeat(6, 1fr); max-width: none; gap: 6px }
  .tile { padding: 5px 8px } .tile dd { font-size: 1.05rem } .tile dt { font-size: .74rem }
  .layout { display: block; padding: 0; max-width: none }
  .hero .inner { padding: 14px 16px; max-width: none }
  main { display: block }
  .card, .model { border: 0; border-top: 1px solid var(--rule); border-radius: 0; padding: 12px 0; margin: 0 }
  .card:not(.plain) { border-top: 3px solid var(--k) }
  .model { break-before: page }
  .grid { grid-template-columns: 1fr 1fr; gap: 16px }
  .wide { overflow: visible }
  table { font-size: 8pt } th, td { padding: 3px 6px } thead th { white-space: normal }
  tr, figure, .cell, h4 { break-inside: avoid } h2, h3, h4, summary { break-after: avoid }
  pre { max-height: none; overflow: visible }
  pre .rows { white-space: pre-wrap; overflow: visible }
  /* What is closed is printed all the same, but for the rows behind outcomes that passed: they are a line each. */
  details::details-content { content-visibility: visible; display: block; block-size: auto }
  .outcome.pass::details-content { content-visibility: hidden; display: none }
}
"""
)
