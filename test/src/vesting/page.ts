import { AxeBuilder } from "@axe-core/playwright";
import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import type { PageInput } from "../../../src/vesting/page/types.ts";
import { vestingPage } from "../../../src/vesting/page.ts";
import { findChromium, startBrowser } from "../../helpers/browser.ts";
import { publishedInput, publishedReport } from "../../helpers/vesting.ts";

/*
page
├── it should have the same bytes for the same input
├── it should write names as text
├── given a report
│  ├── it should show difference and lateness of what has passed
│  └── it should show a difference that is not zero
├── given no report
│  └── it should show neither, and no claims
└── in a browser, wide and light, on a dark phone
   ├── it should load nothing and log nothing
   ├── it should not scroll sideways, and show both charts
   ├── it should have a row for each unlock, and the hashes
   └── it should have no serious accessibility violation
*/
describe("page", () => {
  const input = (): PageInput => ({ ...publishedInput(), report: publishedReport() });

  it("has the same bytes for the same input", () => {
    const first = vestingPage(input());

    expect(vestingPage(publishedInput())).not.to.equal(first);
    expect(vestingPage(input())).to.equal(first);
  });

  it("writes names as text", () => {
    const hostile = input();
    for (const schedule of hostile.book.schedules) schedule.category = `"><script>alert(1)</script>&`;
    hostile.source.compiler = "<img src=x>";
    const html = vestingPage(hostile);

    expect(html).not.to.match(/<script|<img/i);
  });

  it("shows difference and lateness", () => {
    const html = vestingPage(input());

    expect(html.match(/<td class="n good">0<\/td>/g)).to.have.length(7);
    expect(html).to.include("0 wei<span>over 7 unlocks</span>");
  });

  it("shows a difference that is not zero", () => {
    const wrong = input();
    wrong.report!.rows[2]!.differenceWei = 3n;
    const html = vestingPage(wrong);

    expect(html).to.include(`<td class="n bad">3</td>`);
    expect(html).to.include("3 wei<span>over 7 unlocks</span>");
  });

  it("says what the file says without a report", () => {
    const html = vestingPage(publishedInput());

    expect(html).not.to.match(/Difference \(wei\)|Claimed|class="state"/);
    expect(html).to.include("First unlock");
  });

  describe("in a browser", () => {
    let browser: Browser | undefined;

    before(async () => {
      browser = await startBrowser();
    });
    after(async () => await browser?.close());

    if (!findChromium()) {
      it.skip("needs Chromium: install it, or name its program in CHROMIUM");
      return;
    }

    const sizes: [string, number, "light" | "dark"][] = [
      ["wide and light", 1280, "light"],
      ["on a dark phone", 390, "dark"],
    ];
    for (const [name, width, colorScheme] of sizes) {
      describe(name, () => {
        let page: Page;
        const noise: string[] = [];

        before(async () => {
          const context = await (browser as Browser).newContext({ viewport: { width, height: 900 }, colorScheme });
          page = await context.newPage();
          page.on("console", (message) => noise.push(message.text()));
          page.on("pageerror", (error) => noise.push(String(error)));
          page.on("request", (request) => noise.push(request.url()));
          await page.setContent(vestingPage(input()));
        });
        after(async () => await page.context().close());

        it("loads nothing and logs nothing", () => {
          expect(noise.filter((line) => !line.startsWith("data:"))).to.deep.equal([]);
        });

        it("does not scroll sideways", async () => {
          const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
          expect(overflow).to.be.at.most(0);
        });

        it("shows both charts, each once and whole", async () => {
          const charts = await page.locator("svg[role=img]:visible").all();
          const boxes = await Promise.all(charts.map((chart) => chart.boundingBox()));

          expect(boxes).to.have.length(2);
          for (const box of boxes) expect(box?.width).to.be.within(300, width);
        });

        it("has a row for each unlock, and the hashes", async () => {
          const { bookHash, tableHash } = publishedInput();
          const june = page.locator("tr.unlock", { hasText: "2026-06-21" });

          expect(await page.locator("tr.unlock").count()).to.equal(97);
          expect(await page.locator("tr.unlocked").count()).to.equal(7);
          expect(await page.locator("tr.next").innerText()).to.include("2026-11-21");
          expect(await june.innerText()).to.include("9,125,000");
          expect(await page.locator("body").innerText())
            .to.include(bookHash)
            .and.include(tableHash);
        });

        it("has no serious accessibility violation", async () => {
          const { violations } = await new AxeBuilder({ page }).analyze();
          const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");

          expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)).to.deep.equal(
            [],
          );
        });
      });
    }
  });
});
