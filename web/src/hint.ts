/** What a first-time visitor is told, once. */

import { byFinger, h } from "./dom";
import { kept } from "./kept";

export interface Hint {
  element: HTMLElement;
  /** takes it away for good */
  dismiss(): void;
}

/** `pictures`: whether the map has any to show. */
export function hint(pictures: boolean): Hint {
  const touch = byFinger();
  const near = pictures ? ": near enough, points become pictures" : "";
  const words = [
    `${touch ? "Pinch" : "Scroll or pinch"} to zoom${near}. ${touch ? "Tap" : "Click"} one to see what is like it.`,
    ...(touch ? [] : [" Press ", h("kbd", {}, "/"), " to search."]),
  ];
  const dismiss = () => {
    if (element.hidden) return;
    element.hidden = true;
    kept("embedex-hint", "seen");
  };
  const element = h("div", { class: "hint", role: "note", hidden: kept("embedex-hint") === "seen" },
    h("span", {}, ...words), h("button", { type: "button", class: "plain", onclick: dismiss }, "Got it"));
  return { element, dismiss };
}
