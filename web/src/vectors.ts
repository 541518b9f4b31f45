/**
 * What an export's page works out by itself, as the server does: cosines of vectors in half precision, the best of
 * them, distances, all pairs as a square of bytes, and which fields make a score.
 *
 * A vector comes as its difference from the mean of those that are compared: centred it is that difference brought to
 * unit length, plain it is the difference with the mean added.
 */

import { NONE } from "./arrays";
import type { Range, Square } from "./answers";

const SHORTEST = 1e-6; // a difference below rounding noise has no direction: its scores are 0
const AT_ONCE = 30; // milliseconds of computing, before the page may draw again

let made: Float32Array | null = null;

/** The value of each of the 65,536 half-precision numbers. */
export function halves(): Float32Array {
  if (made) return made;
  made = new Float32Array(65_536);
  for (let bits = 0; bits < 32_768; bits += 1) {
    const [exponent, fraction] = [bits >> 10, bits & 1023];
    const value = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction ? NaN : Infinity) : (1 + fraction / 1024) * 2 ** (exponent - 15);
    made[bits] = value;
    made[bits + 32_768] = -value;
  }
  return made;
}

/** Lets the page draw whenever some computing has taken long enough. */
export function turns(signal?: AbortSignal): () => Promise<void> | void {
  let since = performance.now();
  return () => {
    if (performance.now() - since < AT_ONCE) return;
    return new Promise<void>((go) => setTimeout(go, 0)).then(() => {
      signal?.throwIfAborted();
      since = performance.now();
    });
  };
}

/** The vectors of texts, or of pictures. */
export class Side {
  readonly dimension: number;
  /** where each record's vector is; -1 without one */
  readonly at: Int32Array;
  private lengths: Float64Array | null = null;

  /**
   * @param rows the records that have a vector, ascending
   * @param mean what centring subtracts
   * @param bits the differences from it, in half precision, one record after the other
   * @param count how many records there are in all
   */
  constructor(readonly rows: Uint32Array, readonly mean: Float32Array, private readonly bits: Uint16Array, count: number) {
    this.dimension = mean.length;
    if (bits.length !== rows.length * mean.length) throw new RangeError(`${bits.length} numbers are not ${rows.length} vectors of ${mean.length}`);
    this.at = new Int32Array(count).fill(-1);
    rows.forEach((row, place) => (this.at[row] = place));
  }

  difference(place: number): Float64Array {
    const [table, start] = [halves(), place * this.dimension];
    return Float64Array.from({ length: this.dimension }, (_, each) => table[this.bits[start + each] as number] as number);
  }

  private dot(place: number, other: Float64Array): number {
    const [table, bits, d] = [halves(), this.bits, this.dimension];
    let sum = 0;
    for (let each = 0, from = place * d; each < d; each += 1) sum += (table[bits[from + each] as number] as number) * (other[each] as number);
    return sum;
  }

  /** One over the length of each difference; 0 for one without direction. */
  private async inverse(signal?: AbortSignal): Promise<Float64Array> {
    if (this.lengths) return this.lengths;
    const [turn, found, table, d] = [turns(signal), new Float64Array(this.rows.length), halves(), this.dimension];
    for (let place = 0; place < found.length; place += 1) {
      let sum = 0;
      for (let from = place * d; from < (place + 1) * d; from += 1) sum += (table[this.bits[from] as number] as number) ** 2;
      const length = Math.sqrt(sum);
      found[place] = length > SHORTEST ? 1 / length : 0;
      if (place % 512 === 0) await turn();
    }
    this.lengths = found;
    return found;
  }

  /** Centred cosines of the vector at a place with all of them. */
  async scores(place: number, signal?: AbortSignal): Promise<Float64Array> {
    const [lengths, turn, found] = [await this.inverse(signal), turns(signal), new Float64Array(this.rows.length)];
    const one = this.difference(place).map((each) => each * (lengths[place] as number));
    for (let other = 0; other < found.length; other += 1) {
      found[other] = this.dot(other, one) * (lengths[other] as number);
      if (other % 512 === 0) await turn();
    }
    return found;
  }

