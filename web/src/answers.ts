/** What the page is told, whoever tells it: the server (`server`) or an export's files (`exported`). */

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
  fields: { field: string; adds: number; share: number | null }[];
}

export interface Values {
  kind: "category" | "number";
  categories?: string[];
}

/** An answer that is not what was asked for, in words for a person. */
export class Refused extends Error {
  constructor(message: string, readonly cure: string, readonly status: number) {
    super(message);
  }
}

export interface Places {
  rows: Uint32Array;
  /** x, y for each place, whatever the map's dimensions */
  xy: Float32Array;
  doubt: Uint8Array;
}

export type Coded = { kind: "category"; categories: string[]; codes: Uint16Array } | { kind: "number"; numbers: Float32Array };

/** A part of all pairs: `across` by `down` cells. */
export interface Square {
  across: number;
  down: number;
  low: number;
  high: number;
  values: Uint8Array;
}

export type Range = readonly [from: number, to: number];

export interface Fields {
  paths: { path: string; kind: string; distinct: number }[];
}

/** Whoever answers. `n` is how many records there are. */
export interface Source {
  collection(): Promise<Collection>;
  names(n: number): Promise<string[]>;
  ids(n: number): Promise<string[]>;
  groups(n: number): Promise<Uint16Array>;
  /** 1 for a record with a picture */
  pictures(n: number): Promise<Uint8Array>;
  places(name: string): Promise<Places>;
  fields(): Promise<Fields>;
  values(path: string, n: number): Promise<Coded>;
  record(row: number, signal?: AbortSignal): Promise<OneRecord>;
  pictureAddress(row: number): string;
  pageAddress(page: number): string;
  /** `weight`: with "fused" the picture's share, from 0 to 1; null for the usual one */
  similar(row: number, by: By, k: number, perGroup: boolean, map: string, weight: number | null, signal?: AbortSignal): Promise<Hits>;
  why(row: number, other: number): Promise<Why>;
  ask(q: string, k: number, signal?: AbortSignal): Promise<Hits>;
  /** of each record whether an SQL condition holds: 1 or 0 */
  where(sql: string, n: number): Promise<Uint8Array>;
  unusual(by: By, k: number, signal?: AbortSignal): Promise<Hits>;
  /** the row at each place of all pairs */
  order(by: By): Promise<Uint32Array>;
  square(by: By, across: Range, down: Range, size: number, signal?: AbortSignal): Promise<Square>;
}
