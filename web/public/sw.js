// Keeps what the page has fetched, so that it works offline after the first visit, and lets nothing
// through to another origin. `edgeseal web` puts a checksum of the site in: a new site, a new store.
const STORE = "edgeseal-@VERSION@";
// What is fetched before this worker sees it.
const PAGE = ["./", "./assets/index.css", "./assets/index.js", "./assets/worker.js", "./icon.svg", "./licences.txt"];

self.addEventListener("install", (event) => {
  const requests = PAGE.map((url) => new Request(url, { cache: "reload" }));
  event.waitUntil(caches.open(STORE).then((store) => store.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  const clean = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("edgeseal-") && name !== STORE) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, protocol } = new URL(request.url);
  if (!protocol.startsWith("http")) return;
  if (origin !== self.location.origin) {
    event.respondWith(Response.error());
  } else if (request.method === "GET") {
    event.respondWith(answer(request));
  }
});

async function answer(request) {
  const store = await caches.open(STORE);
  const known = await store.match(request, { ignoreSearch: true });
  if (known) return known;
  const response = await fetch(request.url, { cache: "no-cache" }); // an older site's file must not be kept
  if (response.status === 200) {
    try {
      await store.put(request, response.clone());
    } catch {
      // no room: the page works all the same, online
    }
  }
  return response;
}
