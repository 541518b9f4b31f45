/**
 * The files of an export, which `embedex export` wrote. What a server would work out is worked out here, by `vectors`;
 * the vectors are fetched when they are first needed.
 */

import { type Coded, type Collection, type Fields, type Hit, type Hits, type OneRecord, type Places, Refused, type Source, type Values, type Why } from "./answers";
import { decode, float32, lines, plane, uint16, uint32, uint8 } from "./arrays";
import { counted } from "./dom";
import type { By } from "./state";
import { type Sharing, Side, added, best, bestInGroups, distances, evened, ordered, square } from "./vectors";
import { saying } from "./waiting";

const FORMAT = 1;
const SHARDS_KEPT = 8;

interface Basis {
  collection: string;
  by: By;
  encoder: string;
  measure: string;
  count: number;
  note: string;
  /** of "fused": what a caption says beside a weight that was chosen */
  note_weighted?: string;
}

/** `compared.json`: the numbers that go with the vectors. */
interface ComparedFile {
  sides: Partial<Record<"text" | "image", { dimension: number; count: number }>>;
  bases: Partial<Record<By, Basis>>;
  maps: { basis: Basis; nearest: number | null; stable: boolean }[];
  fused: { weight: number; spreads: [number, number]; plain_share: number } | null;
  why: { paths: string[]; dimension: number; a_shard: number; caption: string } | null;
}

interface Exported extends Collection {
  export: { format: number; stamp: string; endings: string[] };
}

interface Unusual {
  error?: string;
  basis?: Basis;
  hits?: Hit[];
}

/** What records are compared by: a value each, higher is nearer. */
interface Compared {
  rows: Uint32Array;
  values: Float64Array;
  basis: Basis;
}

const COMPARED: Record<By, string> = { text: "text", image: "pictures", fused: "text and pictures", map: "places in the map" };

/** One line for below a list, as the server words it. */
export function caption(basis: Basis): string {
  const told = [basis.collection, `${COMPARED[basis.by]} by ${basis.encoder}`, counted(basis.count, "record"), basis.measure, basis.note];
  return told.filter(Boolean).join(" · ");
}

/** Keeps what a name stands for once it is there; what failed is tried again. */
class Once {
  private readonly held = new Map<string, Promise<unknown>>();

  constructor(private readonly most = Infinity) {}

  get<T>(name: string, make: () => Promise<T>): Promise<T> {
    const found = this.held.get(name);
    if (found) {
      this.held.delete(name);
      this.held.set(name, found); // the oldest goes first
      return found as Promise<T>;
    }
    const making = make();
    this.held.set(name, making);
    making.catch(() => this.held.delete(name));
    for (const oldest of this.held.keys()) {
      if (this.held.size <= this.most) break;
      this.held.delete(oldest);
    }
    return making;
  }
}

