import { describe, expect, it } from "vitest";

import { decode, float32, lines, uint16 } from "../src/arrays";
import { colouring, rgb } from "../src/colours";
import { ends, spans, within as part } from "../src/heatmap";
import { column, example } from "../src/condition";
import { PlaceGrid, enclosed, simplified, within } from "../src/places";
import { find, nearly, plain } from "../src/search";
import { MOST_CORNERS, START, distinct, read, write } from "../src/state";
import { chain, preview } from "../src/tree";

describe("state", () => {
  it("comes back from the address as it was", () => {
    const state = {
      ...START, screen: "heatmap" as const, map: "umap", record: "a&b=c #1", camera: [1.5, -2.25, 3.5] as [number, number, number], question: "wer? 50% & mehr",
      colour: "types[0].name", hidden: ["fire, water", "Pokémon"], by: "fused" as const, perGroup: true, unusual: true, square: [3, 4.25, 20] as [number, number, number],
      weight: 0.4, where: "name LIKE 'a%' AND height > 1.5", lasso: { map: "umap", corners: [[0.5, -1], [2, 3.25], [-1e-7, 4]] as [number, number][] },
    };
    expect(read(`#${write(state)}`)).toEqual(state);
  });
  it("is empty at the start, and leaves out what cannot be read", () => {
    expect(write(START)).toBe("");
    expect(read("#view=1,x,3&by=magic&screen=nowhere&square=1,,2")).toEqual(START);
    expect(read("#weight=1.5&lasso=1,2,3,4,5&lasso_map=umap")).toEqual(START);
    expect(read("#weight=&lasso=1,2,3,4,5,6")).toEqual(START);
    const many = Array.from({ length: 2 * MOST_CORNERS + 2 }, (_, at) => at).join(",");
    expect(read(`#weight=NaN&lasso=${many}&lasso_map=umap`)).toEqual(START);
  });
  it("tells ids apart that have come as one, and leaves the others as they are", () => {
    expect(distinct(["a b", "x", "a b", "a b (3)", "a b"])).toEqual(["a b", "x", "a b (4)", "a b (3)", "a b (5)"]);
  });
  it("has weights in steps, with 0 among them", () => {
    expect(read("#weight=0").weight).toBe(0);
    expect(write({ ...START, weight: 0 })).toBe("weight=0");
    expect(read("#weight=0.337").weight).toBe(0.35);
    for (let step = 0; step <= 20; step += 1) expect(read(`#${write({ ...START, weight: step * 0.05 })}`).weight).toBe(step / 20);
  });
});

describe("search", () => {
  const names = ["Raichu", "Pikachu Rock Star", "Pikachu", "Pichu", "Flabébé", "Mr. Mime", "Mime Jr."].map(plain);
  it("puts the name itself before names that begin so, before words, before parts", () => {
    expect(find(names, "pikachu", 9)).toEqual([2, 1]);
    expect(find(names, "mime", 9)).toEqual([6, 5]);
    expect(find(names, "chu", 9)).toEqual([3, 0, 2, 1]);
    expect(find(names, "chu", 2)).toEqual([3, 0]);
  });
  it("takes no notice of accents and of one slip", () => {
    expect(find(names, "flabebe", 9)).toEqual([4]);
    expect(find(names, "piakchu", 9)).toEqual([2, 1]);
    expect(nearly("pikachu", "pikchu")).toBe(true);
    expect(nearly("pikachu", "rattata")).toBe(false);
    expect(find(names, "  ", 9)).toEqual([]);
  });
});

describe("conditions", () => {
  it("name a field as SQL does", () => {
    expect(column("types[0].type.name")).toBe("types[1].type.name");
    expect(column("moves[2][10]")).toBe("moves[3][11]");
    expect(column('order.of "x".Weight (kg)')).toBe('"order"."of ""x"""."Weight (kg)"');
  });
  it("have examples that are not the same for all", () => {
    expect(example("kind", { kind: "category", categories: ["it's", "b"], codes: Uint16Array.of(0) })).toBe("kind = 'it''s'");
    expect(example("legendary", { kind: "category", categories: ["false", "true"], codes: Uint16Array.of(0) })).toBe("legendary = false");
    expect(example("height", { kind: "number", numbers: Float32Array.of(3, NaN, 1, 100) })).toBe("height > 3");
  });
});

