/** The page: fetches the collection, keeps the state in the address bar, and wires the parts together. */

import "./style.css";

import * as api from "./api";
import { NONE } from "./arrays";
import { type Colouring, type Theme, colouring, css, ramp } from "./colours";
import { announce, counted, h, later, put } from "./dom";
import { Heatmap } from "./heatmap";
import { MapView } from "./map";
import { BY_LABEL, Panel, type PanelContext, availableBys, refusal, thumbnail } from "./panel";
import { find, plain } from "./search";
import { type By, type State, read, write } from "./state";

const app = document.getElementById("app") as HTMLElement;

function store(name: string, value?: string): string | null {
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null; // a browser that keeps nothing
  }
}

const darkWanted = window.matchMedia("(prefers-color-scheme: dark)");
function themeNow(): Theme {
  const kept = store("embedex-theme");
  return kept === "dark" || kept === "light" ? kept : darkWanted.matches ? "dark" : "light";
}
document.documentElement.dataset.theme = themeNow();

async function start(): Promise<void> {
  put(app, h("p", { class: "waiting", role: "status" }, "Opening the collection…"));
  let collection: api.Collection;
  let names: string[];
  let groups: Uint16Array;
  let pictures: Uint8Array;
  try {
    collection = await api.collection();
    const n = collection.count;
    [names, groups, pictures] = await Promise.all([api.names(n), api.groups(n), api.pictures(n)]);
  } catch (error) {
    put(app, h("div", { class: "waiting" }, refusal(error)));
    return;
  }
  new Page(collection, names, groups, pictures).begin();
}

class Page {
  private state: State = read(location.hash);
  private theme: Theme = themeNow();
  private ids: string[] = [];
  private idRow: Map<string, number> | null = null;
  private idsAsked: Promise<void> | null = null;
  private plainNames: string[] | null = null;
  private map = new MapView();
  private heatmap: Heatmap;
  private panel = new Panel();
  private coded: api.Coded | null = null;
  private codedPath = " ";
  private colouring: Colouring | null = null;
  private shownMap = "";
  private nearRows: number[] = [];
  private listRows: number[] | null = null;
  private listKey = "";
  private selection: number[] | null = null;
  private pairWith = -1;
  private openRow = -1;
  private readonly bys: By[];
  private readonly context: PanelContext;

  private readonly legend = h("details", { class: "legend", open: window.innerWidth > 720 });
  private readonly hint = h("div", { class: "hint", role: "note" });
  private readonly stage = h("main", { class: "stage" });
  private readonly search = h("input", {
    type: "search", id: "search", role: "combobox", "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
    autocomplete: "off", spellcheck: "false", maxlength: 2000,
  });
  private readonly found = h("ul", { id: "found", role: "listbox", "aria-label": "Found", hidden: true });
  private readonly mapChoice = h("select", { "aria-label": "Map" });
  private readonly colourChoice = h("select", { "aria-label": "Colour by" });
  private readonly lassoButton = h("button", { type: "button", class: "square", "aria-pressed": "false", "aria-label": "Select with a lasso", title: "Select with a lasso: draw around records" });
  private readonly screens: Record<string, HTMLButtonElement> = {};
  private readonly unusualButton = h("button", { type: "button", "aria-pressed": "false" }, "Unusual");

  constructor(
    private readonly collection: api.Collection,
    private readonly names: string[],
    private readonly groups: Uint16Array,
    private readonly pictures: Uint8Array,
  ) {
    this.bys = availableBys(collection);
    this.context = {
      collection, names,
      groupName: (row) => this.groupName(row),
      hasPicture: (row) => pictures[row] === 1,
      onMap: (row) => this.map.has(row),
      open: (row) => this.openRecord(row),
      close: () => this.close(),
      setBy: (by) => this.change({ by }, false),
      setPerGroup: (perGroup) => this.change({ perGroup }, false),
      near: (rows) => {
        this.nearRows = rows;
        this.marks();
      },
      locate: (row) => {
        this.change({ screen: "map" }, true);
        this.map.goTo(row);
      },
    };
    this.panel.use(this.context);
    this.heatmap = new Heatmap({
      bys: this.bys.filter((by) => by !== "map").map((by) => ({ by, label: BY_LABEL[by].toLowerCase() })),
      name: (row) => this.names[row] || "(no name)",
      onPair: (first, second) => {
        this.pairWith = first === second ? -1 : second;
        this.openRow = -1;
        this.openRecord(first);
      },
      onSquare: (square) => this.quietly({ square }),
      onBy: (by) => this.change({ by, square: null }, false),
    });
  }

