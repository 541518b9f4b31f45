/** The filter: an SQL condition that decides which records the map shows. Most visitors never open it. */

import * as api from "./api";
import { announce, counted, h, put } from "./dom";

// what DuckDB does not take as a column's name without quotes
const RESERVED = new Set(
  ("all and any array as asc both case cast check collate column constraint create default desc describe distinct do else end except false fetch for foreign from " +
    "group having in into lateral limit not null offset on only or order pivot primary qualify references returning select show some summarize table then to true " +
    "union unique using variadic when where window with").split(" "),
);

/** A field's path as SQL writes it: lists count from 1 there, and odd names stand in quotes. */
export function column(path: string): string {
  return path
    .split(".")
    .map((part) => {
      const [, key, places] = /^(.*?)((?:\[\d+\])*)$/s.exec(part) as unknown as [string, string, string];
      const plain = /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) && !RESERVED.has(key.toLowerCase());
      const name = plain ? key : `"${key.replaceAll('"', '""')}"`;
      return name + places.replace(/\d+/g, (place) => String(Number(place) + 1));
    })
    .join(".");
}

/** A condition that holds for some of the records: the most frequent category, or more than the median. */
export function example(path: string, values: api.Coded): string {
  if (values.kind === "category") return `${column(path)} = ${literal(values.categories[0] ?? "")}`;
  const known = values.numbers.filter(Number.isFinite).sort();
  return `${column(path)} > ${Number((known[known.length >> 1] ?? 0).toPrecision(3))}`;
}

// categories come as texts, also those that are numbers or yes and no in the records
function literal(value: string): string {
  if (/^-?\d+(\.\d+)?$/.test(value) || value === "true" || value === "false") return value;
  return `'${value.replaceAll("'", "''")}'`;
}

const MOST_READ = 50_000; // for a mere example no more records than these are read

export interface ConditionOptions {
  count: number;
  groups: readonly string[];
  fields(): Promise<{ path: string; kind: string }[]>;
  /** the condition that is to hold from now on, if it is still wanted then; empty for none. Raises what the server refuses. */
  apply(sql: string, wanted: () => boolean): Promise<void>;
}

export class ConditionBox {
  /** the button with what it opens */
  readonly element: HTMLElement;
  private readonly button = h("button", { type: "button", class: "filter", "aria-expanded": "false", "aria-controls": "condition" }, "Filter");
  private readonly input = h("input", { type: "text", id: "sql", maxlength: 2000, spellcheck: "false", autocomplete: "off", autocapitalize: "none", placeholder: "_name LIKE 'a%'" });
  private readonly told = h("p", { class: "quiet", role: "status" });
  private readonly trouble = h("div", { class: "trouble", role: "alert" });
  private readonly examples = h("p", { class: "quiet examples" });
  private readonly insert = h("select", { "aria-label": "Insert a field" });
  private readonly clear = h("button", { type: "button", hidden: true }, "Clear");
  private readonly box: HTMLElement;
  private filled = false;
  private turn = 0;

  constructor(private readonly options: ConditionOptions) {
    this.box = h("form", { class: "condition", id: "condition", "aria-label": "Filter", hidden: true, onsubmit: (event: Event) => {
      event.preventDefault();
      void this.submit(this.input.value.trim());
    } },
      h("label", { for: "sql" }, "On the map show only records for which this SQL condition holds"), this.input,
      this.trouble, this.told, this.examples,
      h("div", { class: "row" }, this.insert, h("button", { type: "submit", class: "main" }, "Apply"), this.clear));
    this.element = h("div", { class: "filtering" }, this.button, this.box);
    this.button.addEventListener("click", () => (this.open ? this.close() : this.show()));
    this.clear.addEventListener("click", () => {
      this.input.value = "";
      void this.submit("");
      this.input.focus();
    });
    this.insert.addEventListener("change", () => {
      this.input.focus();
      this.input.setRangeText(column(this.insert.value), this.input.selectionStart ?? 0, this.input.selectionEnd ?? 0, "end");
      this.insert.selectedIndex = 0;
    });
    document.addEventListener("pointerdown", (event) => {
      if (this.open && !this.element.contains(event.target as Node)) this.close();
    });
  }

  get open(): boolean {
    return !this.box.hidden;
  }

  show(): void {
    this.box.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.input.focus();
    if (!this.filled) void this.fill();
  }

  close(): void {
    const focused = this.box.contains(document.activeElement);
    this.box.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (focused) this.button.focus();
  }

  /** Says what holds now, and for how many records. */
  holds(sql: string, matching: number): void {
    if (document.activeElement !== this.input) this.input.value = sql;
    this.trouble.replaceChildren();
    this.button.classList.toggle("on", Boolean(sql));
    this.clear.hidden = !sql;
    put(this.told, sql ? `${matching.toLocaleString("en-GB")} of ${counted(this.options.count, "record")} match; the others are pale, and cannot be pointed at. Lists still compare with all.` : "");
  }

  /** Shows why a condition cannot be used. */
  refuse(sql: string, error: unknown): void {
    this.show();
    this.input.value = sql;
    this.clear.hidden = false;
    const [message, cure] = error instanceof api.Refused ? [error.message, error.cure] : [String(error), ""];
    // the server speaks to users of the command line as well; examples are below
    put(this.trouble, h("p", {}, message), cure ? h("p", { class: "quiet" }, cure.replace(/\s*For example: --where.*/s, "")) : null);
  }

  /** The last condition wins, whichever answer comes first. */
  private async submit(sql: string): Promise<void> {
    const turn = ++this.turn;
    this.trouble.replaceChildren();
    put(this.told, sql ? "Looking…" : "");
    try {
      await this.options.apply(sql, () => turn === this.turn);
      if (turn === this.turn) announce(this.told.textContent || "All records are shown");
    } catch (error) {
      if (turn !== this.turn) return;
      put(this.told);
      this.refuse(sql, error);
    }
  }

  /** Examples and the list of fields, once somebody wants them. */
  private async fill(): Promise<void> {
    this.filled = true;
    // the server makes its table for the first condition: while this one is typed
    void api.where("true", this.options.count).catch(() => {});
    try {
      const fields = await this.options.fields();
      put(this.insert, h("option", { value: "", disabled: true, selected: true }, "Insert a field…"), ...["_name", "_group", ...fields.map((each) => each.path)].map((path) => h("option", { value: path }, path)));
      const { groups, count } = this.options;
      const made = groups.length > 1 ? [`_group = ${literal(groups[0] as string)}`] : [];
      const field = fields.find((each) => each.kind === "number" && each.path !== "id") ?? fields[0];
      if (field && count <= MOST_READ) made.push(example(field.path, await api.values(field.path, count)));
      const use = (sql: string) => h("button", { type: "button", class: "plain", onclick: () => {
        this.input.value = sql;
        this.input.focus();
      } }, h("code", {}, sql));
      put(this.examples, "For example ", ...made.flatMap((sql, at) => (at ? [" or ", use(sql)] : [use(sql)])), made.length ? "" : h("code", {}, "_name LIKE 'a%'"));
    } catch {
      this.filled = false; // a condition can be typed without them
    }
  }
}
