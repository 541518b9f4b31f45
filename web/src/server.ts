/** The server's routes. Arrays come as binary, small answers as JSON. */

import { type Collection, type Fields, type Hits, type OneRecord, Refused, type Source, type Values, type Why } from "./answers";
import { decode, float32, lines, plane, uint16, uint32, uint8 } from "./arrays";

type Query = Record<string, string | number | boolean | null | undefined>;

function address(path: string, query: Query = {}): string {
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

export const server: Source = {
  collection: () => json<Collection>("collection"),
  names: async (n) => lines(await (await get("rows/names")).text(), n),
  ids: async (n) => lines(await (await get("rows/ids")).text(), n),
  groups: async (n) => decode(uint16, await buffer("rows/groups"), n),
  pictures: async (n) => decode(uint8, await buffer("rows/pictures"), n),

  async places(name) {
    const [rows, doubt, map] = await Promise.all([
      buffer(`maps/${part(name)}/rows`).then((each) => decode(uint32, each)),
      buffer(`maps/${part(name)}/doubt`).then((each) => decode(uint8, each)),
      get(`maps/${part(name)}`),
    ]);
    const dimensions = Number(map.headers.get("X-Dimensions") ?? 2) || 2;
    const all = decode(float32, await map.arrayBuffer(), rows.length * dimensions);
    return { rows, doubt, xy: plane(all, dimensions) };
  },

  fields: () => json<Fields>("fields"),

  async values(path, n) {
    const [told, data] = await Promise.all([json<Values>("values", { path }), buffer("values/data", { path })]);
    if (told.kind === "number") return { kind: "number", numbers: decode(float32, data, n) };
    return { kind: "category", categories: (told.categories ?? []).map(String), codes: decode(uint16, data, n) };
  },

  record: (row, signal) => json<OneRecord>(`records/${row}`, {}, signal),
  pictureAddress: (row) => address(`pictures/${row}`),
  pageAddress: (page) => address(`thumbnails/${page}.webp`),
  similar: (row, by, k, perGroup, map, weight, signal) =>
    json<Hits>("similar", { row, by, k, per_group: perGroup, map: by === "map" ? map : null, weight: by === "fused" ? weight : null }, signal),
  why: (row, other) => json<Why>("why", { row, other }),
  ask: (q, k, signal) => json<Hits>("ask", { q, k }, signal),
  where: async (sql, n) => decode(uint8, await buffer("where", { sql }), n),
  unusual: (by, k, signal) => json<Hits>("unusual", { by, k }, signal),
  order: async (by) => decode(uint32, await buffer("heatmap/order", { by })),

  async square(by, across, down, size, signal) {
    const query = { by, size, from: across[0], to: across[1], from_down: down[0], to_down: down[1] };
    const answer = await get("heatmap", query, signal);
    const values = decode(uint8, await answer.arrayBuffer());
    const wide = Number(answer.headers.get("X-Size")) || Math.round(Math.sqrt(values.length));
    const [low, high] = [Number(answer.headers.get("X-Low") ?? 0), Number(answer.headers.get("X-High") ?? 1)];
    return { across: wide, down: values.length / wide, low, high, values };
  },
};
