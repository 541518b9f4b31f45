/** What the address bar holds: a view that can be shared and that a reload restores. */

export type By = "text" | "image" | "fused" | "map";
export type Screen = "map" | "heatmap";

/** A line drawn around places of a map, in the map's own coordinates. */
export interface Lasso {
  map: string;
  corners: [number, number][];
}

export interface State {
  screen: Screen;
  map: string;
  /** the id of the open record */
  record: string;
  /** x, y and zoom of the map */
  camera: [number, number, number] | null;
  question: string;
  /** the path to colour by; empty for the group */
  colour: string;
  /** what the legend hides, by name */
  hidden: string[];
  by: By | "";
  perGroup: boolean;
  /** the picture's share where text and picture are compared together; null for the usual one */
  weight: number | null;
  /** an SQL condition: what does not match is hidden */
  where: string;
  lasso: Lasso | null;
  unusual: boolean;
  /** the part of the heatmap: first across, first down, how many */
  square: [number, number, number] | null;
}

export const START: Readonly<State> = {
  screen: "map", map: "", record: "", camera: null, question: "", colour: "", hidden: [], by: "", perGroup: false,
  weight: null, where: "", lasso: null, unusual: false, square: null,
};

const BYS: readonly string[] = ["text", "image", "fused", "map"];

/** The weights there are: steps of a twentieth. */
export const WEIGHT_STEP = 0.05;

/** The most corners of a lasso, so that an address stays one that can be sent. */
export const MOST_CORNERS = 40;

function numbers(text: string | null): number[] | null {
  const parts = (text ?? "").split(",").map((each) => (each.trim() === "" ? NaN : Number(each)));
  return parts.every(Number.isFinite) ? parts : null;
}

function three(text: string | null): [number, number, number] | null {
  const parts = numbers(text);
  return parts?.length === 3 ? (parts as [number, number, number]) : null;
}

function share(text: string | null): number | null {
  const given = numbers(text);
  if (given?.length !== 1) return null;
  const [value] = given as [number];
  return value >= 0 && value <= 1 ? Math.round(value / WEIGHT_STEP) / (1 / WEIGHT_STEP) : null;
}

function lasso(text: string | null, map: string | null): Lasso | null {
  const parts = numbers(text);
  if (!map || !parts || parts.length < 6 || parts.length % 2 || parts.length > 2 * MOST_CORNERS) return null;
  return { map, corners: Array.from({ length: parts.length / 2 }, (_, at) => [parts[2 * at], parts[2 * at + 1]] as [number, number]) };
}

/** Reads a state from the part of an address after "#". What cannot be read is left out. */
export function read(hash: string): State {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const by = values.get("by") ?? "";
  return {
    screen: values.get("screen") === "heatmap" ? "heatmap" : "map",
    map: values.get("map") ?? "",
    record: values.get("record") ?? "",
    camera: three(values.get("view")),
    question: (values.get("q") ?? "").slice(0, 2000),
    colour: values.get("colour") ?? "",
    hidden: values.getAll("hide"),
    by: BYS.includes(by) ? (by as By) : "",
    perGroup: values.get("per_group") === "1",
    weight: share(values.get("weight")),
    where: (values.get("where") ?? "").slice(0, 2000),
    lasso: lasso(values.get("lasso"), values.get("lasso_map")),
    unusual: values.get("list") === "unusual",
    square: three(values.get("square")),
  };
}

/** Writes a state as the part of an address after "#"; what is as at the start is left out. */
export function write(state: State): string {
  const values = new URLSearchParams();
  if (state.screen !== "map") values.set("screen", state.screen);
  if (state.map) values.set("map", state.map);
  if (state.record) values.set("record", state.record);
  if (state.camera) {
    const [x, y, zoom] = state.camera;
    values.set("view", `${shorter(x)},${shorter(y)},${zoom.toFixed(2)}`);
  }
  if (state.question) values.set("q", state.question);
  if (state.colour) values.set("colour", state.colour);
  for (const each of state.hidden) values.append("hide", each);
  if (state.by) values.set("by", state.by);
  if (state.perGroup) values.set("per_group", "1");
  if (state.weight !== null) values.set("weight", String(Number(state.weight.toFixed(2))));
  if (state.where) values.set("where", state.where);
  if (state.lasso) {
    values.set("lasso", state.lasso.corners.flat().map(shorter).join(","));
    values.set("lasso_map", state.lasso.map);
  }
  if (state.unusual) values.set("list", "unusual");
  if (state.square) values.set("square", state.square.map((each) => Number(each.toFixed(2))).join(","));
  // commas and slashes mean nothing in a fragment, and a person may read it
  return values.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
}

/** Ids as an address can tell them apart: a line break in one has come as a space, and another may have a space there. */
export function distinct(ids: readonly string[]): string[] {
  const [met, taken] = [new Set(ids), new Set<string>()];
  return ids.map((id, row) => {
    let key = id;
    for (let more = row + 1; taken.has(key) || (key !== id && met.has(key)); more += 1) key = `${id} (${more})`;
    taken.add(key);
    return key;
  });
}

/** A coordinate as the address keeps it. */
export function shorter(value: number): string {
  return String(Number(value.toPrecision(6)));
}
