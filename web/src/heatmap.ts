/** Every pair of records as a square of scores: zoom by asking for a smaller part, down to single pairs. */

import * as api from "./api";
import { type Theme, ramp } from "./colours";
import { byFinger, counted, h, later, put } from "./dom";
import type { By } from "./state";
import { RAW, about } from "./words";

const LEAST = 16; // the fewest records across
const FINEST = 1024;
const MARGIN = 104; // pixels left of and above the square for names, when single pairs are seen
const NAMED = 12; // pixels a pair from which names are written
const MOST_GROUPS = 60; // of more that are seen at once, neither names nor lines are drawn
const LINE = 16; // pixels a group's name takes

/** Records of one group, side by side in the square: from `start` to before `end`. */
interface Span {
  name: string;
  start: number;
  end: number;
}

/** Two records of the square. */
export interface HeatmapPair {
  row: number;
  other: number;
  by: By;
  /** their raw score; null where it cannot be had */
  raw: Promise<number | null>;
}

export interface HeatmapOptions {
  bys: { by: By; label: string }[];
  /** whether the records stand group by group */
  grouped: boolean;
  name(row: number): string;
  group(row: number): string;
  onPair(pair: HeatmapPair): void;
  onSquare(square: [number, number, number] | null): void;
  onBy(by: By): void;
}

export class Heatmap {
  readonly element: HTMLElement;
  private readonly canvas = h("canvas", { tabindex: "0", role: "application" });
  private readonly told = h("p", { class: "pair", role: "status", "aria-live": "polite" });
  private readonly scale = h("div", { class: "scale" });
  private readonly choice: HTMLSelectElement;
  private readonly trouble = h("p", { class: "trouble", role: "alert" });
  private order: Uint32Array = new Uint32Array(0);
  private by: By | null = null;
  private span = 1;
  private left = 0;
  private top = 0;
  private tile: { x: api.Range; y: api.Range; square: api.Square; image: HTMLCanvasElement } | null = null;
  /** the bytes of the tile at which the colours begin and end */
  private ends: readonly [number, number] = [0, 255];
  private theme: Theme = "light";
  private asking: AbortController | null = null;
  private pointer: [number, number] | null = null;
  private groups: Span[] = [];
  private readonly groupNames = h("div", { class: "heatmap-groups", "aria-hidden": "true" });

  constructor(private readonly options: HeatmapOptions) {
    this.choice = h("select", { "aria-label": "Compared by", onchange: () => options.onBy(this.choice.value as By) },
      ...options.bys.map((each) => h("option", { value: each.by }, each.label)));
    this.canvas.setAttribute("aria-label", "All pairs. Arrow keys move, plus and minus zoom, 0 shows all, Enter opens the pair in the middle.");
    const button = (label: string, text: string, call: () => void) => h("button", { type: "button", class: "square", "aria-label": label, title: label, onclick: call }, text);
    this.element = h("section", { class: "heatmap", "aria-label": "All pairs" },
      h("div", { class: "heatmap-bar" },
        h("label", {}, "Compared ", this.choice),
        h("span", { class: "buttons" },
          button("Zoom in", "+", () => this.zoom(0.5, 0.5, 0.5)), button("Zoom out", "−", () => this.zoom(2, 0.5, 0.5)),
          button("Show all pairs", "⤢", () => this.place(0, 0, this.order.length))),
        this.scale, about("Raw cosines", RAW)),
      this.trouble, h("div", { class: "heatmap-room" }, this.groupNames, this.canvas), this.told);
    this.listen();
    new ResizeObserver(() => this.paint()).observe(this.element);
  }

  async show(by: By, square: [number, number, number] | null, theme: Theme): Promise<void> {
    const dark = this.theme !== theme;
    this.theme = theme;
    if (this.by === by && this.order.length) {
      if (dark) this.rescale();
      this.paint();
      return;
    }
    this.by = by;
    this.choice.value = by;
    // nothing of what was shown goes with what is asked for now
    this.asking?.abort();
    this.tile = null;
    this.order = new Uint32Array(0);
    this.groups = [];
    this.trouble.textContent = "";
    try {
      const order = await api.order(by);
      if (this.by !== by) return; // meanwhile something else was asked for
      this.order = order;
    } catch (error) {
      if (this.by === by) this.refuse(error);
      return;
    }
    if (!this.order.length) this.trouble.textContent = "No record that is compared by default has what is compared here.";
    this.groups = this.options.grouped ? spans(Array.from(this.order, (row) => this.options.group(row))) : [];
    const n = this.order.length;
    const [left, top, span] = square ?? [0, 0, n];
    this.place(left, top, span, false);
  }

