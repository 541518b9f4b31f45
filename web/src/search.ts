/** Finds records by name while a person types. */

/** A name as it is compared: lower case, without accents. */
export function plain(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

const WORD_START = /[\s\-_/.,:()[\]]/;

/** How well a plain name fits a plain query: 0 is the name itself, higher is worse, -1 is no fit. */
export function fit(name: string, query: string): number {
  const at = name.indexOf(query);
  if (at < 0) return -1;
  if (at === 0) return name.length === query.length ? 0 : 1;
  for (let start = at; start >= 0; start = name.indexOf(query, start + 1)) {
    if (WORD_START.test(name[start - 1] ?? "")) return 2;
  }
  return 3;
}

/** Whether a name starts with the query but for one character too many, too few, wrong, or two swapped. */
export function nearly(name: string, query: string): boolean {
  if (query.length < 4) return false;
  let same = 0;
  while (same < query.length && query[same] === name[same]) same += 1;
  const rest = query.slice(same);
  return (
    name.startsWith(rest.slice(1), same + 1) ||
    name.startsWith(rest.slice(1), same) ||
    name.startsWith(rest, same + 1) ||
    (rest.length > 1 && name.startsWith(`${rest[1]}${rest[0]}${rest.slice(2)}`, same))
  );
}

/** The rows whose names (already plain) fit best, shorter names first, then in the collection's order. */
export function find(names: readonly string[], text: string, most: number): number[] {
  const query = plain(text).trim();
  if (!query) return [];
  const found: { row: number; fit: number; length: number }[] = [];
  for (let row = 0; row < names.length; row += 1) {
    const name = names[row] as string;
    const how = fit(name, query);
    if (how >= 0) found.push({ row, fit: how, length: name.length });
  }
  if (found.length === 0) {
    for (let row = 0; row < names.length && found.length < 200; row += 1) {
      const name = names[row] as string;
      if (nearly(name, query)) found.push({ row, fit: 4, length: name.length });
    }
  }
  found.sort((a, b) => a.fit - b.fit || a.length - b.length || a.row - b.row);
  return found.slice(0, most).map((each) => each.row);
}
