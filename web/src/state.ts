/** What the address bar holds: a view that can be shared and that a reload restores. */

export type By = "text" | "image" | "fused" | "map";
export type Screen = "map" | "heatmap";

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
  unusual: boolean;
  /** the part of the heatmap: first across, first down, how many */
  square: [number, number, number] | null;
}

export const START: Readonly<State> = {
  screen: "map", map: "", record: "", camera: null, question: "", colour: "", hidden: [], by: "", perGroup: false,
  unusual: false, square: null,
};

const BYS: readonly string[] = ["text", "image", "fused", "map"];

function numbers(text: string | null): [number, number, number] | null {
  const parts = (text ?? "").split(",").map((each) => (each.trim() === "" ? NaN : Number(each)));
  return parts.length === 3 && parts.every(Number.isFinite) ? (parts as [number, number, number]) : null;
}

/** Reads a state from the part of an address after "#". What cannot be read is left out. */
export function read(hash: string): State {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const by = values.get("by") ?? "";
  return {
    screen: values.get("screen") === "heatmap" ? "heatmap" : "map",
    map: values.get("map") ?? "",
    record: values.get("record") ?? "",
    camera: numbers(values.get("view")),
    question: (values.get("q") ?? "").slice(0, 2000),
    colour: values.get("colour") ?? "",
    hidden: values.getAll("hide"),
    by: BYS.includes(by) ? (by as By) : "",
    perGroup: values.get("per_group") === "1",
    unusual: values.get("list") === "unusual",
    square: numbers(values.get("square")),
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
  if (state.unusual) values.set("list", "unusual");
  if (state.square) values.set("square", state.square.map(Math.round).join(","));
  // commas and slashes mean nothing in a fragment, and a person may read it
  return values.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
}

function shorter(value: number): string {
  return String(Number(value.toPrecision(6)));
}
