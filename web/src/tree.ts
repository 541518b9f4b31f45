/** A record's JSON as a tree that opens and closes; large parts are built when they are opened. */

import { counted, h } from "./dom";

const OPEN_BELOW = 12; // a part with fewer values is open at the start
const AT_ONCE = 100;

export function tree(data: unknown): HTMLElement {
  if (data === null || typeof data !== "object") return h("div", { class: "tree" }, value(data));
  return h("div", { class: "tree" }, children(data as object, 0));
}

function value(data: unknown): HTMLElement {
  if (data === null) return h("span", { class: "v none" }, "none");
  if (typeof data === "string") return h("span", { class: "v text" }, data === "" ? "(empty)" : data);
  if (typeof data === "boolean") return h("span", { class: "v" }, data ? "yes" : "no");
  return h("span", { class: "v number" }, String(data));
}

function size(data: unknown): number {
  if (data === null || typeof data !== "object") return 1;
  return Object.values(data).reduce((sum: number, each) => (sum > 200 ? sum : sum + size(each)), 0);
}

function flat(data: unknown): boolean {
  return Array.isArray(data) && data.length <= 12 && data.every((each) => each === null || typeof each !== "object") && JSON.stringify(data).length < 90;
}

function children(data: object, depth: number): HTMLElement {
  const entries = Object.entries(data);
  const list = h("ul", {});
  const more = (from: number) => {
    for (const [name, each] of entries.slice(from, from + AT_ONCE)) list.append(line(Array.isArray(data) ? String(Number(name) + 1) : name, each, depth));
    const left = entries.length - from - AT_ONCE;
    if (left <= 0) return;
    const button = h("button", { class: "plain", type: "button", onclick: () => { button.parentElement?.remove(); more(from + AT_ONCE); } }, `show ${Math.min(left, AT_ONCE)} more of ${left.toLocaleString("en-GB")}`);
    list.append(h("li", {}, button));
  };
  more(0);
  return list;
}

/** Follows parts with a single value: `type: {name: "fire"}` reads as one line. */
export function chain(name: string, data: unknown): [string, unknown] {
  while (data !== null && typeof data === "object") {
    const entries = Object.entries(data);
    if (entries.length !== 1) break;
    const [key, value] = entries[0] as [string, unknown];
    if (!Array.isArray(data)) name = `${name} › ${key}`;
    data = value;
  }
  return [name, data];
}

/** The first few values of a part, so that a closed one says what it holds. */
export function preview(data: unknown, most = 3): string {
  const found: string[] = [];
  const look = (part: unknown): void => {
    if (found.length >= most) return;
    if (part !== null && typeof part === "object") Object.values(part).forEach(look);
    else if (part !== null && part !== "") found.push(String(part).slice(0, 30));
  };
  look(data);
  return found.join(" · ");
}

function line(given: string, whole: unknown, depth: number): HTMLElement {
  const [name, data] = chain(given, whole);
  const label = h("span", { class: "k" }, name);
  if (data === null || typeof data !== "object") return h("li", {}, label, value(data));
  if (flat(data)) return h("li", {}, label, h("span", { class: "v" }, (data as unknown[]).map((each) => (each === null ? "none" : String(each))).join(", ") || "(empty)"));
  const count = Object.keys(data).length;
  if (count === 0) return h("li", {}, label, h("span", { class: "v none" }, "(empty)"));
  const told = Array.isArray(data) ? counted(count, "item") : preview(data) || counted(count, "field");
  const part = h("details", {}, h("summary", {}, label, h("span", { class: "count" }, told)));
  const fill = () => part.childElementCount === 1 && part.append(children(data, depth + 1));
  part.addEventListener("toggle", () => part.open && fill());
  if (depth < 1 && size(data) < OPEN_BELOW) {
    part.open = true;
    fill();
  }
  return h("li", {}, part);
}
