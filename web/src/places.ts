/** A grid over the map's places: what lies in a rectangle, what is nearest to a point. */

export interface Box {
  left: number;
  right: number;
  bottom: number;
  top: number;
}

export class PlaceGrid {
  readonly box: Box;
  private readonly columns: number;
  private readonly cell: number;
  private readonly lines: number;
  private readonly starts: Uint32Array;
  private readonly members: Uint32Array;

  constructor(readonly xy: Float32Array) {
    const n = xy.length / 2;
    let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let place = 0; place < n; place += 1) {
      const [x, y] = [xy[2 * place] as number, xy[2 * place + 1] as number];
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < bottom) bottom = y;
      if (y > top) top = y;
    }
    if (n === 0) [left, right, bottom, top] = [0, 1, 0, 1];
    this.box = { left, right, bottom, top };
    const [width, height] = [Math.max(right - left, 1e-9), Math.max(top - bottom, 1e-9)];
    this.cell = Math.max(Math.sqrt((width * height) / Math.max(n / 4, 1)), Math.max(width, height) / 2000);
    this.columns = Math.max(1, Math.ceil(width / this.cell));
    this.lines = Math.max(1, Math.ceil(height / this.cell));
    this.starts = new Uint32Array(this.columns * this.lines + 1);
    const at = new Uint32Array(n);
    for (let place = 0; place < n; place += 1) {
      const cell = this.line(xy[2 * place + 1] as number) * this.columns + this.column(xy[2 * place] as number);
      at[place] = cell;
      this.starts[cell + 1] = (this.starts[cell + 1] as number) + 1;
    }
    for (let cell = 0; cell < this.columns * this.lines; cell += 1) {
      this.starts[cell + 1] = (this.starts[cell + 1] as number) + (this.starts[cell] as number);
    }
    this.members = new Uint32Array(n);
    const next = this.starts.slice();
    for (let place = 0; place < n; place += 1) {
      const cell = at[place] as number;
      const free = next[cell] as number;
      this.members[free] = place;
      next[cell] = free + 1;
    }
  }

  private column(x: number): number {
    return Math.min(Math.max(Math.floor((x - this.box.left) / this.cell), 0), this.columns - 1);
  }

  private line(y: number): number {
    return Math.min(Math.max(Math.floor((y - this.box.bottom) / this.cell), 0), this.lines - 1);
  }

  /** The distance at which a typical place has its neighbours: from the cells that hold half of all places. */
  spacing(): number {
    const held: number[] = [];
    for (let cell = 0; cell + 1 < this.starts.length; cell += 1) {
      const count = (this.starts[cell + 1] as number) - (this.starts[cell] as number);
      if (count > 0) held.push(count);
    }
    held.sort((a, b) => b - a);
    let seen = 0;
    for (const count of held) {
      seen += count;
      if (seen >= this.members.length / 2) return this.cell / Math.sqrt(count);
    }
    return this.cell;
  }

  /** Places in a box, at most `most`; null when there are more. */
  inside(box: Box, most = Infinity): number[] | null {
    const found: number[] = [];
    const [first, last] = [this.column(box.left), this.column(box.right)];
    for (let line = this.line(box.bottom); line <= this.line(box.top); line += 1) {
      const from = this.starts[line * this.columns + first] as number;
      const to = this.starts[line * this.columns + last + 1] as number;
      for (let member = from; member < to; member += 1) {
        const place = this.members[member] as number;
        const [x, y] = [this.xy[2 * place] as number, this.xy[2 * place + 1] as number];
        if (x < box.left || x > box.right || y < box.bottom || y > box.top) continue;
        if (found.length >= most) return null;
        found.push(place);
      }
    }
    return found;
  }

  /** How far it is from a point to the `count`-th nearest place, or to the farthest where there are fewer. */
  reach(x: number, y: number, count: number): number {
    const whole = Math.hypot(this.box.right - this.box.left, this.box.top - this.box.bottom);
    const n = this.members.length;
    for (let radius = this.cell; ; radius *= 2) {
      const found = this.inside({ left: x - radius, right: x + radius, bottom: y - radius, top: y + radius }) ?? [];
      const all = found.length === n || radius > 2 * whole;
      const distances = found.map((place) => Math.hypot((this.xy[2 * place] as number) - x, (this.xy[2 * place + 1] as number) - y)).sort((a, b) => a - b);
      const at = distances[Math.min(count, n) - 1];
      // within the circle, not only within the square around it
      if (at !== undefined && at <= radius) return at;
      if (all) return distances.at(-1) ?? 0;
    }
  }

  /** The nearest place within a radius for which `may` holds, or -1. */
  nearest(x: number, y: number, radius: number, may: (place: number) => boolean): number {
    let best = -1;
    let least = radius * radius;
    const [first, last] = [this.column(x - radius), this.column(x + radius)];
    for (let line = this.line(y - radius); line <= this.line(y + radius); line += 1) {
      const from = this.starts[line * this.columns + first] as number;
      const to = this.starts[line * this.columns + last + 1] as number;
      for (let member = from; member < to; member += 1) {
        const place = this.members[member] as number;
        const [dx, dy] = [(this.xy[2 * place] as number) - x, (this.xy[2 * place + 1] as number) - y];
        const squared = dx * dx + dy * dy;
        if (squared <= least && may(place)) [best, least] = [place, squared];
      }
    }
    return best;
  }
}

/** Whether a point lies in a polygon of x, y pairs (even-odd rule). */
export function within(x: number, y: number, polygon: readonly (readonly [number, number])[]): boolean {
  let inside = false;
  let before = polygon[polygon.length - 1] as readonly [number, number];
  for (const corner of polygon) {
    const [x1, y1] = before;
    const [x2, y2] = corner;
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    before = corner;
  }
  return inside;
}

type Polygon = readonly (readonly [number, number])[];

/** The places (x, y after x, y) that lie in a polygon. */
export function enclosed(xy: Float32Array, polygon: Polygon): number[] {
  const [xs, ys] = [polygon.map((each) => each[0]), polygon.map((each) => each[1])];
  const [left, right, bottom, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found: number[] = [];
  for (let place = 0; 2 * place < xy.length; place += 1) {
    const [x, y] = [xy[2 * place] as number, xy[2 * place + 1] as number];
    if (x >= left && x <= right && y >= bottom && y <= top && within(x, y, polygon)) found.push(place);
  }
  return found;
}

/** A polygon with at most `most` corners: those go first that make the least difference to its area (Visvalingam). */
export function simplified(polygon: Polygon, most: number): [number, number][] {
  const corners = polygon.map(([x, y]) => [x, y] as [number, number]);
  const at = (place: number) => corners[(place + corners.length) % corners.length] as [number, number];
  while (corners.length > Math.max(most, 3)) {
    let [least, which] = [Infinity, 0];
    for (let place = 0; place < corners.length; place += 1) {
      const [[ax, ay], [bx, by], [cx, cy]] = [at(place - 1), at(place), at(place + 1)];
      const area = Math.abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay));
      if (area < least) [least, which] = [area, place];
    }
    corners.splice(which, 1);
  }
  return corners;
}