/** @param folder where the files are, beside the page: `data/` */
export function exported(folder: string): Source {
  const [once, shards] = [new Once(), new Once(SHARDS_KEPT)];
  const scored = new Once(2); // of both sides: a slider asks about one record with very many weights
  let told: Exported | null = null;
  let codes: Uint8Array = new Uint8Array(0);

  // the stamp names an export, so that a browser never mixes what it kept of two
  const address = (name: string) => `${folder}${name}${told ? `?${told.export.stamp}` : ""}`;

  async function file(name: string): Promise<Response> {
    const gone = (why: string) => new Refused(`${folder}${name} cannot be read: ${why}.`, "The folder of the export may not be here as a whole. Copy it again, or run embedex export again.", 404);
    let answer: Response;
    try {
      answer = await fetch(address(name), { credentials: "same-origin", cache: told ? "default" : "no-cache" });
    } catch {
      throw gone("no answer");
    }
    if (!answer.ok) throw gone(`the file server answered ${answer.status}`);
    return answer;
  }
  const json = async <T>(name: string) => (await (await file(name)).json()) as T;
  const buffer = async (name: string) => (await file(name)).arrayBuffer();

  async function summary(): Promise<Exported> {
    return (told ??= await once.get("collection", async () => {
      const found = await json<Exported>("collection.json");
      if (found.export?.format !== FORMAT) throw new Refused("This export was written for another page.", "Run embedex export again.", 0);
      return found;
    }));
  }
  const compared = () => once.get("compared", () => json<ComparedFile>("compared.json"));
  const names = (n: number) => once.get("names", async () => lines(await (await file("names.txt")).text(), n));
  const groups = (n: number) => once.get("groups", async () => decode(uint16, await buffer("groups.bin"), n));
  const main = (n: number) => once.get("main", async () => decode(uint8, await buffer("main.bin"), n));
  const fields = () => once.get("fields", () => json<Fields & { paths: { error?: string }[] }>("fields.json"));

  // --- what is compared ----------------------------------------------------------------------------------------

  function leftOut(by: By): Refused {
    return new Refused(`Nothing is compared by ${COMPARED[by]} in this export.`, told?.left_out?.join(" ") ?? "", 404);
  }

  const rowsOf = (by: "text" | "image") =>
    once.get(`rows ${by}`, async () => {
      if (!(await compared()).sides[by]) throw leftOut(by);
      return decode(uint32, await buffer(`vectors/${by}-rows.bin`));
    });

  const side = (by: "text" | "image") =>
    once.get(`side ${by}`, async () => {
      const [sides, n] = [(await compared()).sides, (await summary()).count];
      const known = sides[by];
      if (!known) throw leftOut(by);
      const size = (known.count * known.dimension * 2) / 2 ** 20;
      const text = `Fetching the vectors of ${COMPARED[by]}, once: ${size < 0.95 ? size.toFixed(1) : Math.round(size)} MB…`;
      const [rows, mean, bits] = await saying(text, Promise.all([
        rowsOf(by),
        buffer(`vectors/${by}-mean.bin`).then((each) => decode(float32, each, known.dimension)),
        buffer(`vectors/${by}.bin`).then((each) => decode(uint16, each, known.count * known.dimension)),
      ]));
      return new Side(rows, mean, bits, n);
    });

  const map = (name: string) =>
    once.get(`map ${name}`, async () => {
      const number = (await summary()).maps.findIndex((each) => each.name === name);
      if (number < 0) throw new Refused(`There is no map “${name}”.`, "", 404);
      const dimensions = (told as Exported).maps[number]?.dimensions ?? 2;
      const [rows, doubt, all] = await Promise.all([
        buffer(`maps/${number}-rows.bin`).then((each) => decode(uint32, each)),
        buffer(`maps/${number}-doubt.bin`).then((each) => decode(uint8, each)),
        buffer(`maps/${number}-places.bin`).then((each) => decode(float32, each)),
      ]);
      return { number, dimensions, rows, doubt, all };
    });

  async function basisOf(by: By): Promise<Basis> {
    const found = (await compared()).bases[by];
    if (!found) throw leftOut(by);
    return found;
  }

  async function nothingOf(row: number, by: By): Promise<Refused> {
    const name = (await names((await summary()).count))[row] ?? "";
    const lacks = by === "map" ? "no place in that map" : by === "text" ? "no embedded text" : by === "image" ? "no embedded picture" : "no text or no picture to compare";
    return new Refused(`“${name}” has ${lacks}.`, "", 404);
  }

  async function bySide(row: number, by: "text" | "image", signal?: AbortSignal): Promise<Compared> {
    const one = await side(by);
    const at = one.at[row] ?? -1;
    if (at < 0) throw await nothingOf(row, by);
    return { rows: one.rows, values: await one.scores(at, signal), basis: await basisOf(by) };
  }

  async function fused(row: number, weight: number | null, signal?: AbortSignal): Promise<Compared> {
    const [{ fused: numbers }, basis] = [await compared(), await basisOf("fused")];
    if (!numbers) throw leftOut("fused");
    const [text, image] = await Promise.all([side("text"), side("image")]);
    const [inText, inImage] = [text.at[row] ?? -1, image.at[row] ?? -1];
    if (inText < 0 || inImage < 0) throw await nothingOf(row, "fused");
    const share = evened(weight ?? numbers.weight, numbers.spreads);
    const ofText = await scored.get(`text ${row}`, () => text.scores(inText));
    const ofImage = await scored.get(`image ${row}`, () => image.scores(inImage));
    signal?.throwIfAborted();
    const rows = text.rows.filter((each) => (image.at[each] as number) >= 0);
    const values = Float64Array.from(rows, (each) => (1 - share) * (ofText[text.at[each] as number] as number) + share * (ofImage[image.at[each] as number] as number));
    if (weight === null) return { rows, values, basis };
    const note = [`pictures weigh ${Number(weight.toPrecision(6))} of 1`, basis.note_weighted].filter(Boolean).join(" · ");
    return { rows, values, basis: { ...basis, note } };
  }

  async function onMap(row: number, name: string): Promise<Compared> {
    const { number, dimensions, rows, doubt, all } = await map(name || ((await summary()).default_map ?? ""));
    const place = rows.indexOf(row);
    if (place < 0) throw await nothingOf(row, "map");
    const { basis, nearest, stable } = (await compared()).maps[number] as ComparedFile["maps"][number];
    const away = distances(all, dimensions, place);
    const order = Uint32Array.from(rows.keys()).sort((a, b) => (rows[a] as number) - (rows[b] as number));
    let note = basis.note;
    if (doubt[place] && nearest !== null) {
      const [kept, stays] = await Promise.all([
        once.get(`kept ${number}`, async () => decode(uint16, await buffer(`maps/${number}-kept.bin`))),
        stable ? once.get(`stable ${number}`, async () => decode(uint8, await buffer(`maps/${number}-stable.bin`))) : null,
      ]);
      const doubts = `the place of ${(await names((await summary()).count))[row]} is not to be believed: ${kept[place]} of its ${nearest} nearest are near it there`;
      note = [`${doubts}${stays ? `, and ${stays[place]}% of what is near it stays with another seed` : ""}`, note].filter(Boolean).join(" · ");
    }
    return { rows: Uint32Array.from(order, (each) => rows[each] as number), values: Float64Array.from(order, (each) => -(away[each] as number)), basis: { ...basis, note } };
  }

  async function similar(row: number, by: By, k: number, perGroup: boolean, name: string, weight: number | null, signal?: AbortSignal): Promise<Hits> {
    const { count, groups: groupNames } = await summary();
    const found = by === "map" ? await onMap(row, name) : by === "fused" ? await fused(row, weight, signal) : await bySide(row, by, signal);
    const [usual, ofGroup, called] = await Promise.all([main(count), groups(count), names(count)]);
    const places: number[] = [];
    found.rows.forEach((each, place) => each !== row && usual[each] === 1 && places.push(place));
    if (!places.length) throw new Refused("No other record is left to compare.", "", 404);
    const chosen = perGroup ? bestInGroups(found.values, k, places, (place) => ofGroup[found.rows[place] as number] as number) : [best(found.values, k, places)];
    const hits = chosen.flatMap((each) =>
      each.map((place, rank): Hit => {
        const [at, value] = [found.rows[place] as number, found.values[place] as number];
        const group = groupNames[ofGroup[at] as number] ?? null;
        return { row: at, name: called[at] ?? "", group, rank: rank + 1, score: by === "map" ? null : value, distance: by === "map" ? -value : null };
      }));
    const basis = { ...found.basis, count: places.length };
    return { basis: { ...basis, caption: caption(basis) }, hits };
  }

  /** All pairs: the rows as they are drawn. */
  const order = (by: By) =>
    once.get(`order ${by}`, async () => {
      const { count } = await summary();
      const [usual, ofGroup] = await Promise.all([main(count), groups(count)]);
      if (by !== "fused") return ordered(await rowsOf(by as "text" | "image"), usual, ofGroup);
      const [text, image] = await Promise.all([rowsOf("text"), rowsOf("image")]);
      const pictured = new Set(image);
      return ordered(text.filter((row) => pictured.has(row)), usual, ofGroup);
    });

  async function sharing(by: By): Promise<Sharing[]> {
    const rows = await order(by);
    const part = (one: Side, share: number): Sharing => ({ side: one, share, places: Int32Array.from(rows, (row) => one.at[row] as number) });
    if (by !== "fused") return [part(await side(by as "text" | "image"), 1)];
    const { fused: numbers } = await compared();
    if (!numbers) throw leftOut(by);
    return [part(await side("text"), 1 - numbers.plain_share), part(await side("image"), numbers.plain_share)];
  }

  // --- why -----------------------------------------------------------------------------------------------------

  async function parts(row: number, a_shard: number, dimension: number): Promise<{ fields: Uint16Array; bits: Uint16Array }> {
    const [starts, all] = await Promise.all([
      once.get("starts", async () => decode(uint32, await buffer("parts/starts.bin"))),
      once.get("part fields", async () => decode(uint16, await buffer("parts/fields.bin"))),
    ]);
    const [from, to] = [starts[row] as number, starts[row + 1] as number];
    if (from === to) throw await nothingOf(row, "text");
    const bits = new Uint16Array((to - from) * dimension);
    for (let shard = Math.floor(from / a_shard); shard * a_shard < to; shard += 1) {
      const held = await shards.get(`parts ${shard}`, async () => decode(uint16, await buffer(`parts/${shard}.bin`)));
      const [first, last] = [Math.max(from, shard * a_shard), Math.min(to, (shard + 1) * a_shard)];
      bits.set(held.subarray((first - shard * a_shard) * dimension, (last - shard * a_shard) * dimension), (first - from) * dimension);
    }
    return { fields: all.subarray(from, to), bits };
  }

  async function why(row: number, other: number): Promise<Why> {
    const known = (await compared()).why;
    if (!known) throw new Refused("Why two records are near is not in this export.", told?.left_out?.join(" ") ?? "", 404);
    if (row === other) throw new Refused("That is one record.", "", 400);
    const { paths, dimension, a_shard } = known;
    const [mean, one, two] = await saying("Fetching what the fields add…", Promise.all([
      once.get("part means", async () => decode(float32, await buffer("parts/mean.bin"), paths.length * dimension)),
      parts(row, a_shard, dimension),
      parts(other, a_shard, dimension),
    ]));
    const { score, byField } = added(one, two, mean, dimension);
    const found = paths.map((field, at) => ({ field, adds: byField[at] as number, share: Math.abs(score) > 1e-9 ? (byField[at] as number) / score : null }));
    return { score, caption: known.caption, fields: found.filter((each) => each.adds !== 0).sort((a, b) => b.adds - a.adds) };
  }

  async function unusual(by: By, k: number): Promise<Hits> {
    const { default_map, maps } = await summary();
    const number = maps.findIndex((each) => each.name === default_map);
    const found = await once.get(`unusual ${by}`, () => json<Unusual>(`unusual/${by === "map" ? `map-${number}` : by}.json`));
    if (!found.basis || !found.hits) throw new Refused(found.error ?? "What is unusual is not in this export.", "", 404);
    const hits = found.hits.slice(0, k);
    let { note } = found.basis;
    if (by === "map") {
      const { rows, doubt } = await map(default_map ?? "");
      const doubted = hits.filter((hit) => doubt[rows.indexOf(hit.row)]).length;
      if (doubted) note = [`${doubted} of these places ${doubted === 1 ? "is" : "are"} not to be believed`, note].filter(Boolean).join(" · ");
    }
    return { caption: caption({ ...found.basis, note }), hits };
  }

  // --- records -------------------------------------------------------------------------------------------------

  async function record(row: number): Promise<OneRecord> {
    const firsts = await once.get("first rows", async () => decode(uint32, await buffer("records/first-rows.bin")));
    let shard = 0;
    for (let high = firsts.length; high - shard > 1; ) {
      const middle = (shard + high) >> 1;
      if ((firsts[middle] as number) <= row) shard = middle;
      else high = middle;
    }
    const held = await shards.get(`records ${shard}`, () => json<OneRecord[]>(`records/${shard}.json`));
    const found = held[row - (firsts[shard] as number)];
    if (!found) throw new Refused(`There is no row ${row}.`, "", 404);
    return found;
  }

  async function values(path: string, n: number): Promise<Coded> {
    const { paths } = await fields();
    const at = paths.findIndex((each) => each.path === path);
    const error = at < 0 ? `“${path}” is not among the fields of this export.` : paths[at]?.error;
    if (error) throw new Refused(error, "", 404);
    const [known, data] = await Promise.all([json<Values>(`values/${at}.json`), buffer(`values/${at}.bin`)]);
    if (known.kind === "number") return { kind: "number", numbers: decode(float32, data, n) };
    return { kind: "category", categories: (known.categories ?? []).map(String), codes: decode(uint16, data, n) };
  }

  async function places(name: string): Promise<Places> {
    const { rows, doubt, all, dimensions } = await map(name);
    return { rows, doubt, xy: plane(all, dimensions) };
  }

  const notHere = async (what: string): Promise<never> => {
    throw new Refused(`${what} are not in an export.`, "embedex explore answers them.", 404);
  };

  return {
    collection: summary, names, groups, fields, values, record, places, similar, why, unusual, order,
    ids: (n) => once.get("ids", async () => lines(await (await file("ids.txt")).text(), n)),
    async pictures(n) {
      codes = decode(uint8, await buffer("pictures.bin"), n);
      return codes.map((code) => (code ? 1 : 0));
    },
    pictureAddress: (row) => address(`pictures/${row}.${told?.export.endings[(codes[row] ?? 0) - 1] ?? "png"}`),
    pageAddress: (page) => address(`thumbnails/${page}.webp`),
    ask: () => notHere("Questions in words"),
    where: () => notHere("Conditions"),
    square: async (by, across, down, size, signal) => square(await sharing(by), across, down, size, signal),
  };
}
