import { afterEach, describe, expect, it, vi } from "vitest";

import { Refused } from "../src/answers";
import { caption, exported } from "../src/exported";

const collection = {
  title: "Three", count: 3, groups: ["a"], embeddings: [], pictures: 2, maps: [{ name: "m", dimensions: 3, count: 2, method: "pca" }], default_map: "m",
  can_ask: false, can_where: false, fields: false, thumbnail: { side: 64, columns: 32, pages: 1 }, version: "0", left_out: ["By text: too much."],
  export: { format: 1, stamp: "abc", endings: ["png", "jpg"] },
};
const FILES: Record<string, unknown> = {
  "collection.json": collection,
  "compared.json": { sides: {}, bases: {}, fused: null, why: null, maps: [{ basis: { collection: "Three", by: "map", encoder: "pca of x", measure: "distance", count: 2, note: "old" }, nearest: 10, stable: true }] },
  "names.txt": "One\nTwo\nThree\n",
  "groups.bin": Uint16Array.of(0, 0, 65535),
  "main.bin": Uint8Array.of(1, 1, 1),
  "pictures.bin": Uint8Array.of(2, 0, 1),
  "fields.json": { paths: [{ path: "colour", kind: "category", distinct: 2 }, { path: "age", kind: "category", distinct: 9, error: "too many" }] },
  "values/0.json": { kind: "category", categories: ["red", "blue"] },
  "values/0.bin": Uint16Array.of(1, 65535, 0),
  "records/first-rows.bin": Uint32Array.of(0, 2),
  "records/0.json": [{ row: 0, id: "x" }, { row: 1, id: "y" }],
  "records/1.json": [{ row: 2, id: "z" }],
  // the second place is the first record's, and in doubt
  "maps/0-rows.bin": Uint32Array.of(2, 0),
  "maps/0-doubt.bin": Uint8Array.of(0, 1),
  "maps/0-places.bin": Float32Array.of(2, 3, 6, 0, 0, 0),
  "maps/0-kept.bin": Uint16Array.of(8, 1),
  "maps/0-stable.bin": Uint8Array.of(90, 40),
  "unusual/map-0.json": { basis: { collection: "Three", by: "map", encoder: "pca of x", measure: "distance", count: 2, note: "" }, hits: [{ row: 0, name: "One", distance: 7 }, { row: 2, name: "Three", distance: 7 }] },
};

function serve(files = FILES): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(address);
    const body = files[address.replace(/^data\//, "").replace(/\?.*/, "")];
    if (body === undefined) return new Response("", { status: 404 });
    return new Response(ArrayBuffer.isView(body) ? (body as Uint8Array<ArrayBuffer>) : typeof body === "string" ? body : JSON.stringify(body));
  });
  return asked;
}
afterEach(() => vi.unstubAllGlobals());

describe("an export", () => {
  it("reads records from the shard that holds them, once", async () => {
    const asked = serve();
    const source = exported("data/");
    await source.collection();
    expect((await Promise.all([0, 1, 2].map((row) => source.record(row)))).map((each) => each.id)).toEqual(["x", "y", "z"]);
    expect(asked).toEqual(["data/collection.json", "data/records/first-rows.bin?abc", "data/records/0.json?abc", "data/records/1.json?abc"]);
    await expect(source.record(3)).rejects.toThrow("no row 3");
  });
  it("knows how each picture's file ends", async () => {
    serve();
    const source = exported("data/");
    await source.collection();
    expect([...(await source.pictures(3))]).toEqual([1, 0, 1]);
    expect([source.pictureAddress(0), source.pictureAddress(2), source.pageAddress(0)]).toEqual(["data/pictures/0.jpg?abc", "data/pictures/2.png?abc", "data/thumbnails/0.webp?abc"]);
  });
  it("colours by fields, and says which it cannot", async () => {
    serve();
    const source = exported("data/");
    expect(await source.values("colour", 3)).toEqual({ kind: "category", categories: ["red", "blue"], codes: Uint16Array.of(1, 65535, 0) });
    await expect(source.values("age", 3)).rejects.toThrow("too many");
    await expect(source.values("nose", 3)).rejects.toThrow("not among the fields");
  });
  it("measures all dimensions of a map, and tells whose place is in doubt", async () => {
    serve();
    const source = exported("data/");
    expect([...(await source.places("m")).xy]).toEqual([2, 3, 0, 0]);
    const { hits, basis } = await source.similar(0, "map", 10, false, "m", null);
    expect(hits).toEqual([{ row: 2, name: "Three", group: null, rank: 1, score: null, distance: 7 }]);
    expect(basis?.caption).toBe(
      "Three · places in the map by pca of x · 1 record · distance · the place of One is not to be believed: " +
        "1 of its 10 nearest are near it there, and 40% of what is near it stays with another seed · old",
    );
    await expect(source.similar(1, "map", 10, false, "m", null)).rejects.toThrow("“Two” has no place");
    expect((await source.unusual("map", 1)).caption).toContain("distance · 1 of these places is not to be believed");
  });
  it("says what it lacks", async () => {
    serve();
    const source = exported("data/");
    await source.collection();
    await expect(source.similar(0, "text", 10, false, "", null)).rejects.toMatchObject({ cure: "By text: too much." });
    await expect(source.why(0, 1)).rejects.toThrow(Refused);
    await expect(source.ask("what?", 10)).rejects.toThrow("not in an export");
    await expect(source.where("true", 3)).rejects.toThrow("not in an export");
  });
  it("says which file is missing, and tries it again", async () => {
    const files = { ...FILES };
    delete files["names.txt"];
    serve(files);
    const source = exported("data/");
    await expect(source.names(3)).rejects.toThrow("data/names.txt cannot be read");
    serve();
    expect(await source.names(3)).toEqual(["One", "Two", "Three"]);
    serve({ ...FILES, "collection.json": { ...collection, export: { format: 2 } } });
    await expect(exported("data/").collection()).rejects.toThrow("another page");
  });
});

describe("a caption", () => {
  it("is worded as the server words it", () => {
    const basis = { collection: "Three", by: "fused" as const, encoder: "a + b", measure: "centred cosine", count: 1302, note: "" };
    expect(caption(basis)).toBe("Three · text and pictures by a + b · 1,302 records · centred cosine");
  });
});
