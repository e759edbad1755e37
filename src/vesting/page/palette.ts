/** Fill on white, and the same on the dark background. */
export type Colour = { light: string; dark: string };

const BOOK: Colour[] = [
  { light: "#2f6fde", dark: "#5b93f5" },
  { light: "#12a594", dark: "#27c2b0" },
  { light: "#e08a1e", dark: "#f0a544" },
  { light: "#c2387a", dark: "#e3639c" },
  { light: "#7c55d6", dark: "#a184ec" },
  { light: "#6a9a2d", dark: "#93c353" },
  { light: "#b4532a", dark: "#dd7b50" },
  { light: "#2d8fb5", dark: "#56b5d9" },
];

const LIQUID: Colour[] = [
  { light: "#66758a", dark: "#7b8aa0" },
  { light: "#9aa7b8", dark: "#a9b6c7" },
  { light: "#c0cad6", dark: "#ccd5e0" },
];

/** Ink of a chart. */
export const INK = {
  text: { light: "#4a5565", dark: "#b4bfcd" },
  grid: { light: "#e4e8ee", dark: "#2b3441" },
  axis: { light: "#a8b2c0", dark: "#566274" },
  claimed: { light: "#10161f", dark: "#fbfdff" },
  now: { light: "#d1242f", dark: "#ff7b72" },
  edge: { light: "#fefefe", dark: "#151b24" },
} satisfies Record<string, Colour>;

/** Colour of the i-th category of a book. */
export const bookColour = (i: number) => BOOK[i % BOOK.length] as Colour;

/** Colour of the i-th amount that was liquid at launch. */
export const liquidColour = (i: number) => LIQUID[i % LIQUID.length] as Colour;

const ALL: Colour[] = [...BOOK, ...LIQUID, ...Object.values(INK)];

/** Backgrounds of swatches, by the colour that they name. */
export const swatchRules = () => ALL.map(({ light }) => `[data-colour="${light}"]{background:${light}}`).join("\n");

/** Rules that put the dark colours in the place of the light ones in SVG attributes and swatches. */
export function darkRules(): string {
  return ALL.map(
    ({ light, dark }) =>
      `svg [fill="${light}"]{fill:${dark}}svg [stroke="${light}"]{stroke:${dark}}[data-colour="${light}"]{background:${dark}}`,
  ).join("\n");
}
