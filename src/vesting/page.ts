import { formatPercent, formatWeiGrouped } from "./amount.ts";
import { lastMonthOf } from "./book.ts";
import { anniversary, formatTime } from "./calendar.ts";
import { liquidWei, lockedWei, supplyWei } from "./exports/releases.ts";
import { categoryLabel } from "./exports/trackers.ts";
import { longDate } from "./page/dates.ts";
import { escapeHtml } from "./page/html.ts";
import { INK } from "./page/palette.ts";
import { STYLE } from "./page/style.ts";
import { claimsChart, layersOf, nowUnixOf, supplyChart } from "./page/supply.ts";
import type { PageInput, PageReport } from "./page/types.ts";
import { unlocksHtml } from "./page/unlocks.ts";
import type { Claim } from "./reportTypes.ts";
import { type Unlock, unlockedAt, unlockedByCategory, unlockTable } from "./table.ts";

const DAY = 86_400;

/** The calendar as one HTML document: no script, nothing loaded from elsewhere. The same input gives the same bytes. */
export function vestingPage(input: PageInput): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>OPG unlock calendar</title>
<style>
${STYLE}
</style>
</head>
<body>
<main>
<header>
<h1>OPG unlock calendar</h1>
<p class="lead">The published schedule is the runtime code of a contract: its code hash is the hash of the file. Every unlock below follows from it, to the second and the wei.</p>
</header>
${nextCards(input)}
${stats(input)}
<section class="chart">
<h2>Supply curve</h2>
<p class="note">What is free to move, by category: liquid at launch, then what the book has unlocked.</p>
${supplyLegend(input)}
${supplyChart(input)}
</section>
${claimsSection(input)}
<section>
<h2>Unlocks</h2>
<p class="note">${unlocksNote(input)}</p>
${unlocksHtml(input)}
</section>
${facts(input)}
</main>
</body>
</html>
`;
}

function nextCards(input: PageInput): string {
  const { categories, unlocks } = unlockTable(input.book);
  const now = nowUnixOf(input);
  const coming = unlocks.filter(({ unix }) => now === null || unix > now).slice(0, 3);
  if (coming.length === 0) return "";
  const titles = now === null ? ["First unlock", "Second", "Third"] : ["Next unlock", "Then", "Then"];
  const cards = coming.map(({ unix, amountWei, byCategoryWei }: Unlock, i) => {
    const days = now === null ? "" : ` · in ${plural(Math.ceil((unix - now) / DAY), "day")}`;
    const parts = categories.flatMap((category, k) => {
      const wei = byCategoryWei[k] as bigint;
      return wei > 0n
        ? [`<li>${escapeHtml(categoryLabel(category))}<span>${formatWeiGrouped(wei, 2)}</span></li>`]
        : [];
    });
    return `<div class="${i === 0 ? "card first" : "card"}">
