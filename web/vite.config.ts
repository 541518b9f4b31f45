import { defineConfig } from "vite";

// Every address in the bundle is relative, so that the page also works below another path.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/embedex/explorer/static",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    // The libraries in a file of their own: a change to the page leaves it as it is.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "libraries", test: /node_modules/ }] } } },
  },
  server: {
    host: "127.0.0.1",
    // `node mock.mjs` or `embedex explore DIR --port 8123 --no-browser` answers here
    proxy: { "/api": process.env.EXPLORER_API ?? "http://127.0.0.1:8123" },
  },
});
