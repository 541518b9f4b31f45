/** The panel beside the map: a record with its nearest, or a list of records. */

import * as api from "./api";
import { announce, counted, h, later, put } from "./dom";
import type { HeatmapPair } from "./heatmap";
import { grip } from "./sheet";
import { type By, WEIGHT_STEP } from "./state";
import { tree } from "./tree";
import { CENTRED, RAW, about } from "./words";

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
  /** the picture's share from now on; null for the usual one */
  setWeight(weight: number | null): void;
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

/** A small picture: a cell of the atlas while there are few pages, else the picture itself; none where no record has one. */
export function thumbnail(context: PanelContext, row: number, side: number): HTMLElement | null {
  if (!context.collection.pictures) return null; // no empty squares where there is nothing to miss
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

/** What was wrong, and the cure; a command to run stands out. */
export function refusal(error: unknown): HTMLElement {
  const [message, cure] = error instanceof api.Refused ? [error.message, error.cure] : [String(error), ""];
  const lines = cure.split("\n").filter(Boolean).map((each) => {
    const command = /^Run: (.*)$/.exec(each)?.[1];
    return command ? h("p", {}, "Run: ", h("code", {}, command)) : h("p", {}, each);
  });
  return h("div", { class: "trouble", role: "alert" }, h("p", {}, message), ...lines);
}

/** What nearest is asked with; the same again needs no new answer. */
export interface Asked {
  by: By;
  perGroup: boolean;
  map: string;
  weight: number | null;
}

const USUAL_WEIGHT = 0.25; // of the picture, where no caption tells

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

/** The caption of an answer, and of centred or raw cosines what that means. */
function told(answer: api.Hits): (HTMLElement | null)[] {
  const caption = api.sentence(answer.basis ?? answer.caption);
  if (!caption) return [];
  const centred = caption.includes("centred cosine");
  return [h("p", { class: "caption" }, caption), centred ? about("What is centred?", CENTRED) : caption.includes("cosine") ? about("Why not centred?", RAW) : null];
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

const MOST_LISTED = 300;

export function hitList(context: PanelContext, hits: api.Hit[], why?: (hit: api.Hit, place: HTMLElement) => void): HTMLElement {
  if (!hits.length) return h("p", { class: "quiet" }, "Nothing to show.");
  const list = h("ol", { class: "hits" }, ...hits.slice(0, MOST_LISTED).map((hit) => row(context, hit, why && ((place) => why(hit, place)))));
  if (hits.length <= MOST_LISTED) return list;
  return h("div", {}, list, h("p", { class: "caption" }, `The first ${MOST_LISTED} of ${counted(hits.length, "record")}.`));
}

async function fillWhy(place: HTMLElement, first: number, second: number): Promise<void> {
  put(place, h("p", { class: "quiet" }, "Working it out…"));
  try {
    const told = await api.why(first, second);
    const most = Math.max(...told.fields.map((each) => Math.abs(each.adds)), 1e-9);
    const shares = told.score > 0.1; // of a score near nothing every share is huge
    const lines = told.fields.slice(0, 12).map((each) => {
      const bar = h("i", { class: each.adds < 0 ? "less" : "" });
      bar.style.width = `${(100 * Math.abs(each.adds)) / most}%`;
      return h("tr", {}, h("th", { scope: "row" }, each.field), h("td", { class: "bar", "aria-hidden": "true" }, bar), h("td", {}, `${each.adds < 0 ? "−" : "+"}${Math.abs(each.adds).toFixed(3)}`), shares ? h("td", {}, `${Math.round((each.share ?? 0) * 100)}%`.replace("-", "−")) : null);
    });
    put(place,
      h("table", {}, h("caption", {}, `Which fields make the score of ${told.score.toFixed(3)}`),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "field"), h("td", { "aria-hidden": "true" }), h("th", { scope: "col" }, "adds"), shares ? h("th", { scope: "col" }, "share") : null)),
        h("tbody", {}, ...lines)),
      told.fields.length > 12 ? h("p", { class: "quiet" }, `and ${counted(told.fields.length - 12, "smaller field")}`) : null,
      api.sentence(told.caption) ? h("p", { class: "quiet" }, api.sentence(told.caption)) : null);
  } catch (error) {
    put(place, refusal(error));
  }
}

const FARTHEST = 1000; // the most that a list of the nearest may have

/** The centred score of two records, as their nearest are ranked by; null where they are not compared, or too far apart for a list. */
async function centredScore(context: PanelContext, row: number, other: number, by: By): Promise<number | null> {
  if (by === "text" && context.collection.fields) return api.why(row, other).then((found) => found.score, () => null);
  for (const [one, two] of [[row, other], [other, row]] as const) {
    const found = await api.similar(one, by, FARTHEST, false, "", null).catch(() => null);
    const score = found?.hits.find((hit) => hit.row === two)?.score;
    if (typeof score === "number") return score;
  }
  return null;
}

