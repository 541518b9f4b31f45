/** On a telephone the panel comes from below: its grip drags it taller or lower, or away. */

import { h } from "./dom";

const HEIGHTS = [0.32, 0.58, 0.94]; // of the room there is
const AWAY = 0.18;

/** The grip of a panel; only narrow windows show it. */
export function grip(panel: HTMLElement, away: () => void): HTMLElement {
  let drag: { from: number; height: number; moved: boolean } | null = null;
  const room = () => panel.parentElement?.clientHeight || window.innerHeight;
  const share = () => panel.offsetHeight / room();
  const set = (height: number) => (panel.style.setProperty("--tall", `${Math.round(height * 100)}%`));
  const nearest = () => HEIGHTS.reduce((best, each) => (Math.abs(each - share()) < Math.abs(best - share()) ? each : best));
  const step = (by: number) => {
    const at = HEIGHTS.indexOf(nearest()) + by;
    if (at < 0) away();
    else set(HEIGHTS[Math.min(at, HEIGHTS.length - 1)] as number);
  };
  const end = () => {
    const was = drag;
    drag = null;
    if (!was?.moved) return;
    if (share() < AWAY) {
      set(HEIGHTS[1] as number);
      away();
    } else set(nearest());
  };
  const button = h("button", {
    type: "button", class: "grip", "aria-label": "Make the panel taller or lower", title: "Drag to make the panel taller or lower",
    onpointerdown: (event: PointerEvent) => {
      button.setPointerCapture(event.pointerId);
      drag = { from: event.clientY, height: share(), moved: false };
    },
    onpointermove: (event: PointerEvent) => {
      if (!drag) return;
      const by = event.clientY - drag.from;
      if (Math.abs(by) > 4) drag.moved = true;
      if (drag.moved) set(Math.min(Math.max(drag.height - by / room(), 0.08), 0.94));
    },
    onpointerup: (event: PointerEvent) => {
      const tapped = drag && !drag.moved;
      end();
      if (tapped && event.isPrimary) set(share() < 0.7 ? (HEIGHTS[2] as number) : (HEIGHTS[1] as number));
    },
    onpointercancel: end,
    onkeydown: (event: KeyboardEvent) => {
      const by = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
      if (event.key === "Enter" || event.key === " ") set(share() < 0.7 ? (HEIGHTS[2] as number) : (HEIGHTS[1] as number));
      else if (by) step(by);
      else return;
      event.preventDefault();
    },
  });
  return button;
}
