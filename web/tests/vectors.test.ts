import { describe, expect, it } from "vitest";

import { NONE } from "../src/arrays";
import { Side, added, best, bestInGroups, distances, evened, halves, ordered, square } from "../src/vectors";

/** The bits of a number in half precision; only for numbers that it holds exactly. */
function half(value: number): number {
  const found = halves().indexOf(value);
  if (found < 0) throw new RangeError(`${value} has no half`);
  return found;
}
const bits = (...values: number[]) => Uint16Array.from(values, half);

describe("half precision", () => {
  it("has the values that IEEE 754 gives its bits", () => {
    const table = halves();
    expect([0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001, 0x03ff, 0x0400].map((at) => table[at])).toEqual(
      [1, -2, 0.333251953125, 65504, 2 ** -24, 1023 * 2 ** -24, 2 ** -14].map(Math.fround),
    );
    expect(table[0x7c00]).toBe(Infinity);
    expect(table[0xfc00]).toBe(-Infinity);
    expect(table[0x7e00]).toBeNaN();
    expect(Object.is(table[0x8000], -0)).toBe(true);
  });
});

describe("a side", () => {
  // four of six records; the mean is 1, 0: plain vectors 4 4, 1 0, -1 0, 1 2
  const side = new Side(Uint32Array.of(0, 2, 3, 5), Float32Array.of(1, 0), bits(3, 4, 0, 0, -2, 0, 0, 2), 6);
  it("knows who has a vector", () => {
    expect([...side.at]).toEqual([0, -1, 1, 2, -1, 3]);
    expect(() => new Side(Uint32Array.of(0), Float32Array.of(1, 0), bits(3), 6)).toThrow(RangeError);
  });
  it("gives centred cosines, and 0 for what is nothing but the mean", async () => {
    expect([...(await side.scores(0))].map((each) => Number(each.toFixed(6)))).toEqual([1, 0, -0.6, 0.8]);
    expect([...(await side.scores(1))]).toEqual([0, 0, 0, 0]);
  });
  it("gives plain vectors, and means of shares of them", async () => {
    expect([...(await side.means([3, 0, 1, 2], [0, 4], 9))]).toEqual([1, 2, 4, 4, 1, 0, -1, 0]);
    expect([...(await side.means([3, 0, 1, 2], [0, 4], 2))]).toEqual([2.5, 3, 0, 0]);
    // three in two shares: the first has one
    expect([...(await side.means([3, 0, 1, 2], [1, 4], 2))]).toEqual([4, 4, 0, 0]);
  });
  it("makes all pairs bytes, from the lowest to the highest off the diagonal", async () => {
    const whole = await square([{ side, places: [3, 0, 1], share: 1 }], [0, 3], [0, 3], 16);
    // pairs 1 2 . 4 4 = 12, 1 2 . 1 0 = 1, 4 4 . 1 0 = 4; the diagonal 5, 32, 1 is cut to the scale
    expect(whole).toMatchObject({ across: 3, down: 3, low: 1, high: 12 });
    expect([...whole.values]).toEqual([93, 255, 0, 255, 255, 70, 0, 70, 0]);
    const part = await square([{ side, places: [3, 0, 1], share: 0.5 }], [0, 2], [1, 3], 16);
    expect(part).toMatchObject({ across: 2, down: 2, low: 0.5, high: 6 });
    expect([...part.values]).toEqual([255, 255, 0, 70]);
    const mixed = await square([{ side, places: [3, 0, 1, 2], share: 1 }], [0, 4], [0, 4], 2);
    expect(mixed).toMatchObject({ across: 2, down: 2, low: 0, high: 0 });
    const one = [3, 0, 1, 2, 0, 3]; // more than four columns, some of them together
    const many = await square([{ side, places: one, share: 1 }], [0, 6], [1, 3], 16);
    const plain = [[1, 2], [4, 4], [1, 0], [-1, 0], [4, 4], [1, 2]] as const;
    const scores = [plain[1], plain[2]].flatMap((line) => plain.map((column) => line[0] * column[0] + line[1] * column[1]));
    expect([many.low, many.high]).toEqual([-4, 32]); // of pairs of two records, as places go
    expect([...many.values]).toEqual(scores.map((score) => Math.round((score + 4) * 255 / 36)));
    const alone = await square([{ side, places: [3], share: 1 }], [0, 1], [0, 1], 16);
    expect(alone).toMatchObject({ across: 1, down: 1, low: 5, high: 5 });
  });
});

