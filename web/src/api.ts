/** The page's one door to what is known of the collection: the server's routes, or the files of an export. */

import type { Source } from "./answers";
import { exported } from "./exported";
import { server } from "./server";

export * from "./answers";

/** Where the files of an export are; its first page says it, the server's does not. */
function folder(): string | null {
  if (typeof document === "undefined") return null;
  return document.querySelector<HTMLMetaElement>('meta[name="embedex-data"]')?.content ?? null;
}

const files = folder();
const source: Source = files === null ? server : exported(files);

export const {
  collection, names, ids, groups, pictures, places, fields, values, record, pictureAddress, pageAddress, similar, why, ask, where, unusual,
  order, square,
} = source;

/** A caption as the server sends it: a sentence, or an object of sentences. */
export function sentence(caption: unknown): string {
  if (typeof caption === "string") return caption;
  if (Array.isArray(caption)) return caption.map(sentence).filter(Boolean).join(" · ");
  if (caption && typeof caption === "object") {
    const told = caption as Record<string, unknown>;
    if (typeof told.caption === "string") return told.caption;
    if (typeof told.text === "string") return told.text;
    return Object.entries(told)
      .filter(([, value]) => typeof value === "string" || typeof value === "number")
      .map(([name, value]) => `${name.replaceAll("_", " ")}: ${String(value)}`)
      .join(" · ");
  }
  return "";
}
