/** The legend on the map: what the colours mean, how many records each has, and which are hidden. */

import { type Colouring, OWN_COLOURS, type Theme, css, ramp } from "./colours";
import { counted, h, put } from "./dom";

const MOST = 60; // entries; a field may have hundreds of values

export class Legend {
  readonly element = h("details", { class: "legend", open: window.innerWidth > 720, hidden: true });
  private colouring: Colouring | null = null;

  /** `hide` takes the names that are hidden from now on. */
  constructor(private readonly hide: (names: string[]) => void) {}

  /** `notes` stand below, a line each. `alone`: the one category is all there is, and needs no list. */
  draw(heading: string, colouring: Colouring, theme: Theme, notes: string[], alone: boolean): void {
    this.colouring = colouring;
    this.element.hidden = false;
    const summary = h("summary", {}, heading);
    if (colouring.numbers) {
      const { low, high, none } = colouring.numbers;
      const bar = h("i", { class: "ramp", "aria-hidden": "true" });
      bar.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((t) => css(ramp(t, theme))).join(",")})`;
      put(this.element, summary, h("div", { class: "numbers" }, bar, h("span", {}, `≤ ${short(low)}`), h("span", {}, `≥ ${short(high)}`)),
        note(none ? [`${counted(none, "record")} without a number: grey`] : []), note(notes));
      return;
    }
    const { categories } = colouring;
    const focused = this.element.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.name : undefined;
    const rest = categories.length > MOST ? [`and ${categories.length - MOST} smaller ones, grey`] : [];
    const grey = categories.length > OWN_COLOURS + 1 ? [`${OWN_COLOURS} have a colour and shape of their own; the others are grey, and pointing at one names it`] : [];
    put(this.element, summary,
      alone ? null : h("ul", {}, ...categories.slice(0, MOST).map((each) => this.entry(each))),
      note([...rest, ...grey]),
      // in the corner: the entries must not move between the two clicks of a double click
      categories.some((each) => each.hidden) ? h("button", { type: "button", class: "plain all", onclick: () => this.hide([]) }, "Show all") : null,
      note(notes));
    if (focused !== undefined) [...this.element.querySelectorAll("button")].find((each) => each.dataset.name === focused)?.focus();
  }

  private entry(category: Colouring["categories"][number]): HTMLElement {
    const mark = h("i", { class: category.triangle ? "dot triangle" : "dot", "aria-hidden": "true" });
    mark.style.background = css(category.colour);
    return h("li", {}, h("button", {
      type: "button", "aria-pressed": String(!category.hidden), "data-name": category.name,
      title: "Click shows or hides; with Shift, or a double click, only this one",
      onclick: (event: MouseEvent) => this.toggle(category.name, event.shiftKey),
      ondblclick: () => this.toggle(category.name, true),
    }, mark, h("span", {}, category.name), h("span", { class: "count" }, category.count.toLocaleString("en-GB"))));
  }

  private toggle(name: string, alone: boolean): void {
    const all = this.colouring?.categories ?? [];
    const hidden = (each: { name: string; hidden: boolean }) => (alone ? each.name !== name : each.hidden !== (each.name === name));
    this.hide(all.filter(hidden).map((each) => each.name));
  }
}

function note(lines: string[]): HTMLElement | null {
  return lines.length ? h("p", { class: "note" }, lines.join("\n")) : null;
}

/** A number in three digits. */
export function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-GB");
}
