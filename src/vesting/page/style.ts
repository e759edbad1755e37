import { darkRules, swatchRules } from "./palette.ts";

/** The page's style sheet, light and dark, from 320 pixels up. */
export const STYLE = `
:root{color-scheme:light dark;--page:#f5f7fa;--card:#fefefe;--line:#dfe4eb;--ink:#141a23;--soft:#4f5b6b;--faint:#5f6b7b;--accent:#1d5fd1;--band:#eef2f8;--next:#e8f0fe;--good:#0c6b3d;--bad:#b42318}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1240px;margin:0 auto;padding:36px 24px 56px}
h1{margin:0;font-size:30px;line-height:1.2;letter-spacing:-.015em}
h2{margin:0 0 4px;font-size:18px;letter-spacing:-.005em}
p{margin:0}
.lead{margin-top:6px;color:var(--soft);max-width:72ch}
.cards{display:grid;grid-template-columns:1.6fr 1fr 1fr;gap:16px;margin-top:24px}
.card,section{background:var(--card);border:1px solid var(--line);border-radius:12px;min-width:0}
.card{padding:18px 20px}
section{margin-top:16px;padding:20px}
.card .eyebrow{color:var(--faint);font-size:12px;font-weight:600;letter-spacing:.04em;text-transform:uppercase}
.card .amount{margin-top:2px;font-size:24px;font-weight:650;letter-spacing:-.01em;font-variant-numeric:tabular-nums}
.card .amount small,.stat small{font-size:.6em;font-weight:500;color:var(--soft)}
.card .amount .unit{font-size:.6em;font-weight:500;color:var(--soft)}
.card .when{color:var(--soft);font-size:13px}
.card.first{border-color:var(--accent);box-shadow:inset 4px 0 0 var(--accent)}
.card ul{margin:10px 0 0;padding:0;list-style:none;font-size:13px}
.card li{display:flex;justify-content:space-between;gap:12px;padding:3px 0;border-top:1px solid var(--line);font-variant-numeric:tabular-nums}
.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:1px;margin-top:16px;background:var(--line);border:1px solid var(--line);border-radius:12px;overflow:hidden}
.stat{background:var(--card);padding:14px 20px}
.stat dt{color:var(--faint);font-size:12px}
.stat dd{margin:0;font-size:17px;font-weight:600;font-variant-numeric:tabular-nums}
.stat dd span{display:block;font-size:12px;font-weight:400;color:var(--soft)}
.note{color:var(--soft);font-size:13px}
.legend{display:flex;flex-wrap:wrap;gap:6px 20px;margin:12px 0 4px;padding:0;list-style:none;font-size:13px}
.legend li{display:flex;align-items:center;gap:7px;white-space:nowrap}
.legend i{width:11px;height:11px;border-radius:3px;flex:none}
.legend i.line{height:3px;width:16px;border-radius:2px}
.legend span{color:var(--soft);font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:auto}
.phone{display:none}
.scroll{margin:14px -20px -20px;overflow-x:auto;border-top:1px solid var(--line);border-radius:0 0 12px 12px;position:relative}
.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:-2px}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:12.5px;line-height:1.35;font-variant-numeric:tabular-nums}
caption{caption-side:bottom;text-align:left;padding:12px 20px;color:var(--soft);font-size:12px}
th,td{padding:7px 6px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;white-space:nowrap}
.n{text-align:right}
thead th{color:var(--soft);font-weight:600;font-size:11.5px;background:var(--band);white-space:normal;vertical-align:bottom}
th:first-child{position:sticky;left:0;z-index:1;background:var(--card);padding-left:20px;font-weight:600}
thead th:first-child{background:var(--band)}
td:last-child,thead th:last-child{padding-right:20px}
td small,th small,caption small{color:var(--faint);font-size:10px;font-weight:400;letter-spacing:-.03em}
td small{display:block}
.sum{font-weight:600}
.none{color:var(--faint)}
.good{color:var(--good);font-weight:600}
.bad{color:var(--bad);font-weight:700}
.year th,.year th:first-child{position:static;background:var(--band);font-size:12px;padding-top:5px;padding-bottom:5px;color:var(--soft)}
.year span{position:sticky;left:20px}
.unlocked td,.unlocked th,.unlocked th:first-child{background:color-mix(in srgb,var(--good) 5%,var(--card))}
.next td,.next th,.next th:first-child{background:var(--next)}
.state{display:inline-block;margin-left:4px;padding:0 6px;border:1px solid var(--line);border-radius:99px;font-size:10.5px;line-height:1.4;font-weight:500;color:var(--soft)}
.unlocked .state{border-color:var(--good);color:var(--good)}
.next .state{border-color:var(--accent);background:var(--accent);color:var(--card)}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:6px 20px;margin:12px 0 0;font-size:13px}
.facts dt{color:var(--faint)}
.facts dd{margin:0;font-family:ui-monospace,"SF Mono",Menlo,"Liberation Mono",monospace;font-size:12.5px;overflow-wrap:anywhere}
${swatchRules()}
@media (max-width:760px){
main{padding:24px 16px 40px}
h1{font-size:24px}
.cards{grid-template-columns:1fr 1fr;gap:12px;margin-top:18px}
.card.first{grid-column:1/-1}
.card:not(.first){padding:14px 16px}
.card:not(.first) .amount{font-size:17px}
.card:not(.first) ul{display:none}
section{padding:16px}
section.chart{padding:16px 0 10px}
section.chart>h2,section.chart>p,section.chart>ul{margin-left:16px;margin-right:16px}
.wide{display:none}
.phone{display:block}
.stats{grid-template-columns:1fr 1fr}
.stat{padding:12px 16px}
.stat dd{font-size:15px;overflow-wrap:anywhere}
.scroll{margin:12px -16px -16px}
th,td{padding:7px 10px}
th:first-child{padding-left:16px}
tr.unlock th{box-shadow:1px 0 0 var(--line)}
.year span{left:16px}
.legend{flex-direction:column;gap:5px}
.legend li{white-space:normal}
.legend span{margin-left:auto;text-align:right}
.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:8px}
}
@media (prefers-color-scheme:dark){
:root{--page:#0e131a;--card:#151b24;--line:#2b3441;--ink:#edf1f6;--soft:#b4bfcd;--faint:#9aa7b6;--accent:#79aaff;--band:#1b232e;--next:#17294a;--good:#56d292;--bad:#ff8a80}
${darkRules()}
}
@media print{body{background:none}.scroll{overflow:visible}}
`.trim();