<p class="eyebrow">${titles[i]}</p>
<p class="amount">${formatWeiGrouped(amountWei, 2)} <span class="unit">OPG</span></p>
<p class="when"><time datetime="${formatTime(unix)}">${longDate(unix)}, ${formatTime(unix).slice(11, 19)} UTC</time>${days}</p>
<ul>${parts.join("")}</ul>
</div>`;
  });
  return `<div class="cards">\n${cards.join("\n")}\n</div>`;
}

function stats(input: PageInput): string {
  const now = nowUnixOf(input);
  const locked = lockedWei(input);
  const unlocked = now === null ? 0n : unlockedAt(input.book, now);
  const lastUnlock = anniversary(input.book.anchor, lastMonthOf(input.book));
  const entries: [string, string, string][] = [
    ["In the book", whole(locked), `${formatPercent(locked, supplyWei(input), 2)} % of supply`],
    [
      "Liquid at launch",
      whole(liquidWei(input)),
      `${formatPercent(liquidWei(input), supplyWei(input), 2)} % of supply`,
    ],
    ["Unlocked by the book", whole(unlocked), `${formatPercent(unlocked, locked, 2)} % of the book`],
    ["Still locked", whole(locked - unlocked), `until ${longDate(lastUnlock)}`],
  ];
  const { report } = input;
  if (report) {
    const seen = report.rows.filter(({ block }) => block !== null);
    const worst = seen.reduce((most, { differenceWei }) => (differenceWei > most ? differenceWei : most), 0n);
    entries.push(["Claimed", whole(claimedWei(report.claims)), plural(report.claims.length, "payment")]);
    entries.push(["Greatest difference", `${worst} wei`, `over ${plural(seen.length, "unlock")}`]);
  }
  const items = entries.map(
    ([name, value, note]) => `<div class="stat"><dt>${name}</dt><dd>${value}<span>${note}</span></dd></div>`,
  );
  return `<dl class="stats">\n${items.join("\n")}\n</dl>`;
}

function supplyLegend(input: PageInput): string {
  const items = layersOf(input).map(({ label, colour, wei, liquid }) =>
    legendItem(colour, label, `${whole(wei)}${liquid ? ", liquid at launch" : ""}`),
  );
  const line = input.liquid.length > 0 ? "Liquid at launch and claimed" : "Claimed";
  if (input.report) items.push(legendItem(INK.claimed.light, line, "", "line"));
  return `<ul class="legend">${items.join("")}</ul>`;
}

function claimsLegend(input: PageInput, { head, claims }: PageReport): string {
  const unlocked = unlockedByCategory(input.book, head.unix);
  const items = layersOf(input)
    .filter(({ liquid }) => !liquid)
    .flatMap(({ label, colour }, i) => {
      const wei = unlocked[i] as bigint;
      return wei > 0n ? [legendItem(colour, label, whole(wei))] : [];
    });
  items.push(legendItem(INK.claimed.light, "Claimed", whole(claimedWei(claims)), "line"));
  return `<ul class="legend">${items.join("")}</ul>`;
}

function legendItem(colour: string, label: string, amount: string, shape?: "line"): string {
  const swatch = `<i${shape ? ` class="${shape}"` : ""} data-colour="${colour}"></i>`;
  return `<li>${swatch}${escapeHtml(label)} <span>${amount}</span></li>`;
}

function claimsSection(input: PageInput): string {
  if (!input.report) return "";
  return `<section class="chart">
<h2>Unlocked and claimed</h2>
<p class="note">The book's categories up to block ${input.report.head.block}. The gap between the top and the line waits in the vault to be claimed.</p>
${claimsLegend(input, input.report)}
${claimsChart(input)}
</section>`;
}

function unlocksNote({ report }: PageInput): string {
  if (!report) return "What the book says. A conformance report adds what the chain shows.";
  const { block, unix } = report.head;
  return `Compared with the chain up to block ${block} (${formatTime(unix)}). Difference: greatest deviation between the file and the chain at that unlock. Late: seconds between the moment and the first block after it.`;
}

function facts({ bookHash, tableHash, source }: PageInput): string {
  const known: [string, string | number | undefined][] = [
    ["Book hash", bookHash],
    ["Table hash", tableHash],
    ["Chain id", source.chainId],
    ["Token", source.token],
    ["Vault", source.vault],
    ["Book", source.book],
    ["Lens", source.lens],
    ["Compiler", source.compiler],
    ["Commit", source.commit],
  ];
  const items = known
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(String(value))}</dd>`);
  return `<section>
<h2>Check it</h2>
<p class="note">The book hash is keccak256 of the published file and EXTCODEHASH of the book. The table hash is keccak256 over the months of timestamp and cumulative wei.</p>
<dl class="facts">${items.join("\n")}</dl>
</section>`;
}

const claimedWei = (claims: Claim[]) => claims.reduce((sum, { amountWei }) => sum + amountWei, 0n);

const whole = (wei: bigint) => formatWeiGrouped(wei, 0);

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
