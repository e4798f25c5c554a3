import { defineConfig } from "vite";

/** The script of the page that `edgeseal check --on browser` opens. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: "../src/edgeseal/data/browser",
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: "device/device.ts", formats: ["es"], fileName: () => "device.js" },
  },
});
