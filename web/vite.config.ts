import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/edgeseal/watermark/web/page",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  worker: {
    format: "iife", // LiteRT.js loads itself with importScripts, which modules do not have
    rollupOptions: { output: { entryFileNames: "assets/[name].js", inlineDynamicImports: true } },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