describe("arrays", () => {
  it("are little-endian, and of the length that was promised", () => {
    expect([...decode(uint16, new Uint8Array([1, 0, 255, 255]).buffer, 2)]).toEqual([1, 65535]);
    expect([...decode(float32, new Uint8Array([0, 0, 128, 63]).buffer)]).toEqual([1]);
    expect(() => decode(float32, new ArrayBuffer(6))).toThrow(RangeError);
    expect(() => decode(uint16, new ArrayBuffer(4), 3)).toThrow(/4 bytes/);
  });
  it("lines keep an empty name, also at the end", () => {
    expect(lines("a\n\nc\n", 3)).toEqual(["a", "", "c"]);
    expect(lines("a\n\n", 2)).toEqual(["a", ""]);
    expect(() => lines("a\nb", 3)).toThrow(RangeError);
  });
});

describe("places", () => {
  const xy = Float32Array.from({ length: 2000 }, (_, at) => ((at * 7919) % 1013) / 10);
  const grid = new PlaceGrid(xy);
  it("finds what a search of all finds", () => {
    const box = { left: 20, right: 45, bottom: 10, top: 70 };
    const all = [...Array(1000).keys()].filter((p) => xy[2 * p]! >= 20 && xy[2 * p]! <= 45 && xy[2 * p + 1]! >= 10 && xy[2 * p + 1]! <= 70);
    expect(grid.inside(box)?.sort((a, b) => a - b)).toEqual(all);
    expect(grid.inside(box, 3)).toBeNull();
    const far = (p: number) => Math.hypot(xy[2 * p]! - 33, xy[2 * p + 1]! - 51);
    const nearest = [...Array(1000).keys()].reduce((best, p) => (far(p) < far(best) ? p : best), 0);
    expect(far(grid.nearest(33, 51, 50, () => true))).toBe(far(nearest));
    expect(grid.nearest(33, 51, 50, () => false)).toBe(-1);
  });
  it("knows what a lasso holds", () => {
    const bow = [[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]] as const;
    expect([within(1, 0.5, bow), within(2, 2, bow), within(5, 1, bow)]).toEqual([true, false, false]);
    expect(enclosed(Float32Array.of(1, 0.5, 2, 2, 5, 1, 3.5, 2), bow)).toEqual([0, 3]);
  });
  it("a simplified lasso keeps its shape", () => {
    // a star of many corners: the tips and dents have to stay
    const at = (turn: number) => 2 + Math.abs(((turn * 10) % 2) - 1);
    const star = Array.from({ length: 900 }, (_, step) => step / 900).map((turn) => [at(turn) * Math.cos(2 * Math.PI * turn), at(turn) * Math.sin(2 * Math.PI * turn)] as const);
    const few = simplified(star, MOST_CORNERS);
    expect(few.length).toBe(MOST_CORNERS);
    const inside = (polygon: readonly (readonly [number, number])[]) => new Set(enclosed(xy.map((each) => each / 15 - 3.3), polygon));
    const [before, after] = [inside(star), inside(few)];
    expect(before.size).toBeGreaterThan(300);
    expect([...before].filter((each) => after.has(each)).length / before.size).toBeGreaterThan(0.97);
    expect(after.size / before.size).toBeLessThan(1.03);
    expect(simplified([[0, 0], [1, 0], [1, 1], [0, 1]], 40)).toEqual([[0, 0], [1, 0], [1, 1], [0, 1]]);
  });
});

