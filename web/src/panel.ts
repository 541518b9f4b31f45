/** The panel beside the map: a record with its nearest, or a list of records. */

import * as api from "./api";
import { counted, h, put } from "./dom";
import type { By } from "./state";
import { tree } from "./tree";

export const BY_LABEL: Record<By, string> = { text: "By text", image: "By picture", fused: "By both", map: "In the map" };

export interface PanelContext {
  collection: api.Collection;
  names: readonly string[];
  groupName(row: number): string;
  hasPicture(row: number): boolean;
  onMap(row: number): boolean;
  open(row: number): void;
  close(): void;
  setBy(by: By): void;
  setPerGroup(on: boolean): void;
  /** the nearest that are shown now, to be marked on the map */
  near(rows: number[]): void;
  locate(row: number): void;
}

export function availableBys(collection: api.Collection): By[] {
  const has = new Set(collection.embeddings.map((each) => each.name));
  const bys: By[] = [];
  if (has.has("text")) bys.push("text");
  if (has.has("image")) bys.push("image");
  if (has.has("text") && has.has("image")) bys.push("fused");
  if (collection.maps.length) bys.push("map");
  return bys;
}

/** A small picture: a cell of the atlas while there are few pages, else the picture itself. */
export function thumbnail(context: PanelContext, row: number, side: number): HTMLElement {
  if (!context.hasPicture(row)) return h("span", { class: "thumb none", "aria-hidden": "true" });
  const { columns, pages } = context.collection.thumbnail;
  if (pages === 0 || pages > 16) return h("img", { class: "thumb", src: api.pictureAddress(row), alt: "", loading: "lazy", width: side, height: side });
  const cell = row % columns ** 2;
  const span = h("span", { class: "thumb", "aria-hidden": "true" });
  span.style.backgroundImage = `url("${api.pageAddress(Math.floor(row / columns ** 2))}")`;
  span.style.backgroundSize = `${columns * side}px`;
  span.style.backgroundPosition = `${-(cell % columns) * side}px ${-Math.floor(cell / columns) * side}px`;
  return span;
}

export function refusal(error: unknown): HTMLElement {
  if (error instanceof api.Refused) return h("div", { class: "trouble", role: "alert" }, h("p", {}, error.message), error.cure ? h("p", {}, error.cure) : null);
  return h("div", { class: "trouble", role: "alert" }, h("p", {}, String(error)));
}

function measure(hit: api.Hit): string {
  if (hit.score !== null && hit.score !== undefined) return hit.score.toFixed(3);
  if (hit.distance !== null && hit.distance !== undefined) return `${hit.distance.toPrecision(3)} away`;
  return "";
}

function row(context: PanelContext, hit: api.Hit, why?: (place: HTMLElement) => void): HTMLElement {
  const open = h("button", { type: "button", class: "hit", onclick: () => context.open(hit.row) },
    thumbnail(context, hit.row, 44),
    h("span", { class: "who" },
      h("span", { class: "name" }, hit.name || context.names[hit.row] || "(no name)"),
      hit.group ? h("span", { class: "group" }, hit.group) : null,
      hit.passage ? h("span", { class: "passage" }, hit.passage_path ? h("i", { title: hit.passage_path }, `${hit.passage_path.split(".").at(-1)}: `) : null, hit.passage) : null),
    h("span", { class: "measure" }, measure(hit)));
  const item = h("li", {}, open);
  if (why) {
    const place = h("div", { class: "why", hidden: true });
    const button = h("button", { type: "button", class: "plain why-button", "aria-expanded": "false", "aria-label": `Why is ${hit.name} near?`, onclick: () => {
      place.hidden = !place.hidden;
      button.setAttribute("aria-expanded", String(!place.hidden));
      if (!place.hidden && !place.childElementCount) why(place);
    } }, "why?");
    item.append(button, place);
  }
  return item;
}

export function hitList(context: PanelContext, hits: api.Hit[], why?: (hit: api.Hit, place: HTMLElement) => void): HTMLElement {
  if (!hits.length) return h("p", { class: "quiet" }, "Nothing to show.");
  return h("ol", { class: "hits" }, ...hits.map((hit) => row(context, hit, why && ((place) => why(hit, place)))));
}

