/** Says in a corner what is being fetched, once that takes longer than a moment. */

import { h } from "./dom";

const MOMENT = 400; // milliseconds

let told: HTMLElement | null = null;
const now = new Set<string>();

function show(): void {
  if (typeof document === "undefined") return;
  if (!told) document.body.append((told = h("p", { class: "fetching", role: "status" })));
  told.textContent = [...now].join(" ");
  told.hidden = now.size === 0;
}

/** Gives what the work gives, and says the text while it lasts. */
export async function saying<T>(text: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => {
    now.add(text);
    show();
  }, MOMENT);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    if (now.delete(text)) show();
  }
}