describe("colours and trees", () => {
  it("a hidden group is not shown, and none is its own", () => {
    const now = colouring("group", { kind: "category", categories: ["a", "b"], codes: Uint16Array.of(1, 65535, 0, 1) }, new Set(["b"]), "light", true);
    expect(now.categories.map((each) => [each.name, each.count])).toEqual([["a", 1], ["b", 2], ["(none)", 1]]);
    expect([...now.shown]).toEqual([0, 1, 1, 0]);
    expect([...now.colours.slice(6, 9)]).toEqual([...rgb("#cc6677")]);
  });
  it("what does not match a condition is hidden and not counted, and colours stay", () => {
    const coded = { kind: "category" as const, categories: ["a", "b"], codes: Uint16Array.of(0, 0, 0, 1, 1) };
    const all = colouring("field", coded, new Set(), "light", false);
    const some = colouring("field", coded, new Set(), "light", false, Uint8Array.of(0, 0, 1, 1, 1));
    expect(some.categories.map((each) => [each.name, each.count])).toEqual([["a", 1], ["b", 2]]);
    expect([...some.shown]).toEqual([0, 0, 1, 1, 1]);
    expect(some.colours).toEqual(all.colours);
    const numbers = { kind: "number" as const, numbers: Float32Array.of(1, NaN, NaN, 4) };
    const now = colouring("height", numbers, new Set(), "light", false, Uint8Array.of(1, 0, 1, 1));
    expect([...now.shown]).toEqual([1, 0, 1, 1]);
    expect(now.numbers).toEqual({ low: 1, high: 4, none: 1 });
  });
  it("the eleventh to the twentieth are triangles, and more are grey", () => {
    const codes = Uint16Array.from({ length: 22 }, (_, code) => code);
    const now = colouring("group", { kind: "category", categories: [...codes].map(String), codes }, new Set(), "light", true);
    expect([...(now.triangles ?? [])].map((each, row) => (each ? row : -1)).filter((row) => row >= 0)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(now.categories[20]?.colour).toEqual(now.categories[21]?.colour);
    expect(colouring("group", { kind: "category", categories: ["a"], codes: Uint16Array.of(0) }, new Set(), "light", true).triangles).toBeNull();
  });
  it("single values read as one line", () => {
    expect(chain("types", [{ type: { name: "fire" } }])).toEqual(["types › type › name", "fire"]);
    expect(preview({ base: 35, stat: { name: "hp" }, more: null, x: 1, y: 2 })).toBe("35 · hp · 1");
  });
  it("the heatmap's scale is that of what is seen", () => {
    const square = { across: 4, down: 3, low: 0, high: 1, values: Uint8Array.from({ length: 12 }, (_, at) => at) };
    expect([...part(square, [0, 1], [0, 1])]).toEqual([...square.values]);
    expect([...part(square, [0.2, 0.7], [0.34, 1])]).toEqual([5, 6, 9, 10]);
    expect(part(square, [1, 1], [0, 1]).length).toBe(0);
  });
  it("a few odd cells do not set the heatmap's scale", () => {
    const values = new Uint8Array(1000).map((_, at) => (at === 0 ? 0 : 100 + (at % 100)));
    const [low, high] = ends(values);
    expect(low).toBeGreaterThan(99);
    expect(high).toBeLessThan(200);
  });
});

describe("groups of the square", () => {
  it("are runs of the same name", () => {
    expect(spans(["a", "a", "b", "", ""])).toEqual([{ name: "a", start: 0, end: 2 }, { name: "b", start: 2, end: 3 }, { name: "", start: 3, end: 5 }]);
    expect(spans([])).toEqual([]);
  });
});

describe("reach", () => {
  it("is the distance to the so-many-th nearest place", () => {
    const random = Array.from({ length: 400 }, (_, at) => Math.sin(at * 12.9898) * 43758.5453).map((each) => each - Math.floor(each));
    const grid = new PlaceGrid(Float32Array.from(random));
    const [x, y] = [0.9, 0.1];
    const distances = Array.from({ length: 200 }, (_, place) => Math.hypot((grid.xy[2 * place] as number) - x, (grid.xy[2 * place + 1] as number) - y)).sort((a, b) => a - b);
    for (const count of [1, 24, 200]) expect(grid.reach(x, y, count)).toBeCloseTo(distances[count - 1] as number, 6);
    expect(grid.reach(x, y, 1000)).toBeCloseTo(distances[199] as number, 6);
    expect(new PlaceGrid(Float32Array.from([1, 1])).reach(1, 1, 24)).toBe(0);
  });
});
