/** Turns what the server sends, little-endian binary or lines of text, into arrays. */

export const NONE = 65535;

type Reader<T> = { readonly bytes: number; make(buffer: ArrayBuffer): T };

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function swapped(buffer: ArrayBuffer, bytes: number): ArrayBuffer {
  if (littleEndian || bytes === 1) return buffer;
  const all = new Uint8Array(buffer.slice(0));
  for (let start = 0; start < all.length; start += bytes) all.subarray(start, start + bytes).reverse();
  return all.buffer;
}

export const uint8: Reader<Uint8Array> = { bytes: 1, make: (buffer) => new Uint8Array(buffer) };
export const uint16: Reader<Uint16Array> = { bytes: 2, make: (buffer) => new Uint16Array(buffer) };
export const uint32: Reader<Uint32Array> = { bytes: 4, make: (buffer) => new Uint32Array(buffer) };
export const float32: Reader<Float32Array> = { bytes: 4, make: (buffer) => new Float32Array(buffer) };

/** Decodes an answer; `count`, when known, is how many numbers there must be. */
export function decode<T>(reader: Reader<T>, buffer: ArrayBuffer, count?: number): T {
  if (buffer.byteLength % reader.bytes !== 0 || (count !== undefined && buffer.byteLength !== count * reader.bytes)) {
    const wanted = count === undefined ? `a multiple of ${reader.bytes}` : `${count * reader.bytes}`;
    throw new RangeError(`an answer has ${buffer.byteLength} bytes where ${wanted} were expected`);
  }
  return reader.make(swapped(buffer, reader.bytes));
}

/** Splits `count` lines; a last line end is not another line. */
export function lines(text: string, count: number): string[] {
  const all = text.split("\n");
  if (all.length === count + 1 && all[count] === "") all.pop();
  if (all.length !== count) throw new RangeError(`an answer has ${all.length} lines where ${count} were expected`);
  return all;
}

/** Only x and y of places in a map of any dimensions. */
export function plane(all: Float32Array, dimensions: number): Float32Array {
  if (dimensions === 2) return all;
  const count = all.length / dimensions;
  const xy = new Float32Array(count * 2);
  for (let place = 0; place < count; place += 1) {
    xy[2 * place] = all[dimensions * place] as number;
    xy[2 * place + 1] = dimensions > 1 ? (all[dimensions * place + 1] as number) : 0;
  }
  return xy;
}
