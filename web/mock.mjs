// A stand-in for the Python server, with made-up records: `node mock.mjs [--count 1302] [--port 8123]`.
// It serves the built page and every route the page uses, so that the front end can be worked on alone.
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const count = option("count", 1302);
const port = option("port", 8123);
const STATIC = join(dirname(fileURLToPath(import.meta.url)), "../src/embedex/explorer/static");
const GROUPS = ["Kanto", "Johto", "Hoenn", "Sinnoh", "Unova", "Kalos", "Alola", "Galar", "Paldea"];
const TYPES = ["water", "grass", "fire", "normal", "bug", "rock", "ghost", "steel"];
const NONE = 65535;

// the same numbers every time: mulberry32
let seed = 7;
const random = () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const syllables = ["pi", "ka", "chu", "bul", "ba", "saur", "mew", "eev", "ra", "tto", "dra", "go", "lu", "gi", "za", "mo"];
const word = () => Array.from({ length: 2 + Math.floor(random() * 2) }, () => syllables[Math.floor(random() * 16)]).join("");
const names = Array.from({ length: count }, (_, row) => (row === 24 ? "Pikachu" : word().replace(/^./, (c) => c.toUpperCase())));
names[3] = '<img src=x onerror="document.title=1">'; // a hostile name must be shown, not run
const groups = Uint16Array.from({ length: count }, (_, row) => (row % 97 === 96 ? NONE : Math.floor((row / count) * GROUPS.length)));
const types = Uint16Array.from({ length: count }, () => Math.floor(random() * TYPES.length));
const heights = Float32Array.from({ length: count }, () => Math.exp(normal() * 0.8));
const centres = Array.from({ length: 24 }, () => [normal() * 6, normal() * 5]);
const xy = new Float32Array(count * 2);
for (let row = 0; row < count; row += 1) {
  const [x, y] = centres[(types[row] * 3 + (row % 3)) % 24];
  xy[2 * row] = x + normal() * 0.7;
  xy[2 * row + 1] = y + normal() * 0.7;
}
const pictures = Uint8Array.from({ length: count }, (_, row) => (row % 11 === 10 ? 0 : 1));

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}
function png(width, height, pixel) {
  const raw = Buffer.alloc(height * (width * 4 + 1));
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) pixel(x, y, raw, y * (width * 4 + 1) + 1 + x * 4);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 6, 0, 0, 0], 8);
  const parts = [chunk("IHDR", head), chunk("IDAT", deflateSync(raw, { level: 1 })), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), ...parts]);
}
// a creature: a body and two eyes, coloured by its type
function creature(row, u, v, raw, at) {
  if (row >= count || !pictures[row]) return;
  const hue = types[row] / TYPES.length + (row % 7) * 0.01;
  const wobble = 0.36 + 0.07 * Math.sin(Math.atan2(v - 0.5, u - 0.5) * (3 + (row % 5)) + row);
  if (Math.hypot(u - 0.5, v - 0.5) > wobble) return;
  const eye = Math.min(Math.hypot(u - 0.4, v - 0.42), Math.hypot(u - 0.6, v - 0.42)) < 0.05;
  const shade = [0, 1 / 3, 2 / 3].map((p) => 150 + 90 * Math.cos(2 * Math.PI * (hue + p)) * (1 - v * 0.4));
  raw.set(eye ? [20, 20, 20, 255] : [...shade, 255], at);
}
const pages = new Map();
const page = (number) => {
  if (!pages.has(number)) {
    pages.set(number, png(2048, 2048, (x, y, raw, at) =>
      creature(number * 1024 + Math.floor(y / 64) * 32 + Math.floor(x / 64), (x % 64) / 64, (y % 64) / 64, raw, at)));
  }
  return pages.get(number);
};