  /** Plain vectors, or means of as many shares of them, one after the other. */
  async means(places: ArrayLike<number>, [first, last]: Range, size: number, signal?: AbortSignal): Promise<Float32Array> {
    const [d, table, turn, all] = [this.dimension, halves(), turns(signal), last - first];
    const count = Math.min(all, size);
    const found = new Float32Array(count * d);
    const sums = new Float64Array(d);
    for (let share = 0; share < count; share += 1) {
      const [from, to] = [first + Math.floor((share * all) / count), first + Math.floor(((share + 1) * all) / count)];
      sums.fill(0);
      for (let at = from; at < to; at += 1) {
        const start = (places[at] as number) * d;
        for (let each = 0; each < d; each += 1) sums[each] = (sums[each] as number) + (table[this.bits[start + each] as number] as number);
      }
      for (let each = 0; each < d; each += 1) found[share * d + each] = (sums[each] as number) / (to - from) + (this.mean[each] as number);
      if (share % 64 === 0) await turn();
    }
    return found;
  }
}

/** The picture's share that gives it `weight`, once the scores of both sides spread as far. */
export function evened(weight: number, spreads: readonly [text: number, image: number]): number {
  if (Math.min(...spreads) < 1e-9) return weight;
  const [text, image] = [(1 - weight) / spreads[0], weight / spreads[1]];
  return image / (text + image);
}

/** Places of the k highest values, best first; of equal ones the first comes first. */
export function best(values: ArrayLike<number>, k: number, among?: ArrayLike<number>): number[] {
  const kept: number[] = [];
  const count = among ? among.length : values.length;
  for (let each = 0; each < count; each += 1) {
    const place = among ? (among[each] as number) : each;
    const value = values[place] as number;
    if (kept.length === k && !(value > (values[kept[k - 1] as number] as number))) continue;
    let low = 0;
    for (let high = kept.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((values[kept[middle] as number] as number) >= value) low = middle + 1;
      else high = middle;
    }
    kept.splice(low, 0, place);
    if (kept.length > k) kept.pop();
  }
  return kept;
}

/** The best of each group, group after group in their order; those without one come last. */
export function bestInGroups(values: ArrayLike<number>, k: number, among: ArrayLike<number>, group: (place: number) => number): number[][] {
  const members = new Map<number, number[]>();
  for (let each = 0; each < among.length; each += 1) {
    const place = among[each] as number;
    const code = group(place);
    const found = members.get(code);
    if (found) found.push(place);
    else members.set(code, [place]);
  }
  // NONE is the highest code there is
  return [...members.entries()].sort(([one], [other]) => one - other).map(([, places]) => best(values, k, places));
}

/** Rows that are compared by default, group by group: how all pairs are drawn. */
export function ordered(rows: Uint32Array, main: Uint8Array, groups: Uint16Array): Uint32Array {
  const kept = rows.filter((row) => main[row] === 1);
  return kept.sort((one, other) => (groups[one] ?? NONE) - (groups[other] ?? NONE) || one - other);
}

/** Euclidean distances from a place to all. */
export function distances(coordinates: Float32Array, dimensions: number, place: number): Float64Array {
  const found = new Float64Array(coordinates.length / dimensions);
  for (let other = 0; other < found.length; other += 1) {
    let sum = 0;
    for (let each = 0; each < dimensions; each += 1) {
      sum += ((coordinates[other * dimensions + each] as number) - (coordinates[place * dimensions + each] as number)) ** 2;
    }
    found[other] = Math.sqrt(sum);
  }
  return found;
}

/** A part of all pairs: `places` of the vectors in drawn order, and the side's share of a score. */
export interface Sharing {
  side: Side;
  places: ArrayLike<number>;
  share: number;
}

