// A service worker: adds the two headers without which a browser gives a page one processor core only, and
// keeps the page, so that it opens without a network.
const KEPT = "rawkit-VERSION";

// A new version waits until pages of the old one are closed: their parts belong together.
self.addEventListener("install", () => self.registration.active || self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) {
    if (name.startsWith("rawkit-") && name !== KEPT) await caches.delete(name);
  }
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const kept = await caches.open(KEPT);
  const found = await kept.match(request);
  if (found) return found;
  const response = await fetch(request);
  if (!response.ok || response.status !== 200) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const isolated = new Response(response.body, { status: 200, headers });
  await kept.put(request, isolated.clone());
  return isolated;
}
