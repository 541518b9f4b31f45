/** The map: points when far, pictures when near. What is under the pointer is found in a grid, not read from the GPU. */

import { Deck, LinearInterpolator, OrthographicView, type Layer } from "@deck.gl/core";
import { IconLayer, LineLayer, ScatterplotLayer, TextLayer } from "@deck.gl/layers";

import * as api from "./api";
import { type Colouring, type Rgb, type Theme, otherColour } from "./colours";
import { byFinger, h } from "./dom";
import { PlaceGrid, simplified } from "./places";
import { MOST_CORNERS, shorter } from "./state";
import { TriangleLayer } from "./triangles";

const NEAR = 9; // pixels between typical neighbours from which pictures are drawn
const MOST_PICTURES = 2500;
const MOST_PAGES = 16; // 16 MB each on the graphics card
const MOST_NAMES = 220;
const COMPANY = 24; // so many places are seen with one that is brought into view
const AS_LARGE = 1.4; // a triangle looks as large as a disc of a smaller radius

interface Camera {
  target: [number, number];
  zoom: number;
}

interface Room {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface MapData {
  places: api.Places;
  names: readonly string[];
  pictures: Uint8Array;
  thumbnail: api.Collection["thumbnail"];
}

export class MapView {
  readonly element = h("div", { class: "map" });
  private readonly holder = h("div", { class: "map-canvas" });
  private readonly tip = h("div", { class: "tip", role: "status", "aria-live": "off", hidden: true });
  private readonly lassoCanvas = h("canvas", { class: "lasso", "aria-hidden": "true" });
  private readonly deck: Deck<OrthographicView>;
  private camera: Camera = { target: [0, 0], zoom: 0 };
  private width = 1;
  private height = 1;
  private data: MapData | null = null;
  private grid: PlaceGrid | null = null;
  private spacing = 1;
  private rowPlace = new Int32Array(0);
  private colouring: Colouring | null = null;
  private fills = new Uint8Array(0);
  private discs: object = { length: 0 };
  private triangles: object | null = null;
  private doubted: number[] = [];
  private theme: Theme = "light";
  private readonly pages = new Map<number, { image: ImageBitmap | null; used: number }>();
  private inView: number[] | null = null;
  private readonly cells: Record<string, { x: number; y: number; width: number; height: number; mask: boolean }> = {};
  private selected = -1;
  private near: number[] = [];
  private marked: Set<number> | null = null;
  private line: readonly [number, number][] = [];
  private hovered = -1;
  private version = 0;
  private frame = 0;
  /** whether the map is still as `fit` put it */
  private fitted = false;
  private limits = { minZoom: -12, maxZoom: 24 };

  onSelect: (row: number) => void = () => {};
  onCamera: (camera: [number, number, number]) => void = () => {};
  onLasso: (corners: [number, number][]) => void = () => {};
  /** What panels cover now; set by the page. */
  room: () => Room = () => ({ left: 0, right: 0, top: 0, bottom: 0 });

  constructor() {
    this.element.append(this.holder, this.lassoCanvas, this.tip);
    this.deck = new Deck({
      parent: this.holder,
      views: new OrthographicView({
        id: "map",
        flipY: false,
        controller: { scrollZoom: { speed: 0.008, smooth: false }, inertia: 250, doubleClickZoom: true, keyboard: true },
      }),
      viewState: this.viewState() as never,
      layers: [],
      useDevicePixels: true,
      getCursor: ({ isDragging }) => (isDragging ? "grabbing" : this.hovered >= 0 ? "pointer" : "grab"),
      onViewStateChange: ({ viewState, interactionState }) => {
        const given = viewState as unknown as { target: number[]; zoom: number | number[]; zoomX?: number };
        const zoom = Array.isArray(given.zoom) ? (given.zoom[0] as number) : given.zoom;
        this.camera = { target: [given.target[0] as number, given.target[1] as number], zoom };
        this.deck.setProps({ viewState: { ...(viewState as object), ...this.limits } as never });
        if (interactionState && !interactionState.inTransition) this.fitted = false;
        this.moved();
      },
      onHover: (info) => this.hover(info.x, info.y),
      onClick: (info) => {
        const row = this.rowAt(info.x, info.y);
        if (row >= 0) this.onSelect(row);
      },
      onError: (error) => console.warn(error.message),
    });
    this.holder.addEventListener("pointerleave", () => this.hover(-1e6, -1e6));
    new ResizeObserver(() => this.resized()).observe(this.element);
    this.listenLasso();
  }