export class Panel {
  readonly element = h("aside", { class: "panel", "aria-label": "Details", hidden: true });
  private asking: AbortController | null = null;
  private shown = -1;
  private nearPlace: HTMLElement = h("div", {});
  private asked = "";
  private looking: AbortController | null = null;
  private usual = USUAL_WEIGHT;
  private showWeight = () => {};
  private context!: PanelContext;

  use(context: PanelContext): void {
    this.context = context;
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  hide(): void {
    this.asking?.abort();
    this.looking?.abort();
    this.shown = -1;
    this.element.hidden = true;
  }

  private frame(heading: string, under: string, back: { label: string; call: () => void } | null, ...body: HTMLElement[]): void {
    const { context } = this;
    put(this.element,
      grip(this.element, () => context.close()),
      h("header", {},
        back ? h("button", { type: "button", class: "plain back", onclick: back.call }, `‹ ${back.label}`) : null,
        h("button", { type: "button", class: "square close", "aria-label": "Close (Escape)", title: "Close (Escape)", onclick: () => context.close() }, "×"),
        h("h2", { tabindex: "-1", title: heading.length > 80 ? heading : "" }, heading), under ? h("p", { class: "quiet" }, under) : null),
      ...body);
    this.element.hidden = false;
  }

  /** Shows a record with its nearest; `pair`, where it was opened from all pairs. */
  async record(at: number, asked: Asked, back: { label: string; call: () => void } | null, pair: HeatmapPair | null = null): Promise<void> {
    const { context } = this;
    if (this.shown !== at || pair) {
      this.shown = at;
      this.asked = "";
      this.asking?.abort();
      const asking = (this.asking = new AbortController());
      const name = context.names[at] || "(no name)";
      const picture = context.hasPicture(at) ? h("img", { class: "picture", src: api.pictureAddress(at), alt: `Picture of ${name}` }) : null;
      const data = h("section", { class: "data" }, h("h3", {}, "Record"), h("p", { class: "quiet" }, "Fetching…"));
      this.nearPlace = h("section", { class: "near" });
      const locate = context.onMap(at) ? h("button", { type: "button", class: "plain", onclick: () => context.locate(at) }, "Show on the map") : context.collection.maps.length ? h("span", { class: "quiet" }, "Not on this map") : null;
      this.frame(name, context.groupName(at), back, h("div", { class: "portrait" }, picture, locate), ...(pair ? [this.pair(pair)] : []), this.nearPlace, data);
      this.element.scrollTop = 0;
      void api.record(at, asking.signal).then(
        (told) => put(data, h("h3", {}, "Record ", h("span", { class: "quiet" }, `id ${told.id}`)), tree(told.data)),
        (error: unknown) => asking.signal.aborted || put(data, h("h3", {}, "Record"), refusal(error)),
      );
    }
    await this.nearest(at, asked);
  }

  /** What a cell of all pairs leads to: both scores of the two, and which fields make the one by text. */
  private pair({ row: at, other, by, raw }: HeatmapPair): HTMLElement {
    const { context } = this;
    const scores = h("dl", { class: "scores" });
    const why = h("div", { class: "why" });
    const add = (what: string, score: number | null) => score !== null && scores.append(h("dt", {}, what), h("dd", {}, score.toFixed(3)));
    void Promise.all([raw, centredScore(context, at, other, by)]).then(([one, centred]) => {
      add("raw, as in All pairs", one);
      add("centred, as in Nearest", centred);
      if (one !== null && centred === null) why.prepend(h("p", { class: "quiet" }, `Nearest compares these two not at all, or neither is among the ${FARTHEST.toLocaleString("en-GB")} nearest of the other.`));
    });
    if (by === "text") void fillWhy(why, at, other);
    const name = h("button", { type: "button", class: "plain", onclick: () => context.open(other) }, context.names[other] || "(no name)");
    return h("section", { class: "pair-why" }, h("h3", {}, "With ", name, ` ${BY_LABEL[by].toLowerCase()}`), scores, about("Why two numbers?", CENTRED), why);
  }

  private async nearest(at: number, asked: Asked): Promise<void> {
    const { context } = this;
    const key = JSON.stringify(asked);
    if (this.asked === key) return;
    this.asked = key;
    const { by, perGroup } = asked;
    const bys = availableBys(context.collection);
    context.near([]);
    if (!bys.length) return put(this.nearPlace, h("h3", {}, "Nearest"), h("p", { class: "quiet" }, "Nothing is embedded yet, so nothing can be compared."));
    const focused = this.nearPlace.contains(document.activeElement);
    const list = h("div", { role: "tabpanel", id: "nearest", "aria-label": `Nearest ${BY_LABEL[by].toLowerCase()}` }, h("p", { class: "quiet" }, "Looking…"));
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
    put(this.nearPlace, h("h3", {}, "Nearest"), h("div", { class: "tabs", role: "tablist", "aria-label": "Nearest" }, ...tabs),
      groups ? h("label", { class: "switch" }, box, " the nearest of each group") : null,
      by === "fused" ? this.weights(at, asked, list) : null, list);
    if (focused) tabs[bys.indexOf(by)]?.focus();
    await this.look(at, asked, list);
  }

  /** Asks for the nearest and puts them into their place; the last that was asked for wins. */
  private async look(at: number, { by, perGroup, map, weight }: Asked, list: HTMLElement): Promise<api.Hits | null> {
    const { context } = this;
    this.looking?.abort();
    const looking = (this.looking = new AbortController());
    list.setAttribute("aria-busy", "true");
    try {
      const found = await api.similar(at, by, perGroup ? 1 : 10, perGroup, map, weight, looking.signal);
      if (looking.signal.aborted) return null;
      const why = by === "text" && context.collection.fields ? (hit: api.Hit, where: HTMLElement) => void fillWhy(where, at, hit.row) : undefined;
      put(list, hitList(context, found.hits, why), ...told(found));
      context.near(found.hits.map((hit) => hit.row));
      const usual = by === "fused" && weight === null ? /pictures weigh ([\d.]+)/.exec(found.basis?.note ?? "")?.[1] : undefined;
      if (usual) this.usual = Number(usual);
      this.showWeight();
      return found;
    } catch (error) {
      if (looking.signal.aborted) return null;
      put(list, refusal(error));
      context.near([]);
      return null;
    } finally {
      if (!looking.signal.aborted) list.removeAttribute("aria-busy");
    }
  }

  /** The slider that fuses text and picture: its answers come while it is dragged. */
  private weights(at: number, asked: Asked, list: HTMLElement): HTMLElement {
    const now = () => asked.weight ?? this.usual;
    const number = h("output", { for: "weight" });
    const usual = h("button", { type: "button", class: "plain", onclick: () => set(null) });
    const slider = h("input", { type: "range", id: "weight", min: 0, max: 1, step: WEIGHT_STEP, "aria-label": "The picture's share", oninput: () => {
      const value = Number(slider.value);
      set(Math.abs(value - this.usual) < 1e-9 ? null : value);
    } });
    const show = () => {
      slider.value = String(now());
      slider.setAttribute("aria-valuetext", `${percent(now())} picture, ${percent(1 - now())} text`);
      number.textContent = now().toFixed(2);
      usual.textContent = `Back to ${this.usual}`;
      usual.classList.toggle("idle", asked.weight === null);
      usual.disabled = asked.weight === null;
    };
    const look = later(60, async () => {
      const found = await this.look(at, asked, list);
      if (found?.hits[0]) announce(`Nearest at ${percent(now())} picture: ${found.hits[0].name}`);
    });
    const set = (weight: number | null) => {
      asked = { ...asked, weight };
      this.asked = JSON.stringify(asked);
      if (document.activeElement === usual) slider.focus(); // the button goes
      show();
      this.context.setWeight(weight);
      look();
    };
    show();
    this.showWeight = show;
    return h("div", { class: "weights" }, h("span", {}, "text"), slider, h("span", {}, "picture"), number, usual);
  }

  /** A list of records that something gives later: an answer, the unusual. Gives the rows it shows. */
  async list(heading: string, ask: (signal: AbortSignal) => Promise<api.Hits>, under = "", more: HTMLElement | null = null): Promise<number[] | null> {
    this.shown = -1;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const body = h("section", { class: "answers", "aria-busy": "true" }, h("p", { class: "quiet" }, "Looking…"));
    this.frame(heading, under, null, ...(more ? [more, body] : [body]));
    this.element.scrollTop = 0;
    try {
      const found = await ask(asking.signal);
      put(body, hitList(this.context, found.hits), ...told(found));
      body.removeAttribute("aria-busy");
      return found.hits.map((hit) => hit.row);
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
    const counts = new Map<string, number>();
    for (const each of rows) counts.set(context.groupName(each) || "(none)", (counts.get(context.groupName(each) || "(none)") ?? 0) + 1);
    const groups = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([name, count]) => `${name} ${count.toLocaleString("en-GB")}`);
    const hits = rows.slice(0, MOST_LISTED).map((each) => ({ row: each, name: context.names[each] ?? "", group: context.groupName(each) }));
    const save = h("button", { type: "button", class: "plain", onclick: () => {
      const text = ["id,name", ...rows.map((each) => [ids[each], context.names[each]].map((v) => `"${(v ?? "").replaceAll('"', '""')}"`).join(","))].join("\r\n");
      const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: "selected.csv" });
      link.click();
      URL.revokeObjectURL(link.href);
    } }, "Save ids and names as CSV");
    this.frame(`${counted(rows.length, "record")} selected`, context.collection.groups.length > 1 ? groups.join(" · ") : "", null,
      h("section", { class: "answers" }, rows.length ? save : h("p", { class: "quiet" }, "The line went around no record. Draw it again."), rows.length ? hitList(context, hits) : h("span", {}),
        h("p", { class: "caption" }, rows.length > MOST_LISTED ? `The first ${MOST_LISTED} of ${rows.length.toLocaleString("en-GB")}; the CSV has all.` : "")));
  }
}