async function fillWhy(place: HTMLElement, first: number, second: number): Promise<void> {
  put(place, h("p", { class: "quiet" }, "Working it out…"));
  try {
    const told = await api.why(first, second);
    const most = Math.max(...told.fields.map((each) => Math.abs(each.adds)), 1e-9);
    const lines = told.fields.slice(0, 12).map((each) => {
      const bar = h("i", { class: each.adds < 0 ? "less" : "" });
      bar.style.width = `${(100 * Math.abs(each.adds)) / most}%`;
      return h("tr", {}, h("th", { scope: "row" }, each.field), h("td", { class: "bar", "aria-hidden": "true" }, bar), h("td", {}, `${each.adds < 0 ? "−" : "+"}${Math.abs(each.adds).toFixed(3)}`), h("td", {}, `${Math.round(each.share * 100)}%`.replace("-", "−")));
    });
    put(place,
      h("table", {}, h("caption", {}, `Which fields make the score of ${told.score.toFixed(3)}`),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "field"), h("td", { "aria-hidden": "true" }), h("th", { scope: "col" }, "adds"), h("th", { scope: "col" }, "share"))),
        h("tbody", {}, ...lines)),
      told.fields.length > 12 ? h("p", { class: "quiet" }, `and ${counted(told.fields.length - 12, "smaller field")}`) : null,
      api.sentence(told.caption) ? h("p", { class: "quiet" }, api.sentence(told.caption)) : null);
  } catch (error) {
    put(place, refusal(error));
  }
}

export class Panel {
  readonly element = h("aside", { class: "panel", "aria-label": "Details", hidden: true });
  private asking: AbortController | null = null;
  private shown = -1;
  private nearPlace: HTMLElement = h("div", {});
  private context!: PanelContext;

