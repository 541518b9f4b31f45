// Writes the licences of the packages that the built page holds beside it, as they ask for: node licences.mjs [FOLDER]
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const told = Object.entries(lock.packages)
  .filter(([path, each]) => path && !each.dev && !each.optional)
  .map(([path, each]) => {
    const file = readdirSync(path).find((name) => /^(licen[cs]e|copying)/i.test(name));
    const text = file ? readFileSync(`${path}/${file}`, "utf8").trim() : `Licence: ${each.license ?? "not stated"}`;
    return `${path.replace(/^.*node_modules\//, "")} ${each.version}\n\n${text}\n`;
  });
const folder = process.argv[2] ?? "../src/embedex/explorer/static";
writeFileSync(`${folder}/licences.txt`, told.join(`\n${"-".repeat(100)}\n\n`));
