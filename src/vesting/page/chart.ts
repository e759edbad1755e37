import * as echarts from "echarts";
import { INK } from "./palette.ts";

/** Unix seconds and OPG, a double: charts are for the eye, the table is exact. */
export type Point = [unix: number, opg: number];

export type StepChart = {
  /** Unique on the page; ids inside the chart start with it. */
  id: string;
  /** What a reader who does not see it is told. */
  label: string;
  /** Pixels. */
  width: number;
  height: number;
  from: number;
  to: number;
  /** Areas, the lowest first; all have the same times. */
  areas: { colour: string; points: Point[] }[];
  /** A line of steps over the areas. */
  line: Point[];
  /** Where the chart divides past from future, Unix seconds. */
  now: { unix: number; text: string } | null;
  ticks: { unix: number; text: string }[];
};

const FONT = "system-ui,sans-serif";

/** An SVG element: steps stacked on each other. Its bytes depend on nothing but the arguments. */
export function stepChart(chart: StepChart): string {
  const { width, height } = chart;
  const drawing = echarts.init(null, null, { renderer: "svg", ssr: true, width, height, locale: "EN" });
  drawing.setOption(optionOf(chart));
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return settled(svg, chart);
}

function optionOf({ width, from, to, areas, line, now, ticks }: StepChart): echarts.EChartsOption {
  const stacked = stack(areas.map(({ points }) => points));
  const text = { color: INK.text.light, fontFamily: FONT, fontSize: 12 };
  const texts = new Map(ticks.map(({ unix, text }) => [unix, text]));
  const customValues = ticks.map(({ unix }) => unix);
  const steps = { type: "line", step: "end", symbol: "none", silent: true } as const;
  return {
    animation: false,
    grid: { left: 52, right: width < 500 ? 14 : 24, top: 30, bottom: 26 },
    xAxis: {
      type: "value",
      min: from,
      max: to,
      splitLine: { show: false },
      axisLine: { lineStyle: { color: INK.axis.light } },
      axisTick: { show: true, customValues, lineStyle: { color: INK.axis.light } },
      axisLabel: { ...text, customValues, hideOverlap: true, formatter: (unix: number) => texts.get(unix) ?? "" },
    },
    yAxis: {
      type: "value",
      splitLine: { lineStyle: { color: INK.grid.light } },
      axisLabel: { ...text, formatter: shortAmount },
    },
    series: [
      ...areas
        .map(({ colour }, i) => ({
          ...steps,
          data: stacked[i] as Point[],
          lineStyle: { color: INK.edge.light, width: 1 },
          areaStyle: { color: colour, opacity: 1 },
        }))
        .reverse(),
      {
        ...steps,
        data: line,
        lineStyle: { color: INK.claimed.light, width: 2.5 },
        ...(now && {
          markLine: {
            silent: true,
            symbol: "none",
            data: [{ xAxis: now.unix }],
            lineStyle: { color: INK.now.light, type: [4, 3], width: 1.5 },
            label: { formatter: now.text, color: INK.now.light, fontFamily: FONT, fontSize: 12, fontWeight: 600 },
          },
        }),
      },
    ],
  };
}

/** Each layer's height on top of those under it, from where it has any. */
function stack(layers: Point[][]): Point[][] {
  const sums = new Map<number, number>();
  return layers.map((points) =>
    points.flatMap(([unix, opg]): Point[] => {
      const top = (sums.get(unix) ?? 0) + opg;
      sums.set(unix, top);
      return opg > 0 ? [[unix, top]] : [];
    }),
  );
}

function shortAmount(opg: number): string {
  if (opg >= 1e9) return `${opg / 1e9}B`;
  if (opg >= 1e6) return `${opg / 1e6}M`;
  return opg >= 1e3 ? `${opg / 1e3}k` : `${opg}`;
}

/** The renderer numbers classes and ids through a whole process, and styles only what a pointer would do. */
function settled(svg: string, { id, label, width, height }: StepChart): string {
  const ids = [...new Set(Array.from(svg.matchAll(/ id="([^"]+)"/g), ([, found]) => found as string))];
  const bare = svg
    .replace(/<style[\s\S]*?<\/style>/g, "")
    .replace(/ (?:class|pointer-events|ecmeta_\w+)="[^"]*"/g, "")
    .replace(/\n+/g, "\n");
  const named = ids.reduce((text, found, i) => {
    return text.replaceAll(`id="${found}"`, `id="${id}-${i}"`).replaceAll(`url(#${found})`, `url(#${id}-${i})`);
  }, bare);
  const opening = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">`;
  return named.replace(/^<svg[^>]*>/, () => opening).trim();
}