  private viewState(): object {
    return { target: [...this.camera.target, 0], zoom: this.camera.zoom, ...this.limits };
  }

  label(text: string): void {
    const canvas = this.holder.querySelector("canvas");
    canvas?.setAttribute("aria-label", text);
    canvas?.setAttribute("role", "application");
    canvas?.setAttribute("tabindex", "0");
  }

  private resized(): void {
    this.width = this.element.clientWidth || 1;
    this.height = this.element.clientHeight || 1;
    this.lassoCanvas.width = this.width;
    this.lassoCanvas.height = this.height;
    if (!this.data) return;
    if (this.fitted) {
      this.camera = this.whole(this.room());
      this.deck.setProps({ viewState: this.viewState() as never });
    }
    this.moved();
  }

  show(data: MapData, camera: [number, number, number] | null): void {
    const room = this.room();
    this.width = this.element.clientWidth || 1;
    this.height = this.element.clientHeight || 1;
    if (data.thumbnail !== this.data?.thumbnail) {
      const { side, columns } = data.thumbnail;
      for (let cell = 0; cell < columns * columns; cell += 1) {
        // two pixels less at each edge: smoothing must not bring in the picture beside it
        this.cells[cell] = { x: (cell % columns) * side + 2, y: Math.floor(cell / columns) * side + 2, width: side - 4, height: side - 4, mask: false };
      }
    }
    this.data = data;
    this.grid = new PlaceGrid(data.places.xy);
    this.spacing = this.grid.spacing();
    this.rowPlace = new Int32Array(data.names.length).fill(-1);
    data.places.rows.forEach((row, place) => (this.rowPlace[row] = place));
    this.doubted = [];
    data.places.doubt.forEach((doubt, place) => doubt && this.doubted.push(place));
    // from a little more than the whole map to some pictures side by side
    const whole = this.whole(room).zoom;
    this.limits = { minZoom: whole - 2, maxZoom: Math.max(Math.log2(600 / this.spacing), whole + 3) };
    if (camera) this.camera = { target: [camera[0], camera[1]], zoom: camera[2] };
    else this.camera = this.whole(room);
    this.fitted = !camera;
    this.deck.setProps({ viewState: this.viewState() as never });
    this.recolour();
    this.moved();
  }

  colour(colouring: Colouring, theme: Theme): void {
    this.colouring = colouring;
    this.theme = theme;
    this.recolour();
    this.findInView(); // other pictures may be shown now
    this.draw();
  }

  /** The open record, its nearest, and the rows of a list (others are drawn pale). */
  mark(selected: number, near: number[], marked: number[] | null): void {
    this.selected = selected;
    this.near = near;
    const changed = marked !== null || this.marked !== null;
    this.marked = marked ? new Set(marked) : null;
    if (changed) this.recolour();
    this.draw();
  }

  /** The line around the selected records; empty for none. */
  outline(corners: readonly [number, number][]): void {
    this.line = corners;
    this.draw();
  }

  has(row: number): boolean {
    return (this.rowPlace[row] ?? -1) >= 0;
  }

  private shownRow(row: number): boolean {
    return this.colouring?.shown[row] !== 0;
  }

  private recolour(): void {
    if (!this.data || !this.colouring) return;
    const { rows, doubt } = this.data.places;
    const { colours, shown } = this.colouring;
    const other = otherColour(this.theme);
    this.fills = new Uint8Array(rows.length * 4);
    for (let place = 0; place < rows.length; place += 1) {
      const row = rows[place] as number;
      const strong = shown[row] && (!this.marked || this.marked.has(row));
      const at = place * 4;
      if (strong) {
        this.fills[at] = colours[row * 3] as number;
        this.fills[at + 1] = colours[row * 3 + 1] as number;
        this.fills[at + 2] = colours[row * 3 + 2] as number;
        this.fills[at + 3] = doubt[place] ? 0 : 215;
      } else {
        this.fills.set([...other, doubt[place] ? 0 : this.marked && shown[row] ? 90 : 40], at);
      }
    }
    this.version += 1;
    const { triangles } = this.colouring;
    const all = this.data.places.xy;
    if (triangles) {
      const [others, own]: [number[], number[]] = [[], []];
      for (let place = 0; place < rows.length; place += 1) (triangles[rows[place] as number] ? own : others).push(place);
      this.discs = points(...part(all, this.fills, others));
      this.triangles = points(...part(all, this.fills, own));
    } else {
      this.discs = points(all, this.fills);
      this.triangles = null;
    }
  }