  private groupName(row: number): string {
    const code = this.groups[row];
    return code === undefined || code === NONE ? "" : (this.collection.groups[code] ?? "");
  }

  begin(): void {
    const { collection } = this;
    document.title = `${collection.title} · embedex`;
    this.layOut();
    this.listen();
    void this.apply();
    void this.fillFields();
  }

  private layOut(): void {
    const { collection } = this;
    const told = [counted(collection.count, "record"), collection.pictures ? counted(collection.pictures, "picture") : "", collection.origin ?? ""].filter(Boolean).join(" · ");
    const can = collection.can_ask;
    this.search.placeholder = can ? "Find a name, or ask in words" : "Find a name";
    this.search.setAttribute("aria-label", can ? "Find a record by name, or ask a question in words" : "Find a record by name");
    const screen = (name: State["screen"], label: string) => {
      const button = h("button", { type: "button", onclick: () => this.change({ screen: name }, true) }, label);
      this.screens[name] = button;
      return button;
    };
    const screens = h("nav", { class: "screens", "aria-label": "Views" }, screen("map", "Map"));
    if (this.bys.some((by) => by !== "map")) screens.append(screen("heatmap", "All pairs"));
    screens.append(this.unusualButton);
    const maps = collection.maps.length ? collection.maps : [];
    put(this.mapChoice, ...maps.map((each) => h("option", { value: each.name }, each.dimensions === 2 ? each.name : `${each.name} (${each.dimensions}D, from above)`)));
    const themeButton = h("button", { type: "button", class: "square", "aria-label": "Light or dark", title: "Light or dark", onclick: () => {
      store("embedex-theme", this.theme === "dark" ? "light" : "dark");
      this.setTheme();
    } }, "◐");
    this.lassoButton.append(icon("M4 9c0-3 4-5 8-5s8 2 8 5-4 6-9 6c-2 0-4-.5-5-1.5M6 13.500c-2 1-1.500 3.500.5 3.500s2.500 2 .5 4"));
    const tool = (label: string, text: string, call: () => void) => h("button", { type: "button", class: "square", "aria-label": label, title: label, onclick: call }, text);
    const tools = h("div", { class: "tools", role: "toolbar", "aria-label": "Map tools" },
      tool("Zoom in", "+", () => this.map.zoom(0.8)), tool("Zoom out", "−", () => this.map.zoom(-0.8)),
      tool("Show the whole map", "⤢", () => this.map.fit()), this.lassoButton);
    put(this.hint, h("span", {}, "Scroll or pinch to zoom: near enough, points become pictures. Click one to see what is like it. Press ", h("kbd", {}, "/"), " to search."),
      h("button", { type: "button", class: "plain", onclick: () => this.dismissHint() }, "Got it"));
    this.hint.hidden = store("embedex-hint") === "seen";
    this.stage.append(this.map.element, this.heatmap.element, this.legend, tools, this.hint);
    put(app,
      h("header", { class: "top" },
        h("div", { class: "title" }, h("h1", {}, collection.title), h("p", { class: "quiet" }, told)),
        h("form", { class: "search", role: "search", onsubmit: (event: Event) => event.preventDefault() }, this.search, h("kbd", { "aria-hidden": "true" }, "/"), this.found),
        screens,
        h("div", { class: "choices" },
          maps.length > 1 ? h("label", {}, "Map ", this.mapChoice) : null,
          h("label", {}, "Colour ", this.colourChoice),
          themeButton)),
      h("div", { class: "body" }, this.stage, this.panel.element),
      h("div", { id: "said", class: "unseen", role: "status", "aria-live": "polite" }));
    this.map.label(`Map of ${collection.title}. Arrow keys move it, plus and minus zoom. To find a record press slash and type its name.`);
    new MutationObserver(() => this.map.label(`Map of ${collection.title}. Arrow keys move it, plus and minus zoom. To find a record press slash and type its name.`)).observe(this.map.element, { childList: true, subtree: true });
  }

