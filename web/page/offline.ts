/** The service worker: after the first visit the page needs no network. */

import { byId } from "./dom.ts";

const PATIENCE_MS = 5000;

/** Register it, and wait until it sees what the page fetches, or it is clear that it will not. */
export async function startOffline(): Promise<void> {
  const say = (text: string) => {
    byId("offline").textContent = text;
  };
  if (!("serviceWorker" in navigator)) {
    say("Not available offline: this needs an address with https.");
    return;
  }
  try {
    await navigator.serviceWorker.register("./sw.js");
    await Promise.race([controlled(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  } catch {
    say("Not available offline: the browser does not allow it here.");
  }
}

/** Say that all is stored, once it is. */
export function sayStored(): void {
  if (navigator.serviceWorker?.controller) byId("offline").textContent = "Works offline from now on.";
}

function controlled(): Promise<void> {
  return new Promise((resolve) => {
    if (navigator.serviceWorker.controller) resolve();
    navigator.serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
  });
}