  private whole(room: Room): Camera {
    const { left, right, bottom, top } = (this.grid as PlaceGrid).box;
    const width = Math.max(this.width - room.left - room.right, 80);
    const height = Math.max(this.height - room.top - room.bottom, 80);
    const zoom = Math.log2(Math.min(width / Math.max(right - left, 1e-6), height / Math.max(top - bottom, 1e-6)));
    const scale = 2 ** zoom;
    return {
      target: [(left + right) / 2 - (room.left - room.right) / 2 / scale, (bottom + top) / 2 + (room.top - room.bottom) / 2 / scale],
      zoom,
    };
  }

  fit(): void {
    if (!this.grid) return;
    this.fly(this.whole(this.room()));
    this.fitted = true;
  }

  zoom(by: number): void {
    const zoom = Math.min(Math.max(this.camera.zoom + by, this.limits.minZoom), this.limits.maxZoom);
    this.fly({ target: this.camera.target, zoom });
  }

  /** Brings a record into view, near enough to see its picture. */
  goTo(row: number): void {
    const room = this.room();
    const place = this.rowPlace[row] ?? -1;
    if (place < 0 || !this.data) return;
    const [x, y] = this.at(place);
    // near enough for pictures, but in a sparse place not so near that nothing else is seen
    const around = this.grid?.reach(x, y, COMPANY) ?? 0;
    const open = Math.min(this.width - room.left - room.right, this.height - room.top - room.bottom);
    const near = Math.min(Math.log2(34 / this.spacing), around > 0 ? Math.log2(Math.max(open, 80) / 2 / around) : Infinity);
    const zoom = Math.max(this.camera.zoom, near);
    const scale = 2 ** zoom;
    const [sx, sy] = this.project(x, y);
    const visible = sx > room.left + 30 && sx < this.width - room.right - 30 && sy > room.top + 30 && sy < this.height - room.bottom - 30;
    if (visible && zoom === this.camera.zoom) return;
    this.fly({ target: [x - (room.left - room.right) / 2 / scale, y + (room.top - room.bottom) / 2 / scale], zoom });
  }

  private fly(camera: Camera): void {
    this.fitted = false;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.camera = camera;
    this.deck.setProps({
      viewState: {
        ...this.viewState(),
        ...(still ? {} : { transitionDuration: 450, transitionInterpolator: new LinearInterpolator(["target", "zoom"]), transitionEasing: (t: number) => 1 - (1 - t) ** 3 }),
      } as never,
    });
    this.moved();
  }

  private at(place: number): [number, number] {
    const xy = (this.data as MapData).places.xy;
    return [xy[2 * place] as number, xy[2 * place + 1] as number];
  }

  private project(x: number, y: number): [number, number] {
    const scale = 2 ** this.camera.zoom;
    return [(x - this.camera.target[0]) * scale + this.width / 2, this.height / 2 - (y - this.camera.target[1]) * scale];
  }

  private unproject(sx: number, sy: number): [number, number] {
    const scale = 2 ** this.camera.zoom;
    return [(sx - this.width / 2) / scale + this.camera.target[0], (this.height / 2 - sy) / scale + this.camera.target[1]];
  }

  private pictureSize(): number {
    return Math.min(Math.max(this.spacing * 2 ** this.camera.zoom * 1.1, 26), 112);
  }

  private isNear(): boolean {
    return this.spacing * 2 ** this.camera.zoom >= NEAR;
  }

  private pointRadius(): number {
    return Math.min(Math.max(this.spacing * 2 ** this.camera.zoom * 0.3, 1.6), 5);
  }