  private refuse(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.trouble.textContent = error instanceof api.Refused ? `${error.message} ${error.cure}` : String(error);
  }

  private place(left: number, top: number, span: number, tell = true): void {
    const n = this.order.length;
    if (!n) return this.paint();
    this.span = Math.min(Math.max(span, Math.min(LEAST, n)), n);
    this.left = Math.min(Math.max(left, 0), n - this.span);
    this.top = Math.min(Math.max(top, 0), n - this.span);
    this.paint();
    this.ask();
    if (tell) this.options.onSquare(this.span >= n ? null : [this.left, this.top, this.span]);
  }

  private zoom(by: number, across: number, down: number): void {
    const span = Math.min(Math.max(this.span * by, Math.min(LEAST, this.order.length)), this.order.length);
    this.place(this.left + (this.span - span) * across, this.top + (this.span - span) * down, span);
  }

  // a little more than what is seen, so that a small move shows no gap
  private readonly ask = later(120, () => {
    const by = this.by;
    if (!by || !this.order.length) return;
    const n = this.order.length;
    const seen = (start: number): api.Range => [Math.floor(start), Math.min(Math.ceil(start + this.span), n)];
    const more = ([from, to]: api.Range): api.Range => {
      const extra = Math.ceil((to - from) / 4);
      return [Math.max(0, from - extra), Math.min(n, to + extra)];
    };
    const old = this.tile;
    const holds = (held: api.Range, part: api.Range) => held[0] <= part[0] && held[1] >= part[1];
    const single = old && old.square.across >= old.x[1] - old.x[0] && old.square.down >= old.y[1] - old.y[0];
    const [x, y] = [more(seen(this.left)), more(seen(this.top))];
    if (old && holds(old.x, seen(this.left)) && holds(old.y, seen(this.top))) {
      const close = old.x[1] - old.x[0] <= (x[1] - x[0]) * 1.3 && old.y[1] - old.y[0] <= (y[1] - y[0]) * 1.3;
      if (single || close) return this.rescale();
    }
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const size = Math.max(LEAST, Math.min(Math.max(x[1] - x[0], y[1] - y[0]), FINEST));
    api.square(by, x, y, size, asking.signal).then(
      (square) => {
        if (asking.signal.aborted) return;
        this.trouble.textContent = "";
        this.tile = { x, y, square, image: h("canvas", { width: 1, height: 1 }) };
        this.rescale();
        this.tell();
      },
      (error: unknown) => this.refuse(error),
    );
  });

