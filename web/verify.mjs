// Builds the page anew in a temporary folder and compares it, byte for byte, with the built one in git. So that one is
// known to be made of these sources: were they newer, it would differ.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { build } from "vite";

const SHIPPED = "../src/embedex/explorer/static";

function contents(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return new Map(files.map((each) => join(each.parentPath, each.name)).map((path) => [relative(folder, path), readFileSync(path)]));
}

const folder = mkdtempSync(join(tmpdir(), "embedex-page-"));
try {
  await build({ logLevel: "warn", build: { outDir: folder, emptyOutDir: true } });
  execFileSync(process.execPath, ["licences.mjs", folder]);
  const [shipped, made] = [contents(SHIPPED), contents(folder)];
  const told = [...new Set([...shipped.keys(), ...made.keys()])].sort().flatMap((name) => {
    if (!made.has(name)) return [`${name} is no longer made`];
    if (!shipped.has(name)) return [`${name} is not there`];
    return made.get(name).equals(shipped.get(name)) ? [] : [`${name} differs`];
  });
  if (told.length) {
    console.error(`src/embedex/explorer/static/ is not what web/ builds:\n  ${told.join("\n  ")}`);
    console.error("Run `npm run build` in web/ and commit what it writes.");
    process.exitCode = 1;
  } else console.log(`The built page is that of its sources: ${shipped.size} files.`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
