/** What the browser keeps from one visit to the next. */

const here = new Map<string, string>();

export function kept(name: string, value?: string): string | null {
  if (value !== undefined) here.set(name, value);
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return here.get(name) ?? null; // a browser that keeps nothing, or a frame in a notebook that is denied it
  }
}