  use(context: PanelContext): void {
    this.context = context;
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  hide(): void {
    this.asking?.abort();
    this.shown = -1;
    this.element.hidden = true;
  }

  private frame(heading: string, under: string, back: { label: string; call: () => void } | null, ...body: HTMLElement[]): void {
    const { context } = this;
    put(this.element,
      h("header", {},
        back ? h("button", { type: "button", class: "plain back", onclick: back.call }, `‹ ${back.label}`) : null,
        h("button", { type: "button", class: "square close", "aria-label": "Close (Escape)", title: "Close (Escape)", onclick: () => context.close() }, "×"),
        h("h2", { tabindex: "-1" }, heading), under ? h("p", { class: "quiet" }, under) : null),
      ...body);
    this.element.hidden = false;
  }

  async record(at: number, by: By, perGroup: boolean, map: string, back: { label: string; call: () => void } | null, whyWith = -1): Promise<void> {
    const { context } = this;
    if (this.shown !== at || whyWith >= 0) {
      this.shown = at;
      this.asking?.abort();
      const asking = (this.asking = new AbortController());
      const name = context.names[at] || "(no name)";
      const picture = context.hasPicture(at) ? h("img", { class: "picture", src: api.pictureAddress(at), alt: `Picture of ${name}` }) : null;
      const data = h("section", { class: "data" }, h("h3", {}, "Record"), h("p", { class: "quiet" }, "Fetching…"));
      this.nearPlace = h("section", { class: "near" });
      const pair = h("section", { class: "pair-why", hidden: whyWith < 0 });
      if (whyWith >= 0) {
        const place = h("div", { class: "why" });
        pair.append(h("h3", {}, "With ", h("button", { type: "button", class: "plain", onclick: () => context.open(whyWith) }, context.names[whyWith] || "(no name)")), place);
        void fillWhy(place, at, whyWith);
      }
      const locate = context.onMap(at) ? h("button", { type: "button", class: "plain", onclick: () => context.locate(at) }, "Show on the map") : h("span", { class: "quiet" }, "Not on this map");
      this.frame(name, context.groupName(at), back, h("div", { class: "portrait" }, picture, locate), pair, this.nearPlace, data);
      this.element.scrollTop = 0;
      void api.record(at, asking.signal).then(
        (told) => put(data, h("h3", {}, "Record ", h("span", { class: "quiet" }, `id ${told.id}`)), tree(told.data)),
        (error: unknown) => asking.signal.aborted || put(data, h("h3", {}, "Record"), refusal(error)),
      );
    }
    await this.nearest(at, by, perGroup, map);
  }

  private async nearest(at: number, by: By, perGroup: boolean, map: string): Promise<void> {
    const { context } = this;
    const bys = availableBys(context.collection);
    const focused = this.nearPlace.contains(document.activeElement);
    const list = h("div", { role: "tabpanel", id: "nearest", "aria-label": `Nearest ${BY_LABEL[by].toLowerCase()}`, "aria-busy": "true" }, h("p", { class: "quiet" }, "Looking…"));
    const tabs = bys.map((each) => h("button", {
      type: "button", role: "tab", "aria-selected": String(each === by), "aria-controls": "nearest", tabindex: each === by ? 0 : -1,
      onclick: () => context.setBy(each),
      onkeydown: (event: KeyboardEvent) => {
        const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (step) context.setBy(bys[(bys.indexOf(each) + step + bys.length) % bys.length] as By);
      },
    }, BY_LABEL[each]));
    const groups = context.collection.groups.length > 1;
    const box = h("input", { type: "checkbox", onchange: () => context.setPerGroup(box.checked) });
    box.checked = perGroup;
    const at_ = h("div", { class: "tabs", role: "tablist", "aria-label": "Nearest" }, ...tabs);
    put(this.nearPlace, h("h3", {}, "Nearest"), at_, groups ? h("label", { class: "switch" }, box, " the nearest of each group") : null, list);
    if (focused) tabs[bys.indexOf(by)]?.focus();
    context.near([]);
    const place = this.nearPlace;
    try {
      const told = await api.similar(at, by, perGroup ? 1 : 10, perGroup, map, null);
      if (this.shown !== at || !place.contains(list)) return;
      const why = by === "text" && context.collection.fields ? (hit: api.Hit, where: HTMLElement) => void fillWhy(where, at, hit.row) : undefined;
      const caption = api.sentence(told.basis ?? told.caption);
      put(list, hitList(context, told.hits, why), caption ? h("p", { class: "caption" }, caption) : null);
      list.removeAttribute("aria-busy");
      context.near(told.hits.map((hit) => hit.row));
    } catch (error) {
      if (this.shown === at && place.contains(list)) put(list, refusal(error));
    }
  }

  /** A list of records that something gives later: an answer, the unusual. Gives the rows it shows. */
  async list(heading: string, ask: (signal: AbortSignal) => Promise<api.Hits>, more: HTMLElement | null = null): Promise<number[] | null> {
    this.shown = -1;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const body = h("section", { class: "answers", "aria-busy": "true" }, h("p", { class: "quiet" }, "Looking…"));
    this.frame(heading, "", null, ...(more ? [more, body] : [body]));
    this.element.scrollTop = 0;
    try {
      const told = await ask(asking.signal);
      const caption = api.sentence(told.caption ?? told.basis);
      put(body, hitList(this.context, told.hits), caption ? h("p", { class: "caption" }, caption) : null);
      body.removeAttribute("aria-busy");
      return told.hits.map((hit) => hit.row);
    } catch (error) {
      if (asking.signal.aborted) return null;
      put(body, refusal(error));
      return [];
    }
  }

  /** The records drawn around with the lasso. */
  selection(rows: number[], ids: readonly string[]): void {
    this.shown = -1;
    const { context } = this;
    const most = 300;
    const counts = new Map<string, number>();
    for (const each of rows) counts.set(context.groupName(each) || "(none)", (counts.get(context.groupName(each) || "(none)") ?? 0) + 1);
    const groups = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([name, count]) => `${name} ${count.toLocaleString("en-GB")}`);
    const hits = rows.slice(0, most).map((each) => ({ row: each, name: context.names[each] ?? "", group: context.groupName(each) }));
    const save = h("button", { type: "button", class: "plain", onclick: () => {
      const text = ["id,name", ...rows.map((each) => [ids[each], context.names[each]].map((v) => `"${(v ?? "").replaceAll('"', '""')}"`).join(","))].join("\r\n");
      const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: "selected.csv" });
      link.click();
      URL.revokeObjectURL(link.href);
    } }, "Save ids and names as CSV");
    this.frame(`${counted(rows.length, "record")} selected`, context.collection.groups.length > 1 ? groups.join(" · ") : "", null,
      h("section", { class: "answers" }, rows.length ? save : h("p", { class: "quiet" }, "The line went around no record. Draw it again."), rows.length ? hitList(context, hits) : h("span", {}),
        h("p", { class: "caption" }, rows.length > most ? `The first ${most} of ${rows.length.toLocaleString("en-GB")}; the CSV has all.` : "")));
  }
}
