/** Light or dark: as the system has it, until a person chooses. */

import type { Theme } from "./colours";
import { h } from "./dom";
import { kept } from "./kept";

const darkWanted = window.matchMedia("(prefers-color-scheme: dark)");

export function themeNow(): Theme {
  const chosen = kept("embedex-theme");
  return chosen === "dark" || chosen === "light" ? chosen : darkWanted.matches ? "dark" : "light";
}

/** The button that switches, and the theme on the page from now on. */
export function themeButton(changed: (theme: Theme) => void): HTMLButtonElement {
  const set = () => {
    document.documentElement.dataset.theme = themeNow();
    changed(themeNow());
  };
  darkWanted.addEventListener("change", set);
  return h("button", {
    type: "button", class: "square", "aria-label": "Light or dark", title: "Light or dark",
    onclick: () => {
      kept("embedex-theme", themeNow() === "dark" ? "light" : "dark");
      set();
    },
  }, "◐");
}
