/** What the page explains where the reader is. */

import { h } from "./dom";

export const CENTRED =
  "The collection's mean is subtracted before two records are compared, so that what all of them share counts for nothing. " +
  "All pairs and Unusual compare raw cosines: there the same two have another number.";

export const RAW =
  "Cosines as they are, including what all records share: it tells better what is unusual. A record's nearest, and why, are centred: " +
  "the collection's mean is subtracted first, and the same two have another number.";

/** A word that opens its explanation. */
export function about(word: string, text: string): HTMLElement {
  return h("details", { class: "about" }, h("summary", {}, word), h("p", {}, text));
}