/** A part of all pairs as bytes, from the lowest to the highest score off the diagonal. */
export async function square(sides: readonly Sharing[], across: Range, down: Range, size: number, signal?: AbortSignal): Promise<Square> {
  const same = across[0] === down[0] && across[1] === down[1];
  const [wide, tall] = [Math.min(across[1] - across[0], size), Math.min(down[1] - down[0], size)];
  const scores = new Float32Array(wide * tall);
  const turn = turns(signal);
  for (const { side, places, share } of sides) {
    const columns = await side.means(places, across, size, signal);
    const lines = same ? columns : await side.means(places, down, size, signal);
    const d = side.dimension;
    const add = (line: number, column: number, sum: number) => (scores[line * wide + column] = (scores[line * wide + column] as number) + share * sum);
    for (let line = 0; line < tall; line += 1) {
      let column = same ? line : 0;
      for (; column + 4 <= wide; column += 4) { // four at once: each number of the line is read once for all of them
        let [a, b, c, e] = [0, 0, 0, 0];
        for (let each = 0, one = line * d, other = column * d; each < d; each += 1, one += 1, other += 1) {
          const value = lines[one] as number;
          a += value * (columns[other] as number);
          b += value * (columns[other + d] as number);
          c += value * (columns[other + 2 * d] as number);
          e += value * (columns[other + 3 * d] as number);
        }
        add(line, column, a);
        add(line, column + 1, b);
        add(line, column + 2, c);
        add(line, column + 3, e);
      }
      for (; column < wide; column += 1) {
        let sum = 0;
        for (let each = 0, one = line * d, other = column * d; each < d; each += 1, one += 1, other += 1) sum += (lines[one] as number) * (columns[other] as number);
        add(line, column, sum);
      }
      await turn();
    }
  }
  if (same) for (let line = 1; line < tall; line += 1) for (let column = 0; column < line; column += 1) scores[line * wide + column] = scores[column * wide + line] as number;
  const mixed = across[1] - across[0] > size || down[1] - down[0] > size;
  const own = (line: number, column: number) => (mixed ? same && line === column : down[0] + line === across[0] + column);
  let [low, high] = [Infinity, -Infinity];
  for (const apart of [true, false]) {
    if (low <= high) break; // a single pair of one record with itself is all there is
    for (let line = 0; line < tall; line += 1) {
      for (let column = 0; column < wide; column += 1) {
        if (apart && own(line, column)) continue;
        const score = scores[line * wide + column] as number;
        if (score < low) low = score;
        if (score > high) high = score;
      }
    }
  }
  const scale = high > low ? 255 / (high - low) : 0;
  const values = Uint8Array.from(scores, (score) => Math.min(Math.max(Math.round((score - low) * scale), 0), 255));
  return { across: wide, down: tall, low, high, values };
}

/** A record's parts: of each of its fields the number, and what it adds, without its field's mean, one after the other. */
export interface RecordParts {
  fields: ArrayLike<number>;
  bits: Uint16Array;
}

/**
 * What each field adds to the centred cosine of two records: half of what it adds with all fields of the other, for
 * either of them.
 *
 * @param mean of each field, one after the other: a field that a record lacks counts by that it lacks it
 */
export function added(one: RecordParts, other: RecordParts, mean: Float32Array, dimension: number): { score: number; byField: Float64Array } {
  const count = mean.length / dimension;
  const sides = [one, other].map((record) => {
    const wide = Float64Array.from(mean, (each) => -each);
    const table = halves();
    for (let part = 0; part < record.fields.length; part += 1) {
      const to = (record.fields[part] as number) * dimension;
      for (let each = 0; each < dimension; each += 1) wide[to + each] = table[record.bits[part * dimension + each] as number] as number;
    }
    const total = new Float64Array(dimension);
    wide.forEach((each, at) => (total[at % dimension] = (total[at % dimension] as number) + each));
    const length = Math.hypot(...total);
    const scale = length > SHORTEST ? 1 / length : 0;
    return { wide: wide.map((each) => each * scale), total: total.map((each) => each * scale) };
  }) as [{ wide: Float64Array; total: Float64Array }, { wide: Float64Array; total: Float64Array }];
  const byField = new Float64Array(count);
  for (let field = 0; field < count; field += 1) {
    let sum = 0;
    for (let each = 0; each < dimension; each += 1) {
      const at = field * dimension + each;
      sum += (sides[0].wide[at] as number) * (sides[1].total[each] as number) + (sides[1].wide[at] as number) * (sides[0].total[each] as number);
    }
    byField[field] = sum / 2;
  }
  return { score: byField.reduce((sum, each) => sum + each, 0), byField };
}
