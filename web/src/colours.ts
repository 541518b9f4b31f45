/** Colours of groups, categories and numbers, as in the project's charts. */

import type { Coded } from "./api";
import { NONE } from "./arrays";

export type Rgb = readonly [number, number, number];

// Paul Tol's "muted" scheme with its pale tones made stronger, then the same hues darker or lighter: these are triangles
const LIGHT = [
  "#cc6677", "#332288", "#ddaa33", "#117733", "#66bbe6", "#882255", "#44aa99", "#999933", "#aa4499", "#555555",
  "#8a3a49", "#8f86c9", "#8f6a14", "#7cc08f", "#2a6f93", "#c98aa9", "#1f6358", "#5c5c12", "#d9a0cf", "#111111",
];
// the same order of hues on a dark ground: what was dark is light
const DARK = [
  "#e27c8c", "#8f86f0", "#e6b84a", "#49b06c", "#74c6ef", "#d0608f", "#56c2b0", "#b8b84c", "#cf78c4", "#b4bac1",
  "#b56473", "#b9b2ee", "#b58d36", "#9bd6ab", "#4d97bd", "#e3afc8", "#3d9183", "#8d8d3a", "#eabfe2", "#e8ebee",
];
const OTHER = { light: "#b3bbc4", dark: "#5f6973" };
const RAMP = {
  light: ["#f0b26b", "#d9736a", "#a8437e", "#64307c", "#201a4d"],
  dark: ["#3a3f8f", "#7a4ba8", "#c0569b", "#f08a78", "#fbd58a"],
};

export type Theme = "light" | "dark";

export function rgb(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export function css(colour: Rgb): string {
  return `rgb(${colour.map(Math.round).join(" ")})`;
}

/** So many categories have a colour of their own; the others are grey. */
export const OWN_COLOURS = LIGHT.length;

/** From this one on categories are triangles on the map, as in the project's charts. */
export const FIRST_TRIANGLE = 10;

export function ownColour(place: number, theme: Theme): Rgb {
  const hex = (theme === "dark" ? DARK : LIGHT)[place];
  return rgb(hex ?? OTHER[theme]);
}

export function otherColour(theme: Theme): Rgb {
  return rgb(OTHER[theme]);
}

export function ramp(share: number, theme: Theme): Rgb {
  const stops = RAMP[theme];
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const [a, b] = [rgb(stops[low] as string), rgb(stops[low + 1] as string)];
  const t = at - low;
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

export interface Category {
  name: string;
  count: number;
  code: number;
  colour: Rgb;
  triangle: boolean;
  hidden: boolean;
}

/** How every record is coloured now, and what the legend says. */
export interface Colouring {
  title: string;
  categories: Category[];
  numbers: { low: number; high: number; none: number } | null;
  /** red, green, blue of every row */
  colours: Uint8Array;
  /** 1 = shown */
  shown: Uint8Array;
  /** 1 = drawn as a triangle; null where all are discs */
  triangles: Uint8Array | null;
}

/**
 * Colours each row by a category or a number. Categories keep their order where it means something (groups).
 * Where there is a condition, only the rows that match it (1) are shown and counted; colours stay as without it.
 */
export function colouring(title: string, coded: Coded, hidden: ReadonlySet<string>, theme: Theme, inOrder: boolean, matching: Uint8Array | null = null): Colouring {
  if (coded.kind === "number") return byNumber(title, coded.numbers, theme, matching);
  const n = coded.codes.length;
  const counts = new Float64Array(coded.categories.length + 1);
  const matched = new Float64Array(coded.categories.length + 1);
  const noneAt = coded.categories.length;
  for (let row = 0; row < n; row += 1) {
    const code = coded.codes[row] as number;
    const at = code === NONE || code >= noneAt ? noneAt : code;
    counts[at] = (counts[at] as number) + 1;
    if (!matching || matching[row]) matched[at] = (matched[at] as number) + 1;
  }
  const codes = [...coded.categories.keys()].filter((code) => (counts[code] as number) > 0);
  if (!inOrder) codes.sort((a, b) => (counts[b] as number) - (counts[a] as number) || a - b);
  const categories: Category[] = codes.map((code, place) => {
    const name = coded.categories[code] as string;
    const triangle = place >= FIRST_TRIANGLE && place < OWN_COLOURS;
    return { name, code, count: matched[code] as number, colour: ownColour(place, theme), triangle, hidden: hidden.has(name) };
  });
  if ((counts[noneAt] as number) > 0) {
    const name = "(none)";
    categories.push({ name, code: noneAt, count: matched[noneAt] as number, colour: otherColour(theme), triangle: false, hidden: hidden.has(name) });
  }
  const byCode: (Category | undefined)[] = [];
  for (const each of categories) byCode[each.code] = each;
  const colours = new Uint8Array(n * 3);
  const shown = new Uint8Array(n);
  const triangles = categories.some((each) => each.triangle) ? new Uint8Array(n) : null;
  for (let row = 0; row < n; row += 1) {
    const code = coded.codes[row] as number;
    const category = byCode[code >= noneAt ? noneAt : code] as Category;
    colours.set(category.colour as unknown as number[], row * 3);
    shown[row] = category.hidden || (matching && !matching[row]) ? 0 : 1;
    if (triangles && category.triangle) triangles[row] = 1;
  }
  return { title, categories, numbers: null, colours, shown, triangles };
}

function byNumber(title: string, numbers: Float32Array, theme: Theme, matching: Uint8Array | null): Colouring {
  const known = numbers.filter(Number.isFinite).sort();
  // one giant must not make all others look the same: the scale ends at the 2nd and 98th percentile
  const low = known[Math.floor((known.length - 1) * 0.02)] ?? 0;
  const high = known[Math.ceil((known.length - 1) * 0.98)] ?? 1;
  const scale = Array.from({ length: 256 }, (_, step) => ramp(step / 255, theme));
  const other = otherColour(theme);
  const colours = new Uint8Array(numbers.length * 3);
  let none = 0;
  for (let row = 0; row < numbers.length; row += 1) {
    const value = numbers[row] as number;
    if (!Number.isFinite(value) && (!matching || matching[row])) none += 1;
    const step = Math.round(Math.min(Math.max((value - low) / (high - low || 1), 0), 1) * 255);
    colours.set((Number.isFinite(value) ? scale[step] : other) as unknown as number[], row * 3);
  }
  return {
    title, categories: [], colours, triangles: null,
    shown: matching ? matching.slice() : new Uint8Array(numbers.length).fill(1),
    numbers: { low, high, none },
  };
}
