/** The box above: finds names while a person types, and on Enter asks a question in words. */

import { h, put } from "./dom";
import { find, plain } from "./search";

export interface SearchOptions {
  names: readonly string[];
  canAsk: boolean;
  groupName(row: number): string;
  thumbnail(row: number, side: number): HTMLElement | null;
  /** the row of the record with that id, or -1; ids are fetched when the box is first entered */
  byId(id: string): number;
  onEnter(): void;
  onRecord(row: number): void;
  onAsk(question: string): void;
  /** the box was emptied */
  onEmpty(): void;
}

export class SearchBox {
  readonly element: HTMLElement;
  readonly input = h("input", {
    type: "search", id: "search", role: "combobox", "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
    autocomplete: "off", spellcheck: "false", maxlength: 2000,
  });
  private readonly found = h("ul", { id: "found", role: "listbox", "aria-label": "Found", hidden: true });
  private plainNames: string[] | null = null;
  private active = -1;
  /** what can be chosen now; row -1 is the question */
  private choices: { row: number; element: HTMLElement }[] = [];

  constructor(private readonly options: SearchOptions) {
    const { input } = this;
    input.placeholder = options.canAsk ? "Find a name, or ask in words" : "Find a name";
    input.setAttribute("aria-label", options.canAsk ? "Find a record by name, or ask a question in words" : "Find a record by name");
    this.element = h("form", { class: "search", role: "search", onsubmit: (event: Event) => event.preventDefault() }, input, h("kbd", { "aria-hidden": "true" }, "/"), this.found);
    input.addEventListener("input", () => this.lookUp());
    input.addEventListener("focus", () => {
      options.onEnter();
      if (input.value) this.lookUp();
    });
    input.addEventListener("blur", () => window.setTimeout(() => this.close(), 120));
    input.addEventListener("keydown", (event) => this.key(event));
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  /** Shows the question that is answered now, unless the person is typing. */
  show(question: string): void {
    if (question && document.activeElement !== this.input) this.input.value = question;
  }

  get open(): boolean {
    return !this.found.hidden;
  }

  close(): void {
    this.found.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!this.open) this.lookUp();
      const count = this.choices.length;
      if (count) this.activate((this.active + (event.key === "ArrowDown" ? 1 : this.active < 0 ? 0 : -1) + count) % count);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const text = this.input.value.trim();
      if (!text) return;
      if (this.active >= 0) this.choose(this.choices[this.active]?.row ?? -1);
      else this.choose(this.meant(text));
    }
  }

  /** An id means its record, one word that begins a name means the name; anything else is a question, where one can be asked. */
  private meant(text: string): number {
    const known = this.options.byId(text);
    if (known >= 0) return known;
    const best = this.choices[0]?.row ?? -1;
    if (best < 0 || !this.options.canAsk) return best;
    const name = plain(this.options.names[best] as string);
    const begins = name.startsWith(plain(text)) && !/\s/.test(text);
    return begins || name === plain(text) ? best : -1;
  }

  private activate(at: number): void {
    this.active = at;
    this.choices.forEach((each, place) => each.element.setAttribute("aria-selected", String(place === at)));
    const element = this.choices[at]?.element;
    if (!element) return;
    this.input.setAttribute("aria-activedescendant", element.id);
    element.scrollIntoView({ block: "nearest" });
  }

  private lookUp(): void {
    const { names, canAsk, groupName, thumbnail } = this.options;
    this.plainNames ??= names.map(plain);
    const text = this.input.value.trim();
    this.active = -1;
    this.choices = [];
    if (!text) {
      this.options.onEmpty();
      return this.close();
    }
    const known = this.options.byId(text);
    const rows = find(this.plainNames, text, 8).filter((row) => row !== known);
    for (const row of known >= 0 ? [known, ...rows] : rows) {
      const group = row === known ? `id ${text}` : groupName(row);
      this.add(row, "", thumbnail(row, 32), h("span", { class: "name" }, names[row] || "(no name)"), group ? h("span", { class: "group" }, group) : null);
    }
    if (canAsk) this.add(-1, "ask", h("span", { class: "name" }, `Ask: “${text}”`), h("kbd", { "aria-hidden": "true" }, "Enter"));
    if (this.choices.length) put(this.found, ...this.choices.map((each) => each.element));
    else put(this.found, h("li", { class: "quiet" }, "No name like this."));
    this.found.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  private add(row: number, kind: string, ...children: (Node | string | null)[]): void {
    const element = h("li", {
      role: "option", id: `found-${this.choices.length}`, class: kind, "aria-selected": "false",
      // down, not click: before the box loses the focus and closes the list
      onpointerdown: (event: Event) => {
        event.preventDefault();
        this.choose(row);
      },
    }, ...children);
    this.choices.push({ row, element });
  }

  private choose(row: number): void {
    const text = this.input.value.trim();
    this.close();
    if (row >= 0) {
      this.input.value = "";
      this.input.blur();
      this.options.onRecord(row);
    } else if (this.options.canAsk) this.options.onAsk(text);
  }
}