  rowAt(sx: number, sy: number): number {
    if (!this.grid || !this.data) return -1;
    const [x, y] = this.unproject(sx, sy);
    const pixels = Math.max(this.isNear() ? this.pictureSize() / 2 : this.pointRadius() + 5, byFinger() ? 18 : this.isNear() ? 12 : 9);
    const { rows } = this.data.places;
    const place = this.grid.nearest(x, y, pixels / 2 ** this.camera.zoom, (each) => this.shownRow(rows[each] as number));
    return place < 0 ? -1 : (rows[place] as number);
  }

  private pointer: [number, number] = [-1e6, -1e6];

  private hover(sx: number, sy: number): void {
    if (byFinger()) return; // nothing would take the name away
    this.pointer = [sx, sy];
    const row = this.rowAt(sx, sy);
    if (row >= 0 && this.data) {
      const group = this.colouring && this.colourName(row);
      this.tip.replaceChildren(h("b", {}, this.data.names[row] || "(no name)"), group ? h("span", {}, group) : "");
      if (this.data.places.doubt[this.rowPlace[row] as number]) this.tip.append(h("span", { class: "doubt" }, "place in doubt"));
      this.tip.hidden = false;
      const left = Math.min(sx + 14, this.width - this.tip.offsetWidth - 8);
      this.tip.style.transform = `translate(${Math.max(left, 4)}px, ${Math.max(sy - this.tip.offsetHeight - 10, 4)}px)`;
    } else this.tip.hidden = true;
    if (row !== this.hovered) {
      this.hovered = row;
      this.draw();
    }
  }

  /** What the colouring calls a row; set by the page. */
  colourName: (row: number) => string = () => "";