  private dismissHint(): void {
    if (this.hint.hidden) return;
    this.hint.hidden = true;
    store("embedex-hint", "seen");
  }

  private listen(): void {
    window.addEventListener("popstate", () => {
      this.state = read(location.hash);
      void this.apply(true);
    });
    darkWanted.addEventListener("change", () => this.setTheme());
    this.mapChoice.addEventListener("change", () => this.change({ map: this.mapChoice.value, camera: null }, true));
    this.colourChoice.addEventListener("change", () => this.change({ colour: this.colourChoice.value, hidden: [] }, false));
    this.unusualButton.addEventListener("click", () => this.change(this.state.unusual ? { unusual: false } : { unusual: true, question: "", record: "" }, true));
    this.lassoButton.addEventListener("click", () => this.setLasso(this.lassoButton.getAttribute("aria-pressed") !== "true"));
    this.map.onSelect = (row) => {
      this.dismissHint();
      this.openRecord(row);
    };
    this.map.onCamera = (camera) => this.quietly({ camera });
    this.map.room = () => this.room();
    this.map.onLasso = (rows) => {
      this.setLasso(false);
      void this.needIds().then(() => {
        this.selection = rows;
        this.change({ record: "", question: "", unusual: false }, true);
        announce(`${counted(rows.length, "record")} selected`);
      });
    };
    this.map.colourName = (row) => this.valueName(row);
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        this.search.focus();
        this.search.select();
      } else if (event.key === "Escape") {
        if (!this.found.hidden) this.closeFound();
        else if (this.lassoButton.getAttribute("aria-pressed") === "true") this.setLasso(false);
        else if (this.panel.open) this.close();
      }
    });
    this.listenSearch();
  }

  private setLasso(on: boolean): void {
    this.lassoButton.setAttribute("aria-pressed", String(on));
    this.map.setLasso(on);
    if (on) announce("Draw around records with the pointer; Escape stops.");
  }

  private valueName(row: number): string {
    const coded = this.coded;
    if (!coded) return "";
    if (coded.kind === "number") {
      const value = coded.numbers[row] as number;
      return Number.isFinite(value) ? `${this.state.colour} ${short(value)}` : "";
    }
    const code = coded.codes[row] as number;
    return code === NONE ? "" : (coded.categories[code] ?? "");
  }

  // --- the state -----------------------------------------------------------------------------------------------

  private change(part: Partial<State>, step: boolean): void {
    const before = write(this.state);
    this.state = { ...this.state, ...part };
    const after = write(this.state);
    if (after !== before) history[step ? "pushState" : "replaceState"](null, "", after ? `#${after}` : location.pathname + location.search);
    void this.apply();
  }

  /** Keeps what the person did with the map in the address, without drawing anything again. */
  private quietly(part: Partial<State>): void {
    this.state = { ...this.state, ...part };
    this.keepAddress();
  }

  private readonly keepAddress = later(200, () => {
    const text = write(this.state);
    if (`#${text}` !== location.hash) history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  });

  private async needIds(): Promise<void> {
    this.idsAsked ??= api.ids(this.collection.count).then((ids) => {
      this.ids = ids;
      this.idRow = new Map(ids.map((id, row) => [id, row]));
    });
    await this.idsAsked;
  }

  private openRecord(row: number): void {
    void this.needIds().then(
      () => this.change({ record: this.ids[row] as string }, true),
      (error: unknown) => announce(String(error)),
    );
  }

  private close(): void {
    const list = this.state.question || this.state.unusual || this.selection;
    if (this.state.record && list) this.change({ record: "" }, true);
    else {
      this.selection = null;
      this.change({ record: "", question: "", unusual: false }, true);
    }
    this.pairWith = -1;
  }

  private by(): By {
    return this.state.by && this.bys.includes(this.state.by) ? this.state.by : (this.bys[0] ?? "text");
  }

  private mapName(): string {
    const named = (name: string | null) => this.collection.maps.some((each) => each.name === name);
    if (named(this.state.map)) return this.state.map;
    return named(this.collection.default_map) ? (this.collection.default_map as string) : (this.collection.maps[0]?.name ?? "");
  }

  /** Makes the page show the state. */
  private async apply(moved = false): Promise<void> {
    const { state } = this;
    const heat = state.screen === "heatmap";
    this.stage.dataset.screen = state.screen;
    for (const [name, button] of Object.entries(this.screens)) button.setAttribute("aria-pressed", String(name === state.screen));
    this.unusualButton.setAttribute("aria-pressed", String(state.unusual));
    if (state.question && document.activeElement !== this.search) this.search.value = state.question;
    await this.applyColour();
    await this.applyMap(moved);
    if (heat) {
      const by = this.by() === "map" ? (this.bys[0] as By) : this.by();
      void this.heatmap.show(by, state.square, this.theme);
    }
    await this.applyPanel();
  }

  private async applyMap(moved: boolean): Promise<void> {
    const name = this.mapName();
    if (!name) {
      this.stage.dataset.empty = "This collection has no map yet. Make one with `embedex map`.";
      return;
    }
    this.mapChoice.value = name;
    if (this.shownMap === name) {
      if (moved && this.state.camera) this.map.show(this.data as never, this.state.camera);
      return;
    }
    this.shownMap = name;
    try {
      const places = await api.places(name);
      if (this.shownMap !== name) return;
      this.data = { places, names: this.names, pictures: this.pictures, thumbnail: this.collection.thumbnail };
      this.map.show(this.data, this.state.camera);
      this.mapNote(name, places);
    } catch (error) {
      this.shownMap = "";
      announce(String(error));
      this.stage.append(refusal(error));
    }
  }

  private data: { places: api.Places; names: string[]; pictures: Uint8Array; thumbnail: api.Collection["thumbnail"] } | null = null;
  private note = "";

  private mapNote(name: string, places: api.Places): void {
    const map = this.collection.maps.find((each) => each.name === name);
    const doubts = places.doubt.reduce((sum, each) => sum + (each ? 1 : 0), 0);
    this.note = [
      places.rows.length < this.collection.count ? `${places.rows.length.toLocaleString("en-GB")} of ${counted(this.collection.count, "record")} have a place` : "",
      typeof map?.fidelity === "number" ? `${Math.round(map.fidelity * 100)}% of near neighbours are kept by the map` : "",
      doubts ? `${doubts.toLocaleString("en-GB")} hollow: place in doubt` : "",
    ].filter(Boolean).join("\n");
    this.drawLegend();
  }

  private async applyColour(): Promise<void> {
    const path = this.state.colour;
    if (this.codedPath !== path) {
      this.codedPath = path;
      try {
        this.coded = path ? await api.values(path, this.collection.count) : { kind: "category", categories: this.collection.groups, codes: this.groups };
      } catch (error) {
        announce(String(error));
        this.coded = { kind: "category", categories: this.collection.groups, codes: this.groups };
        this.state = { ...this.state, colour: "" };
        this.codedPath = "";
      }
    }
    this.colourChoice.value = this.state.colour;
    this.recolour();
  }

  private recolour(): void {
    if (!this.coded) return;
    const title = this.state.colour || "group";
    this.colouring = colouring(title, this.coded, new Set(this.state.hidden), this.theme, !this.state.colour);
    this.map.colour(this.colouring, this.theme);
    this.drawLegend();
  }

  private drawLegend(): void {
    const now = this.colouring;
    if (!now) return;
    const heading = h("summary", {}, this.state.colour ? now.title : this.collection.groups.length ? "Group" : "All records");
    const note = this.note ? h("p", { class: "note" }, this.note) : null;
    if (now.numbers) {
      const bar = h("i", { class: "ramp", "aria-hidden": "true" });
      bar.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((t) => css(ramp(t, this.theme))).join(",")})`;
      put(this.legend, heading, h("div", { class: "numbers" }, bar, h("span", {}, `≤ ${short(now.numbers.low)}`), h("span", {}, `≥ ${short(now.numbers.high)}`)),
        now.numbers.none ? h("p", { class: "note" }, `${counted(now.numbers.none, "record")} without a number: grey`) : null, note);
      return;
    }
    const hidden = now.categories.filter((each) => each.hidden);
    const most = 60;
    const focused = this.legend.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.name : undefined;
    const items = now.categories.slice(0, most).map((each) => {
      const dot = h("i", { class: "dot", "aria-hidden": "true" });
      dot.style.background = css(each.colour);
      const button = h("button", { type: "button", "aria-pressed": String(!each.hidden), "data-name": each.name, title: "Click shows or hides; with Shift, or a double click, only this one", onclick: (event: MouseEvent) => this.filter(each.name, event.shiftKey) , ondblclick: () => this.filter(each.name, true) },
        dot, h("span", {}, each.name), h("span", { class: "count" }, each.count.toLocaleString("en-GB")));
      return h("li", {}, button);
    });
    put(this.legend, heading, now.categories.length > 1 || this.state.colour ? h("ul", {}, ...items) : null,
      now.categories.length > most ? h("p", { class: "note" }, `and ${now.categories.length - most} smaller ones, grey`) : null,
      hidden.length ? h("button", { type: "button", class: "plain", onclick: () => this.change({ hidden: [] }, false) }, "Show all") : null, note);
    if (focused !== undefined) [...this.legend.querySelectorAll("button")].find((each) => each.dataset.name === focused)?.focus();
  }

  private filter(name: string, alone: boolean): void {
    const all = this.colouring?.categories.map((each) => each.name) ?? [];
    const hidden = new Set(this.state.hidden);
    if (alone) this.change({ hidden: all.filter((each) => each !== name) }, false);
    else {
      if (!hidden.delete(name)) hidden.add(name);
      this.change({ hidden: all.filter((each) => hidden.has(each)) }, false);
    }
  }

  private async applyPanel(): Promise<void> {
    const { state } = this;
    const key = state.question ? `q ${state.question}` : state.unusual ? `unusual ${this.by()}` : this.selection ? "selection" : "";
    if (state.record) {
      await this.needIds();
      const row = this.idRow?.get(state.record) ?? -1;
      if (row < 0) {
        announce(`There is no record with the id ${state.record}.`);
        this.change({ record: "" }, false);
        return;
      }
      const first = this.openRow !== row;
      this.openRow = row;
      const label = state.question ? "Answers" : state.unusual ? "Unusual" : this.selection ? "Selected" : "";
      const back = label ? { label, call: () => this.change({ record: "" }, true) } : null;
      const pair = this.pairWith;
      this.pairWith = -1;
      this.listKey = "";
      const was = this.panel.open;
      const shown = this.panel.record(row, this.by(), state.perGroup, this.mapName(), back, pair);
      if (first || !was) {
        this.nearRows = [];
        if (state.screen === "map") this.map.goTo(row);
        announce(`${this.names[row]} is open`);
      }
      this.marks();
      await shown;
      return;
    }
    this.openRow = -1;
    this.nearRows = [];
    if (!key) {
      this.listKey = "";
      this.listRows = null;
      this.panel.hide();
      this.marks();
      return;
    }
    if (key === this.listKey && key !== "selection") return this.marks();
    this.listKey = key;
    if (this.selection && key === "selection") {
      this.listRows = this.selection;
      this.panel.selection(this.selection, this.ids);
      this.marks();
      return;
    }
    this.selection = null;
    let rows: number[] | null;
    if (state.question) rows = await this.panel.list(`“${state.question}”`, (signal) => api.ask(state.question, 20, signal));
    else {
      const choice = h("select", { "aria-label": "Compared by", onchange: () => this.change({ by: choice.value as By }, false) }, ...this.bys.map((by) => h("option", { value: by, selected: by === this.by() }, BY_LABEL[by].toLowerCase())));
      rows = await this.panel.list("The most unusual", (signal) => api.unusual(this.by(), 30, signal), h("label", { class: "switch" }, "Compared ", choice));
    }
    if (rows && this.listKey === key) {
      this.listRows = rows;
      this.marks();
      announce(`${counted(rows.length, "record")} listed`);
    }
  }

  private marks(): void {
    const list = this.openRow >= 0 ? null : this.listRows;
    this.map.mark(this.openRow, this.nearRows, list && list.length ? list : null);
  }

  /** What panels cover of the map. */
  private room(): { left: number; right: number; top: number; bottom: number } {
    const phone = window.innerWidth <= 720;
    if (phone) return { left: 26, right: 26, top: 40, bottom: this.panel.open ? this.stage.clientHeight * 0.56 : 60 };
    return { left: this.legend.offsetWidth ? this.legend.offsetWidth + 40 : 60, right: 60, top: 50, bottom: 50 };
  }

  private setTheme(): void {
    this.theme = themeNow();
    document.documentElement.dataset.theme = this.theme;
    this.recolour();
    if (this.state.screen === "heatmap") void this.heatmap.show(this.by() === "map" ? (this.bys[0] as By) : this.by(), this.state.square, this.theme);
  }

  private async fillFields(): Promise<void> {
    const group = h("option", { value: "" }, this.collection.groups.length ? "group" : "(one colour)");
    put(this.colourChoice, group);
    try {
      const { paths } = await api.fields();
      this.colourChoice.append(...paths.map((each) => h("option", { value: each.path }, each.path)));
    } catch {
      // colouring by group still works
    }
    this.colourChoice.value = this.state.colour;
  }

  // --- the search ----------------------------------------------------------------------------------------------

  private active = -1;
  private options: { row: number; element: HTMLElement }[] = [];

  private closeFound(): void {
    this.found.hidden = true;
    this.search.setAttribute("aria-expanded", "false");
    this.search.removeAttribute("aria-activedescendant");
  }

  private listenSearch(): void {
    const { search } = this;
    search.addEventListener("input", () => this.lookUp());
    search.addEventListener("focus", () => search.value && this.lookUp());
    search.addEventListener("blur", () => window.setTimeout(() => this.closeFound(), 120));
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (this.found.hidden) this.lookUp();
        const count = this.options.length;
        if (count) this.activate((this.active + (event.key === "ArrowDown" ? 1 : this.active < 0 ? 0 : -1) + count) % count);
      } else if (event.key === "Enter") {
        event.preventDefault();
        const text = search.value.trim();
        if (!text) return;
        if (this.active >= 0) return this.choose(this.options[this.active]?.row ?? -1);
        // one word that begins a name means the name; anything else is a question
        const best = this.options[0]?.row ?? -1;
        const named = best >= 0 && plain(this.names[best] as string).startsWith(plain(text));
        const exact = best >= 0 && plain(this.names[best] as string) === plain(text);
        if (best >= 0 && (exact || !this.collection.can_ask || (named && !/\s/.test(text)))) this.choose(best);
        else this.choose(-1);
      }
    });
  }

  private activate(at: number): void {
    this.active = at;
    this.options.forEach((each, place) => each.element.setAttribute("aria-selected", String(place === at)));
    const element = this.options[at]?.element;
    if (!element) return;
    this.search.setAttribute("aria-activedescendant", element.id);
    element.scrollIntoView({ block: "nearest" });
  }

  private lookUp(): void {
    this.plainNames ??= this.names.map(plain);
    const text = this.search.value.trim();
    this.active = -1;
    this.options = [];
    if (!text) {
      if (this.state.question) this.change({ question: "" }, true);
      return this.closeFound();
    }
    const rows = find(this.plainNames, text, 8);
    for (const row of rows) {
      const group = this.groupName(row);
      const element = h("li", { role: "option", id: `found-${this.options.length}`, "aria-selected": "false", onpointerdown: (event: Event) => { event.preventDefault(); this.choose(row); } },
        thumbnail(this.context, row, 32), h("span", { class: "name" }, this.names[row] || "(no name)"), group ? h("span", { class: "group" }, group) : null);
      this.options.push({ row, element });
    }
    if (this.collection.can_ask) {
      const element = h("li", { role: "option", id: `found-${this.options.length}`, class: "ask", "aria-selected": "false", onpointerdown: (event: Event) => { event.preventDefault(); this.choose(-1); } },
        h("span", { class: "name" }, `Ask: “${text}”`), h("kbd", { "aria-hidden": "true" }, "Enter"));
      this.options.push({ row: -1, element });
    }
    if (!this.options.length) put(this.found, h("li", { class: "quiet" }, "No name like this."));
    else put(this.found, ...this.options.map((each) => each.element));
    this.found.hidden = false;
    this.search.setAttribute("aria-expanded", "true");
  }

  private choose(row: number): void {
    const text = this.search.value.trim();
    this.closeFound();
    this.dismissHint();
    if (row >= 0) {
      this.search.value = "";
      this.selection = null;
      void this.needIds().then(() => this.change({ record: this.ids[row] as string, question: "", unusual: false }, true));
      this.search.blur();
    } else if (this.collection.can_ask) {
      this.selection = null;
      this.change({ question: text, record: "", unusual: false }, true);
    }
  }
}

function icon(path: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-GB");
}

void start();
