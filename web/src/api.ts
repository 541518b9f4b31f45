/** The server's routes, typed. Arrays come as binary, small answers as JSON. */

import { decode, float32, lines, uint16, uint32, uint8 } from "./arrays";
import type { By } from "./state";

export interface Collection {
  title: string;
  origin?: string | null;
  count: number;
  groups: string[];
  embeddings: { name: string; encoder: string; dimension: number }[];
  pictures: number;
  maps: { name: string; dimensions: number; count: number; method: string; fidelity?: { trustworthiness: number; continuity: number; rule: string } | null }[];
  default_map: string | null;
  can_ask: boolean;
  /** false where no condition can be answered */
  can_where?: boolean;
  ask_against?: string[];
  fields: boolean;
  thumbnail: { side: number; columns: number; pages: number };
  version: string;
  /** of an export: what is not in it, a sentence each */
  left_out?: string[];
}

export interface Hit {
  row: number;
  name: string;
  group?: string | null;
  rank?: number;
  score?: number | null;
  distance?: number | null;
  passage?: string | null;
  passage_path?: string | null;
}

export interface Hits {
  caption?: unknown;
  basis?: { caption: string; measure?: string; note?: string };
  against?: unknown;
  hits: Hit[];
}

export interface OneRecord {
  row: number;
  id: string;
  name: string;
  group?: string | null;
  picture: boolean;
  data: unknown;
}

export interface Why {
  score: number;
  caption?: unknown;
  fields: { field: string; adds: number; share: number }[];
}

export interface Values {
  kind: "category" | "number";
  categories?: string[];
}

/** An answer that is not what was asked for, in the server's words. */
export class Refused extends Error {
  constructor(message: string, readonly cure: string, readonly status: number) {
    super(message);
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

export function address(path: string, query: Query = {}): string {
  const values = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined) continue;
    values.set(name, typeof value === "boolean" ? (value ? "1" : "0") : String(value));
  }
  const text = values.toString();
  return `api/${path}${text ? `?${text}` : ""}`;
}

async function get(path: string, query: Query = {}, signal?: AbortSignal): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address(path, query), { signal: signal ?? null, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused("The server does not answer.", "Is `embedex explore` still running? Start it again and reload this page.", 0);
  }
  if (answer.ok) return answer;
  let told: { error?: unknown; cure?: unknown } = {};
  try {
    told = (await answer.json()) as typeof told;
  } catch {
    // an answer without words: the status has to do
  }
  throw new Refused(
    typeof told.error === "string" ? told.error : `The server answered ${answer.status}.`,
    typeof told.cure === "string" ? told.cure : "",
    answer.status,
  );
}

async function json<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await (await get(path, query, signal)).json()) as T;
}

async function buffer(path: string, query: Query = {}): Promise<ArrayBuffer> {
  return (await get(path, query)).arrayBuffer();
}

const part = encodeURIComponent;

export const collection = () => json<Collection>("collection");
export const names = async (n: number) => lines(await (await get("rows/names")).text(), n);
export const ids = async (n: number) => lines(await (await get("rows/ids")).text(), n);
export const groups = async (n: number) => decode(uint16, await buffer("rows/groups"), n);
export const pictures = async (n: number) => decode(uint8, await buffer("rows/pictures"), n);

export interface Places {
  rows: Uint32Array;
  /** x, y for each place, whatever the map's dimensions */
  xy: Float32Array;
  doubt: Uint8Array;
}

export async function places(name: string): Promise<Places> {
  const [rows, doubt, map] = await Promise.all([
    buffer(`maps/${part(name)}/rows`).then((each) => decode(uint32, each)),
    buffer(`maps/${part(name)}/doubt`).then((each) => decode(uint8, each)),
    get(`maps/${part(name)}`),
  ]);
  const dimensions = Number(map.headers.get("X-Dimensions") ?? 2) || 2;
  const all = decode(float32, await map.arrayBuffer(), rows.length * dimensions);
  if (dimensions === 2) return { rows, doubt, xy: all };
  const xy = new Float32Array(rows.length * 2);
  for (let place = 0; place < rows.length; place += 1) {
    xy[2 * place] = all[dimensions * place] as number;
    xy[2 * place + 1] = dimensions > 1 ? (all[dimensions * place + 1] as number) : 0;
  }
  return { rows, doubt, xy };
}

export const fields = () => json<{ paths: { path: string; kind: string; distinct: number }[] }>("fields");

export type Coded = { kind: "category"; categories: string[]; codes: Uint16Array } | { kind: "number"; numbers: Float32Array };

export async function values(path: string, n: number): Promise<Coded> {
  const [told, data] = await Promise.all([json<Values>("values", { path }), buffer("values/data", { path })]);
  if (told.kind === "number") return { kind: "number", numbers: decode(float32, data, n) };
  return { kind: "category", categories: (told.categories ?? []).map(String), codes: decode(uint16, data, n) };
}

export const record = (row: number, signal?: AbortSignal) => json<OneRecord>(`records/${row}`, {}, signal);
export const pictureAddress = (row: number) => address(`pictures/${row}`);
export const pageAddress = (page: number) => address(`thumbnails/${page}.webp`);
/** `weight`: with "fused" the picture's share, from 0 to 1; null for the usual one. */
export const similar = (row: number, by: By, k: number, perGroup: boolean, map: string, weight: number | null, signal?: AbortSignal) =>
  json<Hits>("similar", { row, by, k, per_group: perGroup, map: by === "map" ? map : null, weight: by === "fused" ? weight : null }, signal);
export const why = (row: number, other: number) => json<Why>("why", { row, other });
export const ask = (q: string, k: number, signal?: AbortSignal) => json<Hits>("ask", { q, k }, signal);
/** Of each record whether an SQL condition holds: 1 or 0. */
export const where = async (sql: string, n: number) => decode(uint8, await buffer("where", { sql }), n);
export const unusual = (by: By, k: number, signal?: AbortSignal) => json<Hits>("unusual", { by, k }, signal);

/** A part of all pairs: `across` by `down` cells. */
export interface Square {
  across: number;
  down: number;
  low: number;
  high: number;
  values: Uint8Array;
}

export const order = async (by: By) => decode(uint32, await buffer("heatmap/order", { by }));

export type Range = readonly [from: number, to: number];

export async function square(by: By, across: Range, down: Range, size: number, signal?: AbortSignal): Promise<Square> {
  const query = { by, size, from: across[0], to: across[1], from_down: down[0], to_down: down[1] };
  const answer = await get("heatmap", query, signal);
  const values = decode(uint8, await answer.arrayBuffer());
  const wide = Number(answer.headers.get("X-Size")) || Math.round(Math.sqrt(values.length));
  const [low, high] = [Number(answer.headers.get("X-Low") ?? 0), Number(answer.headers.get("X-High") ?? 1)];
  return { across: wide, down: values.length / wide, low, high, values };
}

/** A caption as the server sends it: a sentence, or an object of sentences. */
export function sentence(caption: unknown): string {
  if (typeof caption === "string") return caption;
  if (Array.isArray(caption)) return caption.map(sentence).filter(Boolean).join(" · ");
  if (caption && typeof caption === "object") {
    const told = caption as Record<string, unknown>;
    if (typeof told.caption === "string") return told.caption;
    if (typeof told.text === "string") return told.text;
    return Object.entries(told)
      .filter(([, value]) => typeof value === "string" || typeof value === "number")
      .map(([name, value]) => `${name.replaceAll("_", " ")}: ${String(value)}`)
      .join(" · ");
  }
  return "";
}