describe("the best", () => {
  it("come from the top, and of equal ones the first comes first", () => {
    expect(best([1, 5, 3, 5, 4], 3)).toEqual([1, 3, 4]);
    expect(best([2, 2, 2, 2], 2)).toEqual([0, 1]);
    expect(best([1, 5, 3, 5, 4], 3, [4, 3, 0])).toEqual([3, 4, 0]);
    expect(best([1], 9)).toEqual([0]);
    expect(best([], 9)).toEqual([]);
  });
  it("are those that sorting all of them gives", () => {
    const values = Array.from({ length: 500 }, (_, at) => (at * 7919) % 83);
    const sorted = [...values.keys()].sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
    for (const k of [1, 7, 499, 500]) expect(best(values, k)).toEqual(sorted.slice(0, k));
  });
  it("of each group come group after group, those without one last", () => {
    const groups = [1, NONE, 0, 1, 0];
    expect(bestInGroups([9, 8, 1, 10, 2], 1, [0, 1, 2, 3, 4], (place) => groups[place] as number)).toEqual([[4], [3], [1]]);
  });
});

describe("weights and places", () => {
  it("even out how far scores spread", () => {
    expect(evened(0.25, [0.1, 0.3])).toBeCloseTo(0.25 / 0.3 / (0.75 / 0.1 + 0.25 / 0.3), 12);
    expect([evened(0, [0.1, 0.3]), evened(1, [0.1, 0.3])]).toEqual([0, 1]);
    expect(evened(0.25, [0, 0.3])).toBe(0.25);
  });
  it("are as far apart as a ruler says", () => {
    expect([...distances(Float32Array.of(0, 0, 3, 4, 0, 1), 2, 0)]).toEqual([0, 5, 1]);
    expect([...distances(Float32Array.of(0, 0, 0, 2, 3, 6), 3, 1)]).toEqual([7, 0]);
  });
  it("are drawn group by group, without those that are left out by default", () => {
    expect([...ordered(Uint32Array.of(0, 1, 2, 4), Uint8Array.of(1, 1, 1, 1, 0), Uint16Array.of(NONE, 1, 0, 0, 0))]).toEqual([2, 1, 0]);
  });
});

describe("why", () => {
  it("splits a score exactly into what fields add, those that one lacks too", () => {
    // two fields in two dimensions; the mean parts are 1 0 and 0 1; parts come without them
    const mean = Float32Array.of(1, 0, 0, 1);
    const one = { fields: [0, 1], bits: bits(2, 0, 0, 1) };
    const other = { fields: [0], bits: bits(1, 0) }; // lacks the second field: that is 0 -1
    // totals 2 1 and 1 -1; the cosine is 1 / sqrt(10)
    const { score, byField } = added(one, other, mean, 2);
    expect(score).toBeCloseTo(1 / Math.sqrt(10), 6);
    // field 0: (2 0 . 1 -1 + 1 0 . 2 1) / 2 = 2; field 1: (0 1 . 1 -1 + 0 -1 . 2 1) / 2 = -1
    expect(byField[0]).toBeCloseTo(2 / Math.sqrt(10), 6);
    expect(byField[1]).toBeCloseTo(-1 / Math.sqrt(10), 6);
  });
  it("gives nothing for a record that is nothing but the mean", () => {
    expect(added({ fields: [0], bits: bits(0, 0) }, { fields: [0], bits: bits(1, 0) }, Float32Array.of(1, 0), 2).score).toBe(0);
  });
});
