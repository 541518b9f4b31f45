/** The page: fetches the collection, keeps the state in the address bar, and wires the parts together. */

import "./style.css";

import * as api from "./api";
import { NONE } from "./arrays";
import { type Colouring, type Theme, colouring } from "./colours";
import { ConditionBox } from "./condition";
import { announce, counted, h, later, put } from "./dom";
import { Heatmap, type HeatmapPair } from "./heatmap";
import { hint } from "./hint";
import { Legend, short } from "./legend";
import { type MapData, MapView } from "./map";
import { BY_LABEL, Panel, type PanelContext, availableBys, refusal, thumbnail } from "./panel";
import { enclosed } from "./places";
import { SearchBox } from "./searchbox";
import { type By, type State, distinct, read, write } from "./state";
import { themeButton, themeNow } from "./theme";

const app = document.getElementById("app") as HTMLElement;
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
  /** what the address calls each record: its id, if no other has it */
  private keys: string[] = [];
  private keyRow: Map<string, number> | null = null;
  private idsAsked: Promise<void> | null = null;
  private fieldsAsked: ReturnType<typeof api.fields> | null = null;

  private coded: api.Coded | null = null;
  /** the field whose values are here, and the one whose values are on their way */
  private codedPath = " ";
  private codedAsked: string | null = null;
  private matching: { sql: string; rows: Uint8Array | null } = { sql: "", rows: null };
  private colouring: Colouring | null = null;
  private colouredAs = "";
  private data: MapData | null = null;
  private shownMap = "";
  private mapNotes: string[] = [];
  private lassoPlaces: { map: string; places: api.Places } | null = null;
  private selection: number[] | null = null;

  private nearRows: number[] = [];
  private listRows: number[] | null = null;
  private listKey = "";
  private pair: HeatmapPair | null = null;
  private openRow = -1;
  private turn = 0;

  private readonly bys: By[];
  private readonly context: PanelContext;
  private readonly map = new MapView();
  private readonly heatmap: Heatmap;
  private readonly panel = new Panel();
  private readonly legend = new Legend((hidden) => this.change({ hidden }, false));
  private readonly hint: ReturnType<typeof hint>;
  private readonly search: SearchBox;
  private readonly condition: ConditionBox;

  private readonly stage = h("main", { class: "stage" });
  private readonly mapChoice = h("select", { "aria-label": "Map" });
  private readonly colourChoice = h("select", { "aria-label": "Colour by" });
  private readonly lassoButton = h("button", { type: "button", class: "square", "aria-pressed": "false", "aria-label": "Select with a lasso", title: "Select with a lasso: draw around records" });
  private readonly screens: Partial<Record<State["screen"], HTMLButtonElement>> = {};
  private readonly unusualButton = h("button", { type: "button", "aria-pressed": "false" }, "Unusual");

  constructor(
    private readonly collection: api.Collection,
    private readonly names: string[],
    private readonly groups: Uint16Array,
    private readonly pictures: Uint8Array,
  ) {
    this.bys = availableBys(collection);
    this.hint = hint(collection.pictures > 0);
    this.context = {
      collection, names,
      groupName: (row) => this.groupName(row),
      hasPicture: (row) => pictures[row] === 1,
      onMap: (row) => this.map.has(row),
      open: (row) => this.openRecord(row),
      close: () => this.close(),
      setBy: (by) => this.change({ by }, false),
      setPerGroup: (perGroup) => this.change({ perGroup }, false),
      setWeight: (weight) => this.quietly({ weight }),
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
      grouped: collection.groups.length > 1,
      name: (row) => this.names[row] || "(no name)",
      group: (row) => this.groupName(row),
      onPair: (pair) => {
        this.pair = pair.row === pair.other ? null : pair;
        this.openRow = -1;
        this.openRecord(pair.row);
      },
      onSquare: (square) => this.quietly({ square }),
      onBy: (by) => this.change({ by, square: null }, false),
    });
    this.search = new SearchBox({
      names, canAsk: collection.can_ask,
      groupName: (row) => this.groupName(row),
      thumbnail: (row, side) => thumbnail(this.context, row, side),
      byId: (id) => this.keyRow?.get(id) ?? -1,
      onEnter: () => void this.needIds().catch((error: unknown) => announce(String(error))),
      onRecord: (row) => {
        this.hint.dismiss();
        this.openRecord(row, { question: "", unusual: false, lasso: null });
      },
      onAsk: (question) => {
        this.hint.dismiss();
        this.change({ question, record: "", unusual: false, lasso: null }, true);
      },
      onEmpty: () => this.state.question && this.change({ question: "" }, true),
    });
    this.condition = new ConditionBox({ count: collection.count, fields: async () => (await this.fields()).paths, groups: collection.groups, apply: (sql, wanted) => this.applyCondition(sql, wanted) });
  }

  private groupName(row: number): string {
    const code = this.groups[row];
    return code === undefined || code === NONE ? "" : (this.collection.groups[code] ?? "");
  }

  begin(): void {
    document.title = `${this.collection.title} · embedex`;
    this.layOut();
    this.listen();
    void this.apply();
    void this.fillFields();
  }

  private layOut(): void {
    const { collection, bys } = this;
    const told = [counted(collection.count, "record"), collection.pictures ? counted(collection.pictures, "picture") : "", collection.origin ?? ""].filter(Boolean).join(" · ");
    const screen = (name: State["screen"], label: string) => (this.screens[name] = h("button", { type: "button", onclick: () => this.change({ screen: name }, true) }, label));
    const screens = h("nav", { class: "screens", "aria-label": "Views" }, screen("map", "Map"));
    if (bys.some((by) => by !== "map")) screens.append(screen("heatmap", "All pairs"));
    if (bys.length) screens.append(this.unusualButton);
    put(this.mapChoice, ...collection.maps.map((each) => h("option", { value: each.name }, each.dimensions === 2 ? each.name : `${each.name} (${each.dimensions}D, from above)`)));
    this.lassoButton.append(icon("M4 9c0-3 4-5 8-5s8 2 8 5-4 6-9 6c-2 0-4-.5-5-1.5M6 13.500c-2 1-1.500 3.500.5 3.500s2.500 2 .5 4"));
    const tool = (label: string, text: string, call: () => void) => h("button", { type: "button", class: "square", "aria-label": label, title: label, onclick: call }, text);
    const tools = h("div", { class: "tools", role: "toolbar", "aria-label": "Map tools" },
      tool("Zoom in", "+", () => this.map.zoom(0.8)), tool("Zoom out", "−", () => this.map.zoom(-0.8)),
      tool("Show the whole map", "⤢", () => this.map.fit()), this.lassoButton);
    const onMap = collection.maps.length ? [this.map.element, this.legend.element, tools, this.hint.element] : [this.noMap()];
    this.stage.append(...onMap, this.heatmap.element);
    put(app,
      h("header", { class: "top" },
        h("div", { class: "title" }, h("h1", {}, collection.title), h("p", { class: "quiet" }, told)),
        this.search.element,
        screens,
        h("div", { class: "choices" },
          collection.maps.length > 1 ? h("label", {}, "Map ", this.mapChoice) : null,
          collection.maps.length ? h("label", {}, "Colour ", this.colourChoice) : null,
          collection.maps.length && this.canFilter() ? this.condition.element : null,
          themeButton((theme) => this.setTheme(theme)))),
      h("div", { class: "body" }, this.stage, this.panel.element),
      h("div", { id: "said", class: "unseen", role: "status", "aria-live": "polite" }));
    const label = () => this.map.label(`Map of ${collection.title}. Arrow keys move it, plus and minus zoom. To find a record press slash and type its name.`);
    label();
    new MutationObserver(label).observe(this.map.element, { childList: true, subtree: true });
  }

  /** What stands where the map would be. */
  private noMap(): HTMLElement {
    const embedded = this.bys.length > 0;
    return h("div", { class: "no-map" },
      h("p", {}, embedded ? "This collection has no map yet. Make one, and start again:" : "Nothing is embedded yet, so nothing can be compared. Do this, and start again:"),
      h("pre", {}, embedded ? "embedex map DIR" : "embedex embed DIR\nembedex map DIR"),
      h("p", { class: "quiet" }, embedded ? "DIR is the folder of the collection. The box above finds records without a map, and All pairs and Unusual work as well." : "DIR is the folder of the collection. The box above finds records by name without it."));
  }

  private listen(): void {
    window.addEventListener("popstate", () => {
      this.state = read(location.hash);
      void this.apply(true);
    });
    this.mapChoice.addEventListener("change", () => this.change({ map: this.mapChoice.value, camera: null }, true));
    this.colourChoice.addEventListener("change", () => this.change({ colour: this.colourChoice.value, hidden: [] }, false));
    this.unusualButton.addEventListener("click", () => this.change(this.state.unusual ? { unusual: false } : { unusual: true, question: "", record: "", lasso: null }, true));
    this.lassoButton.addEventListener("click", () => this.setLasso(this.lassoButton.getAttribute("aria-pressed") !== "true"));
    this.map.onSelect = (row) => {
      this.hint.dismiss();
      this.openRecord(row);
    };
    this.map.onCamera = (camera) => this.quietly({ camera });
    this.map.room = () => this.room();
    this.map.onLasso = (corners) => {
      this.setLasso(false);
      this.change({ lasso: { map: this.shownMap, corners }, record: "", question: "", unusual: false }, true);
    };
    this.map.colourName = (row) => this.valueName(row);
    document.addEventListener("keydown", (event) => this.key(event));
  }

  private key(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.search.focus();
    } else if (event.key === "Escape") {
      if (this.search.open) this.search.close();
      else if (this.condition.open) this.condition.close();
      else if (this.lassoButton.getAttribute("aria-pressed") === "true") this.setLasso(false);
      else if (this.panel.open) this.close();
    }
  }

  private setLasso(on: boolean): void {
    this.lassoButton.setAttribute("aria-pressed", String(on));
    this.map.setLasso(on);
    if (on) announce("Draw around records with the pointer; Escape stops.");
  }

  /** What the colouring calls a row. */
  private valueName(row: number): string {
    const coded = this.coded;
    if (!coded) return "";
    if (coded.kind === "number") {
      const value = coded.numbers[row] as number;
      return Number.isFinite(value) ? `${this.codedPath} ${short(value)}` : "";
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
      this.keys = distinct(ids);
      this.keyRow = new Map(this.keys.map((key, row) => [key, row]));
    });
    try {
      await this.idsAsked;
    } catch (error) {
      this.idsAsked = null; // asked again
      throw error;
    }
  }

  private openRecord(row: number, more: Partial<State> = {}): void {
    void this.needIds().then(
      () => this.change({ ...more, record: this.keys[row] as string }, true),
      (error: unknown) => announce(String(error)),
    );
  }

  private close(): void {
    const { record, question, unusual, lasso } = this.state;
    if (record && (question || unusual || lasso)) this.change({ record: "" }, true);
    else this.change({ record: "", question: "", unusual: false, lasso: null }, true);
    this.pair = null;
  }

  private by(): By {
    return this.state.by && this.bys.includes(this.state.by) ? this.state.by : (this.bys[0] ?? "text");
  }

  private mapName(): string {
    const named = (name: string | null) => this.collection.maps.some((each) => each.name === name);
    if (named(this.state.map)) return this.state.map;
    return named(this.collection.default_map) ? (this.collection.default_map as string) : (this.collection.maps[0]?.name ?? "");
  }

  private canFilter(): boolean {
    return this.collection.can_where !== false;
  }

  /** Makes the page show the state. Where it changes meanwhile, the later turn shows it. */
  private async apply(moved = false): Promise<void> {
    const turn = ++this.turn;
    const { state } = this;
    this.stage.dataset.screen = app.dataset.screen = state.screen;
    for (const [name, button] of Object.entries(this.screens)) button.setAttribute("aria-pressed", String(name === state.screen));
    this.unusualButton.setAttribute("aria-pressed", String(state.unusual));
    this.search.show(state.question);
    const steps = [() => this.applyColour(), () => this.applyMap(moved), () => this.needCondition(), () => this.applyLasso(), () => this.applyHeatmap(), () => this.applyPanel()];
    for (const step of steps) {
      await step();
      if (turn !== this.turn) return;
    }
  }

  private async applyHeatmap(): Promise<void> {
    if (this.state.screen !== "heatmap") return;
    const by = this.by() === "map" ? (this.bys[0] as By) : this.by();
    void this.heatmap.show(by, this.state.square, this.theme);
  }

  // --- which records are shown -----------------------------------------------------------------------------------

  /** Has the rows that match the state's condition; an address may hold one that cannot be used. */
  private async needCondition(): Promise<void> {
    if (!this.canFilter()) return;
    const sql = this.state.where;
    if (this.matching.sql === sql) return;
    this.drawLegend();
    try {
      await this.match(sql, () => this.state.where === sql);
    } catch (error) {
      this.matching = { sql, rows: null };
      this.condition.refuse(sql, error);
    }
    this.recolour();
  }

  private async match(sql: string, wanted = () => true): Promise<void> {
    const rows = sql ? await api.where(sql, this.collection.count) : null;
    if (!wanted()) return;
    this.matching = { sql, rows };
    this.condition.holds(sql, rows ? rows.reduce((sum, each) => sum + each, 0) : this.collection.count);
  }

  /** A condition that somebody typed: the address has it only once it can be used. */
  private async applyCondition(where: string, wanted: () => boolean): Promise<void> {
    await this.match(where, wanted);
    if (wanted()) this.change({ where }, true);
  }

  private async applyLasso(): Promise<void> {
    const { lasso } = this.state;
    this.map.outline(lasso && lasso.map === this.shownMap ? lasso.corners : []);
    this.selection = null;
    if (!lasso) return;
    if (!this.collection.maps.some((each) => each.name === lasso.map)) {
      announce(`There is no map ${lasso.map}, on which records were selected.`);
      return this.change({ lasso: null }, false);
    }
    try {
      if (this.lassoPlaces?.map !== lasso.map) {
        const shown = this.data && lasso.map === this.shownMap ? this.data.places : null;
        this.lassoPlaces = { map: lasso.map, places: shown ?? (await api.places(lasso.map)) };
      }
      const { rows, xy } = this.lassoPlaces.places;
      const shown = this.colouring?.shown;
      this.selection = enclosed(xy, lasso.corners).map((place) => rows[place] as number).filter((row) => shown?.[row] !== 0).sort((a, b) => a - b);
    } catch (error) {
      announce(error instanceof Error ? error.message : String(error));
      this.change({ lasso: null }, false);
    }
  }

  // --- the map ---------------------------------------------------------------------------------------------------

  private async applyMap(moved: boolean): Promise<void> {
    const name = this.mapName();
    if (!name) return;
    this.mapChoice.value = name;
    if (this.shownMap === name) {
      if (moved && this.state.camera && this.data) this.map.show(this.data, this.state.camera);
      return;
    }
    this.shownMap = name;
    this.data = null; // of another map
    try {
      const places = await api.places(name);
      if (this.shownMap !== name) return;
      this.data = { places, names: this.names, pictures: this.pictures, thumbnail: this.collection.thumbnail };
      this.map.show(this.data, this.state.camera);
      this.noteMap(name, places);
    } catch (error) {
      this.shownMap = "";
      this.stage.append(h("div", { class: "no-map" }, refusal(error)));
    }
  }

  /** What there is to know about a map, below the legend. */
  private noteMap(name: string, places: api.Places): void {
    const fidelity = this.collection.maps.find((each) => each.name === name)?.fidelity;
    const doubts = places.doubt.reduce((sum, each) => sum + (each ? 1 : 0), 0);
    this.mapNotes = [
      places.rows.length < this.collection.count ? `${places.rows.length.toLocaleString("en-GB")} of ${counted(this.collection.count, "record")} have a place` : "",
      fidelity ? `Trustworthiness ${fidelity.trustworthiness.toFixed(2)}, continuity ${fidelity.continuity.toFixed(2)}` : "",
      doubts ? `${doubts.toLocaleString("en-GB")} hollow: place in doubt${fidelity?.rule ? ` (${fidelity.rule})` : ""}` : "",
    ].filter(Boolean);
    this.drawLegend();
  }

  /** Colours by the state's field once its values are here; a later turn does not wait for them. */
  private async applyColour(): Promise<void> {
    const path = this.state.colour;
    if (this.codedPath !== path && this.codedAsked !== path) {
      this.codedAsked = path;
      let coded: api.Coded = { kind: "category", categories: this.collection.groups, codes: this.groups };
      let of = "";
      try {
        if (path) [coded, of] = [await api.values(path, this.collection.count), path];
      } catch (error) {
        if (this.state.colour === path) announce(String(error));
      }
      if (this.codedAsked === path) this.codedAsked = null;
      if (this.state.colour !== path) return; // meanwhile others were asked for
      [this.coded, this.codedPath] = [coded, of];
      this.state = { ...this.state, colour: of };
    }
    this.colourChoice.value = this.state.colour;
    this.recolour();
  }

  private recolour(): void {
    if (!this.coded) return;
    const { hidden } = this.state;
    const colour = this.codedPath; // what the values are of: the state may ask for others that are not here yet
    const key = JSON.stringify([colour, hidden, this.theme, this.matching.sql]);
    if (key === this.colouredAs) return; // of a million records it takes a while
    this.colouredAs = key;
    this.colouring = colouring(colour || "group", this.coded, new Set(hidden), this.theme, !colour, this.matching.rows);
    this.map.colour(this.colouring, this.theme);
    this.drawLegend();
  }

  private drawLegend(): void {
    const { colouring, state, collection } = this;
    if (!colouring) return;
    const { sql, rows } = this.matching;
    const filter = rows && sql === state.where ? [`${rows.reduce((sum, each) => sum + each, 0).toLocaleString("en-GB")} match the filter ${sql}`] : [];
    const looking = this.canFilter() && state.where !== sql ? [`Looking which records match the filter ${state.where}`] : [];
    const missing = (collection.left_out ?? []).map((each) => `Not in this export: ${each}`);
    const unused = state.where && !this.canFilter() ? ["The filter in the address cannot be used here"] : [];
    const heading = this.codedPath ? colouring.title : collection.groups.length ? "Group" : "All records";
    this.legend.draw(heading, colouring, this.theme, [...looking, ...filter, ...unused, ...this.mapNotes, ...missing], colouring.categories.length < 2 && !this.codedPath);
  }

  private marks(): void {
    const list = this.openRow >= 0 ? null : this.listRows;
    this.map.mark(this.openRow, this.nearRows, list && list.length ? list : null);
  }

  /** What panels cover of the map. */
  private room(): { left: number; right: number; top: number; bottom: number } {
    const phone = window.innerWidth <= 720;
    if (phone) return { left: 26, right: 26, top: 40, bottom: this.panel.open ? this.panel.element.offsetHeight || this.stage.clientHeight * 0.56 : 60 };
    const legend = this.legend.element.offsetWidth;
    return { left: legend ? legend + 40 : 60, right: 60, top: 50, bottom: 50 };
  }

  private setTheme(theme: Theme): void {
    this.theme = theme;
    this.recolour();
    void this.applyHeatmap();
  }

  private fields(): ReturnType<typeof api.fields> {
    return (this.fieldsAsked ??= api.fields());
  }

  private async fillFields(): Promise<void> {
    put(this.colourChoice, h("option", { value: "" }, this.collection.groups.length ? "group" : "(one colour)"));
    try {
      const { paths } = await this.fields();
      this.colourChoice.append(...paths.map((each) => h("option", { value: each.path }, each.path)));
    } catch {
      // colouring by group still works
    }
    this.colourChoice.value = this.state.colour;
  }

  // --- the panel -------------------------------------------------------------------------------------------------

  private async applyPanel(): Promise<void> {
    if (this.state.record) return this.applyRecord();
    this.openRow = -1;
    this.nearRows = [];
    await this.applyList();
  }

  private async applyRecord(): Promise<void> {
    const { state } = this;
    await this.needIds();
    const row = this.keyRow?.get(state.record) ?? -1;
    if (row < 0) {
      announce(`There is no record with the id ${state.record}.`);
      this.change({ record: "" }, false);
      return;
    }
    const first = this.openRow !== row;
    this.openRow = row;
    const label = state.question ? "Answers" : state.unusual ? "Unusual" : this.selection ? "Selected" : "";
    const back = label ? { label, call: () => this.change({ record: "" }, true) } : null;
    const { pair } = this;
    this.pair = null;
    this.listKey = "";
    const was = this.panel.open;
    const shown = this.panel.record(row, { by: this.by(), perGroup: state.perGroup, map: this.mapName(), weight: state.weight }, back, pair);
    if (first || !was) {
      this.nearRows = [];
      if (state.screen === "map") this.map.goTo(row);
      announce(`${this.names[row]} is open`);
    }
    this.marks();
    await shown;
  }

  /** The list that the state asks for: answers, the unusual, or what the lasso holds. */
  private async applyList(): Promise<void> {
    const { state, selection } = this;
    const key = state.question ? `q ${state.question}` : state.unusual ? `unusual ${this.by()}` : selection ? `lasso ${JSON.stringify([state.lasso, state.hidden, state.colour, state.where])}` : "";
    if (key && key === this.listKey) return this.marks();
    this.listKey = key;
    if (!key) {
      this.listRows = null;
      this.panel.hide();
      return this.marks();
    }
    let rows: number[] | null;
    if (state.question) rows = await this.panel.list(`“${state.question}”`, (signal) => api.ask(state.question, 20, signal));
    else if (state.unusual) {
      const choice = h("select", { "aria-label": "Compared by", onchange: () => this.change({ by: choice.value as By }, false) }, ...this.bys.map((by) => h("option", { value: by, selected: by === this.by() }, BY_LABEL[by].toLowerCase())));
      const under = this.by() === "map" ? "farthest from all others: the highest median distance first" : "least like all others: the lowest median score first";
      rows = await this.panel.list("The most unusual", (signal) => api.unusual(this.by(), 30, signal), under, h("label", { class: "switch" }, "Compared ", choice));
    } else {
      await this.needIds();
      rows = selection as number[];
      this.panel.selection(rows, this.ids);
    }
    if (!rows || this.listKey !== key) return;
    this.listRows = rows;
    this.marks();
    announce(selection && !state.question && !state.unusual ? `${counted(rows.length, "record")} selected` : `${counted(rows.length, "record")} listed`);
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

void start();