  /** Colours what is seen by its own scores, whichever way led there: a reload shows the same. */
  private rescale(): void {
    const tile = this.tile;
    if (!tile) return;
    const { square, x, y } = tile;
    this.ends = ends(within(square, share(x, this.left, this.span), share(y, this.top, this.span)));
    tile.image = this.drawn(square);
    const [low, high] = this.ends.map((each) => (square.low + (each / 255) * (square.high - square.low)).toFixed(2));
    put(this.scale, h("span", {}, `≤ ${low}`), h("i", { "aria-hidden": "true" }), h("span", {}, `≥ ${high}`));
    const bar = this.scale.querySelector("i") as HTMLElement;
    bar.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((t) => `rgb(${this.tint(t).map(Math.round).join(" ")})`).join(",")})`;
    this.paint();
  }

  private tint(share: number): readonly [number, number, number] {
    const ground = this.theme === "dark" ? [21, 25, 30] : [255, 255, 255];
    if (share < 0.25) {
      const first = ramp(0, this.theme);
      const t = share / 0.25;
      return [0, 1, 2].map((each) => (ground[each] as number) + ((first[each] as number) - (ground[each] as number)) * t) as unknown as [number, number, number];
    }
    return ramp((share - 0.25) / 0.75, this.theme);
  }

  private drawn(square: api.Square): HTMLCanvasElement {
    const image = h("canvas", { width: square.across, height: square.down });
    const pen = image.getContext("2d") as CanvasRenderingContext2D;
    const data = pen.createImageData(square.across, square.down);
    const [low, high] = this.ends;
    const tints = Array.from({ length: 256 }, (_, value) => this.tint(Math.min(Math.max((value - low) / (high - low || 1), 0), 1)));
    for (let at = 0; at < square.values.length; at += 1) {
      data.data.set(tints[square.values[at] as number] as unknown as number[], at * 4);
      data.data[at * 4 + 3] = 255;
    }
    pen.putImageData(data, 0, 0);
    return image;
  }

  private paint(): void {
    const room = this.canvas.parentElement as HTMLElement;
    const side = Math.floor(Math.min(room.clientWidth, room.clientHeight));
    if (side < 10) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.width = this.canvas.style.height = `${side}px`;
    if (this.canvas.width !== Math.round(side * ratio)) this.canvas.width = this.canvas.height = Math.round(side * ratio);
    const pen = this.canvas.getContext("2d") as CanvasRenderingContext2D;
    const whole = this.canvas.width;
    pen.clearRect(0, 0, whole, whole);
    const tile = this.tile;
    const margin = this.margin() * ratio;
    const cell = (whole - margin) / this.span;
    pen.save();
    pen.beginPath();
    pen.rect(margin, margin, whole - margin, whole - margin);
    pen.clip();
    pen.translate(margin, margin);
    if (tile) {
      // the whole tile, put where its records are: what lies outside the square is cut
      pen.imageSmoothingEnabled = this.span * 2 > whole;
      pen.drawImage(tile.image, (tile.x[0] - this.left) * cell, (tile.y[0] - this.top) * cell, (tile.x[1] - tile.x[0]) * cell, (tile.y[1] - tile.y[0]) * cell);
    }
    this.separate(pen, cell, ratio, whole - margin);
    if (this.pointer) {
      const [across, down] = this.pairAt(...this.pointer);
      pen.strokeStyle = this.theme === "dark" ? "#ffffff" : "#1b2026";
      pen.globalAlpha = 0.35;
      pen.lineWidth = ratio;
      const [x, y] = [(across - this.left) * cell, (down - this.top) * cell];
      pen.strokeRect(x, -ratio, cell, whole);
      pen.strokeRect(-ratio, y, whole, cell);
      pen.globalAlpha = 1;
      pen.lineWidth = 2 * ratio;
      if (cell > 3) pen.strokeRect(x, y, cell, cell);
    }
    pen.restore();
    if (margin) this.names(pen, cell, ratio, margin);
    this.nameGroups(side, room, margin > 0);
  }

  /** The groups of which some records are seen, from `start` on. */
  private seen(start: number): Span[] {
    const found = this.groups.filter((each) => each.end > start && each.start < start + this.span);
    return found.length > MOST_GROUPS ? [] : found;
  }

  /** A thin line where one group ends and the next begins. */
  private separate(pen: CanvasRenderingContext2D, cell: number, ratio: number, whole: number): void {
    pen.strokeStyle = this.theme === "dark" ? "#15191e" : "#ffffff";
    pen.lineWidth = ratio;
    pen.beginPath();
    for (const each of this.seen(this.left).slice(1)) {
      pen.moveTo((each.start - this.left) * cell, 0);
      pen.lineTo((each.start - this.left) * cell, whole);
    }
    for (const each of this.seen(this.top).slice(1)) {
      pen.moveTo(0, (each.start - this.top) * cell);
      pen.lineTo(whole, (each.start - this.top) * cell);
    }
    pen.stroke();
  }

  /** Names of groups left of the square, where there is room; not beside the names of single records. */
  private nameGroups(side: number, room: HTMLElement, named: boolean): void {
    const free = (room.clientWidth - side) / 2 - 12;
    if (named || free < 60) return put(this.groupNames);
    const labels = this.seen(this.top).map((each) => {
      const [start, end] = [Math.max(each.start - this.top, 0), Math.min(each.end - this.top, this.span)];
      return { name: each.name, size: end - start, middle: (((start + end) / 2) / this.span) * side };
    });
    const placed: typeof labels = [];
    for (const each of labels.sort((a, b) => b.size - a.size)) {
      if (placed.every((other) => Math.abs(other.middle - each.middle) >= LINE)) placed.push(each);
    }
    const above = (room.clientHeight - side) / 2;
    put(this.groupNames, ...placed.map((each) => {
      const label = h("span", {}, each.name || "(none)");
      label.style.top = `${above + each.middle - LINE / 2}px`;
      label.style.maxWidth = `${Math.min(free, 220)}px`;
      label.style.right = `${room.clientWidth - free}px`;
      return label;
    }));
  }

  /** When single pairs are seen, names of the lines stand at the left and of the columns at the top. */
  private names(pen: CanvasRenderingContext2D, cell: number, ratio: number, margin: number): void {
    pen.font = `${11.5 * ratio}px system-ui, "Liberation Sans", Arial, sans-serif`;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.fillStyle = this.theme === "dark" ? "#eceff3" : "#1b2026";
    const write = (at: number) => {
      const name = this.options.name(this.order[at] as number);
      pen.fillText(name.length > 17 ? `${name.slice(0, 16)}…` : name, 0, 0, margin - 8 * ratio);
    };
    const middles = (start: number) =>
      Array.from({ length: Math.ceil(this.span) + 1 }, (_, step) => Math.floor(start) + step)
        .map((at) => ({ at, middle: margin + (at - start + 0.5) * cell }))
        .filter(({ at, middle }) => at < this.order.length && middle > margin && middle < this.canvas.width);
    for (const { at, middle } of middles(this.top)) {
      pen.save();
      pen.translate(margin - 5 * ratio, middle);
      write(at);
      pen.restore();
    }
    pen.textAlign = "left";
    for (const { at, middle } of middles(this.left)) {
      pen.save();
      pen.translate(middle, margin - 5 * ratio);
      pen.rotate(-Math.PI / 2);
      write(at);
      pen.restore();
    }
  }

  private margin(): number {
    const side = this.canvas.clientWidth;
    return (side - MARGIN) / this.span >= NAMED ? MARGIN : 0;
  }

  /** Where a point of the canvas is in the square, from 0 to 1. */
  private share(at: number): number {
    const margin = this.margin();
    return Math.min(Math.max((at - margin) / Math.max(this.canvas.clientWidth - margin, 1), 0), 1);
  }

  private pairAt(x: number, y: number): [number, number] {
    const n = this.order.length - 1;
    return [Math.min(Math.floor(this.left + this.share(x) * this.span), n), Math.min(Math.floor(this.top + this.share(y) * this.span), n)];
  }

  private tell(): void {
    if (!this.pointer || !this.order.length) {
      put(this.told, `${counted(this.order.length, "record")} in drawn order${this.options.grouped ? ", group by group" : ""}. ${byFinger() ? "Pinch to zoom; tap a pair" : "Point at a pair; scroll to zoom; click"} to open it.`);
      return;
    }
    const [across, down] = this.pairAt(...this.pointer);
    const name = (at: number) => h("b", {}, this.options.name(this.order[at] as number));
    // the scale of the square is that of different records: it does not reach what a record has with itself
    if (across === down) return put(this.told, name(down), " with itself");
    const tile = this.tile;
    let score = "";
    if (tile && across >= tile.x[0] && across < tile.x[1] && down >= tile.y[0] && down < tile.y[1]) {
      const [wide, tall] = [tile.square.across / (tile.x[1] - tile.x[0]), tile.square.down / (tile.y[1] - tile.y[0])];
      const value = tile.square.values[Math.floor((down - tile.y[0]) * tall) * tile.square.across + Math.floor((across - tile.x[0]) * wide)];
      const single = wide >= 1 && tall >= 1;
      if (value !== undefined) score = `${single ? "" : "about "}${(tile.square.low + (value / 255) * (tile.square.high - tile.square.low)).toFixed(2)}`;
    }
    put(this.told, name(down), " and ", name(across), score && `: ${score}`);
  }

  private listen(): void {
    const canvas = this.canvas;
    let drag: { x: number; y: number; left: number; top: number; moved: boolean } | null = null;
    const point = (event: MouseEvent): [number, number] => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [x, y] = point(event);
      this.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * 0.004))), this.share(x), this.share(y));
    }, { passive: false });
    const fingers = new Map<number, [number, number]>();
    const pinched = () => {
      const [[ax, ay], [bx, by]] = [...fingers.values()] as [[number, number], [number, number]];
      return { apart: Math.max(Math.hypot(bx - ax, by - ay), 1), x: this.share((ax + bx) / 2), y: this.share((ay + by) / 2) };
    };
    let pinch: { apart: number; span: number; across: number; down: number } | null = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, point(event));
      if (fingers.size === 2) {
        const now = pinched();
        pinch = { apart: now.apart, span: this.span, across: this.left + now.x * this.span, down: this.top + now.y * this.span };
        drag = null;
      } else if (fingers.size === 1) drag = { x: event.clientX, y: event.clientY, left: this.left, top: this.top, moved: false };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (fingers.has(event.pointerId)) fingers.set(event.pointerId, point(event));
      if (pinch && fingers.size === 2) {
        // what was between the fingers stays between them
        const now = pinched();
        const span = Math.min(Math.max((pinch.span * pinch.apart) / now.apart, Math.min(LEAST, this.order.length)), this.order.length);
        this.pointer = null;
        this.place(pinch.across - now.x * span, pinch.down - now.y * span, span);
        return;
      }
      this.pointer = point(event);
      if (drag) {
        const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
        if (Math.hypot(dx, dy) > (event.pointerType === "touch" ? 9 : 4)) drag.moved = true;
        if (drag.moved) {
          const each = this.span / (canvas.clientWidth - this.margin());
          this.place(drag.left - dx * each, drag.top - dy * each, this.span);
        }
      }
      this.paint();
      this.tell();
    });
    const up = (event: PointerEvent) => {
      if (event.type === "pointerup" && drag && !drag.moved) this.open(point(event));
      fingers.delete(event.pointerId);
      pinch = drag = null; // a finger that is left moves nothing until it is put down again
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.paint();
      this.tell();
    });
    canvas.addEventListener("dblclick", (event) => {
      const [x, y] = point(event);
      this.zoom(0.4, this.share(x), this.share(y));
    });
    canvas.addEventListener("keydown", (event) => {
      const step = this.span / 8;
      const moves: Record<string, () => void> = {
        ArrowLeft: () => this.place(this.left - step, this.top, this.span), ArrowRight: () => this.place(this.left + step, this.top, this.span),
        ArrowUp: () => this.place(this.left, this.top - step, this.span), ArrowDown: () => this.place(this.left, this.top + step, this.span),
        "+": () => this.zoom(0.6, 0.5, 0.5), "=": () => this.zoom(0.6, 0.5, 0.5), "-": () => this.zoom(1.7, 0.5, 0.5),
        "0": () => this.place(0, 0, this.order.length), Enter: () => this.open([canvas.clientWidth / 2, canvas.clientHeight / 2]),
      };
      const move = moves[event.key];
      if (!move || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      move();
    });
  }

  private open(at: [number, number]): void {
    if (!this.order.length) return;
    const [across, down] = this.pairAt(...at);
    const by = this.by as By;
    const raw = api.square(by, [across, across + 1], [down, down + 1], LEAST).then(
      // of a part that holds one pair, both ends of the scale are its score
      (square) => (square.values.length === 1 ? square.low : null),
      () => null,
    );
    this.options.onPair({ row: this.order[down] as number, other: this.order[across] as number, by, raw });
  }
}

/** Which part of a range lies between a place and so many places on, from 0 to 1. */
function share([from, to]: api.Range, start: number, span: number): [number, number] {
  const at = (place: number) => Math.min(Math.max((place - from) / (to - from), 0), 1);
  return [at(start), at(start + span)];
}

/** The values of a part of a square, its ends as shares across and down; of a cell at an end more than half has to be in it. */
export function within(square: api.Square, [left, right]: readonly [number, number], [top, bottom]: readonly [number, number]): Uint8Array {
  const [first, last] = [left, right].map((each) => Math.round(each * square.across)) as [number, number];
  const [from, to] = [top, bottom].map((each) => Math.round(each * square.down)) as [number, number];
  const part = new Uint8Array(Math.max(last - first, 0) * Math.max(to - from, 0));
  for (let line = from; line < to; line += 1) {
    part.set(square.values.subarray(line * square.across + first, line * square.across + last), (line - from) * (last - first));
  }
  return part;
}

/** Where each run of equal names begins and ends. */
export function spans(names: readonly string[]): Span[] {
  const found: Span[] = [];
  names.forEach((name, at) => {
    const last = found.at(-1);
    if (last?.name === name) last.end = at + 1;
    else found.push({ name, start: at, end: at + 1 });
  });
  return found;
}

/** The bytes between which nearly all cells lie: a few odd records must not make all others look the same. */
export function ends(values: Uint8Array): [number, number] {
  const counts = new Float64Array(256);
  for (const value of values) counts[value] = (counts[value] as number) + 1;
  const at = (share: number): number => {
    let seen = 0;
    for (let value = 0; value < 256; value += 1) {
      seen += counts[value] as number;
      if (seen >= share * values.length) return value;
    }
    return 255;
  };
  const [low, high] = [at(0.02), at(0.99)];
  return high > low ? [low, high] : [0, 255];
}