  private readonly tellCamera = (() => {
    let timer = 0;
    return () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => this.onCamera([...this.camera.target, this.camera.zoom]), 250);
    };
  })();

  private moved(): void {
    this.tellCamera();
    this.findInView();
    this.hover(...this.pointer); // something else may now be below a pointer that did not move
    this.draw();
  }

  /** Which pictures are in view, and their atlas pages: only these are fetched. */
  private findInView(): void {
    this.inView = null;
    if (!this.data || !this.grid || !this.isNear() || this.data.thumbnail.pages === 0) return;
    const { rows } = this.data.places;
    const [left, top] = this.unproject(-60, -60);
    const [right, bottom] = this.unproject(this.width + 60, this.height + 60);
    const places = this.grid.inside({ left, right, bottom, top }, MOST_PICTURES * 4);
    if (!places) return;
    const drawn = places.filter((place) => {
      const row = rows[place] as number;
      return this.data?.pictures[row] === 1 && this.shownRow(row);
    });
    if (drawn.length > MOST_PICTURES) return;
    this.inView = drawn;
    const perPage = this.data.thumbnail.columns ** 2;
    const wanted = new Map<number, number>();
    for (const place of drawn) {
      const page = Math.floor((rows[place] as number) / perPage);
      wanted.set(page, (wanted.get(page) ?? 0) + 1);
    }
    // the pages with most of what is in view first; the rest stays points
    const first = [...wanted].sort((a, b) => b[1] - a[1]).slice(0, MOST_PAGES);
    const now = performance.now();
    for (const [page] of first) {
      const held = this.pages.get(page);
      if (held) held.used = now;
      else void this.load(page, now);
    }
    if (this.pages.size > MOST_PAGES + 4) {
      const oldest = [...this.pages].sort((a, b) => a[1].used - b[1].used).slice(0, this.pages.size - MOST_PAGES);
      for (const [page, held] of oldest) {
        if (held.used === now) continue;
        this.pages.delete(page);
      }
    }
  }

  /** Of the pictures in view those that hide no other; what is marked comes first. The rest stays points. */
  private apart(size: number): number[] {
    if (!this.inView || !this.data) return [];
    const { rows } = this.data.places;
    // in steps of the zoom, so that pictures do not come and go with every turn of the wheel
    const least = (0.8 * size) / 2 ** (Math.round(this.camera.zoom * 4) / 4);
    const first = new Set([this.selected, ...this.near, ...(this.marked ?? [])]);
    const inOrder = [...this.inView].sort((a, b) => {
      const [one, other] = [rows[a] as number, rows[b] as number];
      return Number(other === this.selected) - Number(one === this.selected) || Number(first.has(other)) - Number(first.has(one)) || one - other;
    });
    const cells = new Map<string, [number, number][]>();
    return inOrder.filter((place) => {
      const [x, y] = this.at(place);
      const [column, line] = [Math.floor(x / least), Math.floor(y / least)];
      for (let dx = -1; dx <= 1; dx += 1) {
        for (let dy = -1; dy <= 1; dy += 1) {
          for (const [ox, oy] of cells.get(`${column + dx},${line + dy}`) ?? []) {
            if (Math.hypot(ox - x, oy - y) < least) return false;
          }
        }
      }
      const key = `${column},${line}`;
      const held = cells.get(key);
      if (held) held.push([x, y]);
      else cells.set(key, [[x, y]]);
      return true;
    });
  }

  private async load(page: number, now: number): Promise<void> {
    const held: { image: ImageBitmap | null; used: number } = { image: null, used: now };
    this.pages.set(page, held);
    try {
      const answer = await fetch(api.pageAddress(page), { credentials: "same-origin" });
      if (!answer.ok) throw new Error(`page ${page}: ${answer.status}`);
      held.image = await createImageBitmap(await answer.blob(), { premultiplyAlpha: "none" });
      this.draw();
    } catch {
      this.pages.delete(page); // asked again at the next move
    }
  }

  private draw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.data && this.colouring && this.fills.length === this.data.places.rows.length * 4) {
        this.deck.setProps({ layers: this.layers() });
      }
    });
  }

  private layers(): Layer[] {
    const data = this.data as MapData;
    const { rows } = data.places;
    const colours = (this.colouring as Colouring).colours;
    const dark = this.theme === "dark";
    const ink: Rgb = dark ? [236, 240, 244] : [27, 32, 38];
    const ground: Rgb = dark ? [21, 25, 30] : [255, 255, 255];
    const size = this.pictureSize();
    const radius = this.pointRadius();
    const position = (place: number) => this.at(place);
    const colourOf = (place: number, alpha: number): [number, number, number, number] => {
      const at = place * 4;
      const fill = this.fills;
      return [fill[at] as number, fill[at + 1] as number, fill[at + 2] as number, alpha];
    };
    const perPage = data.thumbnail.columns ** 2;
    const byPage = new Map<number, number[]>();
    const pictured = new Set<number>();
    for (const place of this.apart(size)) {
      const page = Math.floor((rows[place] as number) / perPage);
      if (!this.pages.get(page)?.image) continue;
      const list = byPage.get(page);
      if (list) list.push(place);
      else byPage.set(page, [place]);
      pictured.add(place);
    }
    const layers: Layer[] = [];
    const dots = { getRadius: 1, radiusUnits: "pixels", radiusScale: radius, pickable: false } as const;
    layers.push(new ScatterplotLayer({ ...dots, id: "points", data: this.discs as never }));
    if (this.triangles) layers.push(new TriangleLayer({ ...dots, id: "triangles", data: this.triangles as never, radiusScale: radius * AS_LARGE }));
    const hollow = {
      ...dots,
      getPosition: position,
      filled: false,
      stroked: true,
      getLineColor: (place: number) => {
        const row = rows[place] as number;
        return colourOf(place, this.shownRow(row) && (!this.marked || this.marked.has(row)) ? 235 : 50);
      },
      lineWidthUnits: "pixels",
      getLineWidth: Math.min(Math.max(radius * 0.35, 0.8), 1.4),
      updateTriggers: { getLineColor: this.version },
    } as const;
    const shape = (this.colouring as Colouring).triangles;
    const rings = pictured.size ? this.doubted.filter((place) => !pictured.has(place)) : this.doubted;
    layers.push(new ScatterplotLayer<number>({ ...hollow, id: "doubt", data: shape ? rings.filter((place) => !shape[rows[place] as number]) : rings }));
    if (shape) layers.push(new TriangleLayer<number>({ ...hollow, id: "doubtful-triangles", data: rings.filter((place) => shape[rows[place] as number]), radiusScale: radius * AS_LARGE }));
    if (this.line.length) {
      layers.push(
        new LineLayer<[number, number]>({
          id: "lasso",
          data: this.line,
          getSourcePosition: (corner) => corner,
          getTargetPosition: (_, { index }) => this.line[(index + 1) % this.line.length] as [number, number],
          getColor: dark ? [255, 128, 104, 200] : [194, 69, 45, 200],
          getWidth: 1.4,
          widthUnits: "pixels",
        }),
      );
    }
    const lit = this.selected >= 0 ? (this.rowPlace[this.selected] ?? -1) : -1;
    const neighbours = this.near.map((row) => this.rowPlace[row] ?? -1).filter((place) => place >= 0 && place !== lit);
    if (lit >= 0 && neighbours.length) {
      layers.push(
        new LineLayer<number>({
          id: "threads",
          data: neighbours,
          getSourcePosition: () => position(lit),
          getTargetPosition: position,
          getColor: [...ink, 90],
          getWidth: 1,
          widthUnits: "pixels",
          updateTriggers: { getSourcePosition: lit, getTargetPosition: this.version },
        }),
      );
    }
    if (pictured.size) {
      const plates = [...pictured];
      layers.push(
        new ScatterplotLayer<number>({
          id: "plates",
          data: plates,
          getPosition: position,
          getRadius: 1,
          radiusUnits: "pixels",
          radiusScale: size * 0.5,
          getFillColor: dark ? [39, 45, 53, 235] : [255, 255, 255, 235],
          stroked: true,
          getLineColor: (place) => {
            const row = rows[place] as number;
            const pale = this.marked && !this.marked.has(row);
            return [colours[row * 3] as number, colours[row * 3 + 1] as number, colours[row * 3 + 2] as number, pale ? 70 : 255];
          },
          lineWidthUnits: "pixels",
          getLineWidth: (place) => (data.places.doubt[place] ? 1 : Math.min(1.2 + size / 70, 2.4)),
          updateTriggers: { getLineColor: this.version, getLineWidth: size > 60 },
        }),
      );
      for (const [page, places] of byPage) {
        layers.push(
          new IconLayer<number>({
            id: `pictures-${page}`,
            data: places,
            iconAtlas: this.pages.get(page)?.image as never,
            iconMapping: this.cells,
            getIcon: (place) => String((rows[place] as number) % perPage),
            getPosition: position,
            getSize: 1,
            sizeScale: size * 0.78,
            sizeUnits: "pixels",
            getColor: (place) => {
              const row = rows[place] as number;
              const pale = this.marked && !this.marked.has(row);
              return [255, 255, 255, pale ? 70 : data.places.doubt[place] ? 130 : 255];
            },
            updateTriggers: { getColor: this.version },
            textureParameters: { minFilter: "linear", magFilter: "linear", mipmapFilter: "linear" },
            alphaCutoff: 0.02,
          }),
        );
      }
      if (size >= 58 && pictured.size <= MOST_NAMES) {
        layers.push(
          new TextLayer<number>({
            id: "names",
            data: plates,
            getPosition: position,
            getText: (place) => shorten(data.names[rows[place] as number] ?? "", 18),
            getSize: 12,
            getColor: [...ink, 255],
            getPixelOffset: [0, size / 2 + 9],
            fontFamily: FONT,
            fontSettings: { fontSize: Math.ceil(12 * (window.devicePixelRatio || 1)) }, // as large as drawn: crisp
            background: true,
            getBackgroundColor: [...ground, 190],
            backgroundPadding: [3, 1],
            characterSet: "auto",
            updateTriggers: { getPixelOffset: size },
          }),
        );
      }
    }
    const ring = (place: number) => (pictured.has(place) ? size * 0.5 + 3 : radius + 4);
    const [litX, litY] = lit >= 0 ? this.project(...this.at(lit)) : [-1e6, -1e6];
    // a neighbour below the open record's own picture is not ringed: the rings would hide the picture
    const ringed = neighbours.filter((place) => {
      const [x, y] = this.project(...this.at(place));
      return pictured.has(place) || !pictured.has(lit) || Math.hypot(x - litX, y - litY) > ring(lit);
    });
    if (ringed.length) {
      layers.push(
        new ScatterplotLayer<number>({
          id: "near",
          data: ringed,
          getPosition: position,
          getRadius: ring,
          radiusUnits: "pixels",
          filled: false,
          stroked: true,
          getLineColor: [...ink, 220],
          lineWidthUnits: "pixels",
          getLineWidth: 1.4,
          updateTriggers: { getRadius: [size, radius, pictured.size] },
        }),
      );
    }
    const heads = [lit, this.hovered >= 0 ? (this.rowPlace[this.hovered] ?? -1) : -1].filter((place) => place >= 0);
    if (heads.length) {
      layers.push(
        new ScatterplotLayer<number>({
          id: "heads",
          data: heads,
          getPosition: position,
          getRadius: (place) => ring(place) + (place === lit ? 1.5 : 0),
          radiusUnits: "pixels",
          filled: false,
          stroked: true,
          getLineColor: (place) => (place === lit ? (dark ? [255, 128, 104, 255] : [194, 69, 45, 255]) : [...ink, 255]),
          lineWidthUnits: "pixels",
          getLineWidth: (place) => (place === lit ? 3 : 1.6),
          updateTriggers: { getRadius: [size, radius, pictured.size, lit], getLineColor: [lit, dark], getLineWidth: lit },
        }),
      );
    }
    if (lit >= 0 && !(size >= 58 && pictured.has(lit))) {
      layers.push(
        new TextLayer<number>({
          id: "selected-name",
          data: [lit],
          getPosition: position,
          getText: (place) => shorten(data.names[rows[place] as number] ?? "", 40),
          getSize: 13,
          getColor: [...ink, 255],
          getPixelOffset: [0, -(ring(lit) + 13)],
          fontFamily: FONT,
          fontWeight: 600,
          fontSettings: { fontSize: Math.ceil(13 * (window.devicePixelRatio || 1)) },
          background: true,
          getBackgroundColor: [...ground, 215],
          backgroundPadding: [4, 1],
          characterSet: "auto",
          updateTriggers: { getPixelOffset: [size, radius, pictured.size], getText: this.selected },
        }),
      );
    }
    return layers;
  }

  private lassoing = false;

  setLasso(on: boolean): void {
    this.lassoing = on;
    this.element.classList.toggle("lassoing", on);
  }

  private listenLasso(): void {
    const canvas = this.lassoCanvas;
    const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
    let corners: [number, number][] = [];
    const point = (event: PointerEvent): [number, number] => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const paint = () => {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      if (corners.length < 2) return;
      pen.beginPath();
      corners.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.fillStyle = "rgb(194 69 45 / 12%)";
      pen.strokeStyle = this.theme === "dark" ? "#ff8068" : "#c2452d";
      pen.lineWidth = 1.6;
      pen.setLineDash([5, 4]);
      pen.fill();
      pen.stroke();
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.lassoing) return;
      canvas.setPointerCapture(event.pointerId);
      corners = [point(event)];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!corners.length) return;
      corners.push(point(event));
      paint();
    });
    const end = () => {
      if (!corners.length) return;
      const drawn = corners;
      corners = [];
      paint();
      if (drawn.length < 3) return;
      // as the address keeps it, so that a reload selects the same
      const kept = simplified(drawn.map(([x, y]) => this.unproject(x, y)), MOST_CORNERS);
      this.onLasso(kept.map(([x, y]) => [Number(shorter(x)), Number(shorter(y))]));
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
  }
}

const FONT = "system-ui, 'Segoe UI', 'Liberation Sans', Arial, sans-serif";

function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Points as the graphics card takes them. The same object as long as nothing changes: a new one is sent again. */
function points(xy: Float32Array, fills: Uint8Array): object {
  return { length: xy.length / 2, attributes: { getPosition: { value: xy, size: 2 }, getFillColor: { value: fills, size: 4, normalized: true } } };
}

function part(xy: Float32Array, fills: Uint8Array, places: number[]): [Float32Array, Uint8Array] {
  const [some, theirs] = [new Float32Array(places.length * 2), new Uint8Array(places.length * 4)];
  places.forEach((place, at) => {
    some.set(xy.subarray(2 * place, 2 * place + 2), 2 * at);
    theirs.set(fills.subarray(4 * place, 4 * place + 4), 4 * at);
  });
  return [some, theirs];
}