const hit = (row, rank, extra) => ({ row, name: names[row], group: GROUPS[groups[row]] ?? null, rank, score: null, distance: null, ...extra });
const score = (a, b) => 0.98 - 0.6 * Math.tanh(Math.hypot(xy[2 * a] - xy[2 * b], xy[2 * a + 1] - xy[2 * b + 1]) / 9) - Math.abs(a - b) * 1e-6;
function nearest(row, k, perGroup, map) {
  const order = Array.from({ length: Math.min(count, 20000) }, (_, each) => each).filter((each) => each !== row).sort((a, b) => score(row, b) - score(row, a));
  const kept = perGroup ? GROUPS.flatMap((_, group) => order.filter((each) => groups[each] === group).slice(0, 1)) : order.slice(0, k);
  return kept.map((each, place) => hit(each, place + 1, map ? { distance: Math.hypot(xy[2 * row] - xy[2 * each], xy[2 * row + 1] - xy[2 * each + 1]) } : { score: score(row, each) }));
}
const wanted = (query) => Math.min(Math.max(Number(query.get("k") ?? 10), 1), 1000);
const collection = {
  title: "Made-up creatures", origin: "mock.mjs", count, groups: GROUPS,
  embeddings: [{ name: "text", encoder: "wordllama", dimension: 256 }, { name: "image", encoder: "descriptor", dimension: 512 }],
  pictures: pictures.reduce((a, b) => a + b, 0),
  maps: [{ name: "umap", dimensions: 2, count, method: "umap", fidelity: { trustworthiness: 0.93, continuity: 0.9, nearest: 10, seeds: 1, rule: "fewer than 2 of its 10 nearest are near it in the map" } }, { name: "pca", dimensions: 2, count, method: "pca" }],
  default_map: "umap", can_ask: true, ask_against: ["text"], fields: true,
  thumbnail: { side: 64, columns: 32, pages: Math.ceil(count / 1024) }, version: "mock",
};
const routes = [
  [/^collection$/, () => collection],
  [/^rows\/names$/, () => names.join("\n") + "\n"],
  [/^rows\/ids$/, () => names.map((_, row) => row + 1).join("\n") + "\n"],
  [/^rows\/groups$/, () => groups],
  [/^rows\/pictures$/, () => pictures],
  [/^rows\/main$/, () => new Uint8Array(count).fill(1)],
  [/^maps\/(\w+)$/, (_, name) => [name === "pca" ? xy.map((v, at) => (at % 2 ? v * 0.4 : v * 1.5)) : xy, { "X-Rows": count, "X-Dimensions": 2 }]],
  [/^maps\/(\w+)\/rows$/, () => Uint32Array.from({ length: count }, (_, row) => row)],
  [/^maps\/(\w+)\/doubt$/, () => Uint8Array.from({ length: count }, (_, row) => (row % 23 === 5 ? 1 : 0))],
  [/^fields$/, () => ({ paths: [{ path: "types.0", kind: "category", distinct: 8 }, { path: "height", kind: "number", distinct: count }] })],
  [/^values$/, (query) => (query.get("path") === "height" ? { kind: "number" } : { kind: "category", categories: TYPES })],
  [/^values\/data$/, (query) => (query.get("path") === "height" ? heights : types)],
  [/^records\/(\d+)$/, (_, row) => ({ row: +row, id: String(+row + 1), name: names[row], group: GROUPS[groups[row]] ?? null, picture: !!pictures[row],
    data: { id: +row + 1, name: names[row], height: heights[row], types: [TYPES[types[row]], "flying"], legendary: false, evolves_from: null,
      stats: { hp: 35, attack: 55, defence: 40 }, text: "When it is angered, it at once lets go of the energy kept in its cheeks. <b>Not bold</b>.",
      moves: Array.from({ length: 60 }, (_, at) => ({ name: `move ${at}`, power: at * 5 })) } })],
  [/^pictures\/(\d+)$/, (_, row) => [png(240, 240, (x, y, raw, at) => creature(+row, x / 240, y / 240, raw, at)), { "Content-Type": "image/png" }]],
  [/^thumbnails\/(\d+)\.webp$/, (_, number) => [page(+number), { "Content-Type": "image/png", "Cache-Control": "max-age=3600" }]],
  [/^similar$/, (query) => ({ basis: { caption: `centred cosine by ${query.get("by")}, all ${count} records`, note: `pictures weigh ${query.get("weight") ?? 0.25} of 1` }, hits: nearest(+query.get("row"), wanted(query), query.get("per_group") === "1", query.get("by") === "map") })],
  [/^why$/, (query) => ({ score: score(+query.get("row"), +query.get("other")), caption: "What the score loses without the field.",
    fields: [["types", 0.18, 0.4], ["stats.hp", 0.11, 0.25], ["moves", 0.09, 0.2], ["text", -0.02, -0.05]].map(([field, adds, share]) => ({ field, adds, share })) })],
  [/^ask$/, (query) => ({ against: "text", caption: "cosine, question against text", hits: nearest(query.get("q").length * 31 % count, wanted(query)).map((each) => ({ ...each, passage: "lets go of the energy kept in its cheeks", passage_path: "text" })) })],
  [/^unusual$/, (query) => ({ caption: "lowest cosine to its 10 nearest", hits: nearest(5, wanted(query)) })],
  [/^where$/, () => Uint8Array.from({ length: count }, (_, row) => Number(row % 3 === 0))],
  [/^heatmap$/, (query) => {
    const most = +(query.get("size") ?? 512);
    const part = (a, b) => [+(query.get(a) ?? 0), +(query.get(b) ?? count)];
    const across = part("from", "to");
    const down = query.has("from_down") ? part("from_down", "to_down") : across;
    const [wide, tall] = [across, down].map(([from, to]) => Math.min(most, to - from));
    const at = ([from, to], cells, step) => order[Math.min(Math.floor(from + ((step + 0.5) * (to - from)) / cells), count - 1)];
    const data = new Uint8Array(wide * tall);
    for (let y = 0; y < tall; y += 1) for (let x = 0; x < wide; x += 1) data[y * wide + x] = Math.max(0, Math.min(255, 255 * score(at(across, wide, x), at(down, tall, y))));
    return [data, { "X-Order-Count": count, "X-Low": 0, "X-High": 1, "X-Size": wide, "X-Height": tall }];
  }],
  [/^heatmap\/order$/, () => Uint32Array.from(order)],
];
const order = Array.from({ length: count }, (_, row) => row).sort((a, b) => types[a] - types[b] || a - b);
const KINDS = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const send = (status, kind, body, headers = {}) => {
    response.writeHead(status, { "Content-Type": kind, "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:", ...headers });
    response.end(body);
  };
  if (!url.pathname.startsWith("/api/")) {
    const file = join(STATIC, normalize(url.pathname === "/" ? "index.html" : url.pathname));
    if (!file.startsWith(STATIC) || !existsSync(file)) return send(404, "text/plain", "not here");
    return send(200, KINDS[extname(file)] ?? "application/octet-stream", readFileSync(file));
  }
  for (const [pattern, answer] of routes) {
    const match = pattern.exec(url.pathname.slice(5));
    if (!match) continue;
    const given = answer(url.searchParams, match[1]);
    const [body, headers] = Array.isArray(given) ? given : [given, {}];
    if (typeof body === "string") return send(200, "text/plain; charset=utf-8", body, headers);
    if (ArrayBuffer.isView(body)) return send(200, "application/octet-stream", Buffer.from(body.buffer, body.byteOffset, body.byteLength), headers);
    return send(200, "application/json", JSON.stringify(body), headers);
  }
  return send(404, "application/json", JSON.stringify({ error: `no route ${url.pathname}`, cure: "" }));
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/`));
