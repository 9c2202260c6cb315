// The page of a work: files go up, cards show how far each is, the viewer shows one of them.
import { slider } from "./slider.js";
import * as words from "./words.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const WORK = document.body.dataset.work;
const MOST = Number(document.body.dataset.fileBytes);
const AT = `/api/works/${WORK}`;
const SIDE_BY_SIDE = 3;

const photos = new Map(); // id -> as the server tells it
const sending = new Map(); // key -> a file on its way, or one that was not taken
const cards = new Map(); // id or key -> its card
const queue = [];
let active = 0;
let keys = 0;

export async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  let problem = { title: "The server does not answer as expected", text: "" };
  try { problem = (await answer.json()).error; } catch { /* no JSON: as above */ }
  throw Object.assign(new Error(problem.title), { problem, status: answer.status });
}

const viewer = new Viewer({ at: AT, photos, ask });

// Cards.

function cardOf(key) {
  if (cards.has(key)) return cards.get(key);
  const item = $("card").content.firstElementChild.cloneNode(true);
  const card = { item, at: (name) => item.querySelector(name) };
  card.place = slider(card.at(".stage"), card.at(".slide"));
  card.at(".open").addEventListener("click", () => viewer.open(key));
  card.at(".remove").addEventListener("click", () => remove(key));
  card.at(".again").addEventListener("click", () => again(key));
  cards.set(key, card);
  $("cards").append(item);
  return card;
}

function show(element, shown) { element.hidden = !shown; }

function drawCard(photo) {
  const card = cardOf(photo.id);
  const picture = [...photo.pictures].reverse().find((one) => one.stage === "done");
  const last = photo.pictures.at(-1);
  heading(card, photo.name);
  card.at(".facts").textContent = words.facts(photo);
  card.at(".state").textContent = words.state(photo);
  card.item.firstElementChild.classList.toggle("refused", photo.stage === "refused");
  const busy = photo.stage === "waiting" || photo.stage === "reading" || (last && (last.stage === "waiting" || last.stage === "working"));
  progress(card, busy && photo.stage !== "refused", last && last.stage === "working" ? last.share : null, photo.name);
  const problem = photo.problem || (last && last.problem);
  const warning = (photo.facts && photo.facts.warning) || (last && last.warning);
  why(card, problem ? problem.text : warning, Boolean(problem), problem && problem.phone);
  pictures(card, photo, picture);
  show(card.at(".open"), photo.stage === "ready");
  show(card.at(".save"), Boolean(picture));
  show(card.at(".again"), false);
  if (picture) {
    card.at(".save").href = picture.file;
    card.at(".save").setAttribute("aria-label", `Download ${picture.name}`);
  }
}

function heading(card, name) {
  if (card.at("h2").textContent === name) return;
  card.at("h2").textContent = name;
  card.at(".open").setAttribute("aria-label", `Open ${name}`);
  card.at(".remove").setAttribute("aria-label", `Remove ${name}`);
  card.at(".again").setAttribute("aria-label", `Try ${name} again`);
  card.at(".slide").setAttribute("aria-label", `How much of the plain conversion is shown of ${name}`);
}

function progress(card, shown, share, name) {
  const bar = card.at("progress");
  show(bar, shown);
  bar.setAttribute("aria-label", `Progress of ${name}`);
  if (share === null || share === undefined) bar.removeAttribute("value");
  else bar.value = share;
}

function why(card, text, isProblem, phone) {
  const box = card.at(".warning");
  show(box, Boolean(text));
  box.classList.toggle("why", isProblem);
  box.textContent = text || "";
  if (phone) {
    const link = document.createElement("a");
    link.href = "#phone";
    link.textContent = "How to get raw files";
    link.addEventListener("click", (event) => { event.preventDefault(); phoneHelp(); });
    box.append(" ", link);
  }
}

function pictures(card, photo, picture) {
  const [under, over, stage] = [card.at(".under"), card.at(".over"), card.at(".stage")];
  const set = (image, source, text) => {
    if (source && image.getAttribute("src") !== source) { image.loading = "lazy"; image.src = source; }
    if (!source) image.removeAttribute("src");
    image.alt = source ? text : "";
  };
  if (picture) {
    const settings = query(picture.wanted);
    set(under, `${AT}/photos/${photo.id}/view?side=picture&picture=${picture.id}&pixels=260000`, `${photo.name}, restored`);
    set(over, `${AT}/photos/${photo.id}/view?side=plain&pixels=260000&${settings}`, `${photo.name}, plain conversion`);
  } else {
    set(under, photo.thumbnail, `${photo.name}, a quick look`);
    set(over, null);
  }
  stage.toggleAttribute("data-empty", !picture && !photo.thumbnail);
  stage.classList.toggle("split", Boolean(picture));
  show(card.at(".slide"), Boolean(picture));
  if (picture) card.place(card.at(".slide").valueAsNumber);
}

export function query(wanted) {
  const parts = new URLSearchParams();
  for (const name of ["m", "stops", "exposure", "colour", "weights"]) {
    if (wanted[name] !== null && wanted[name] !== undefined && wanted[name] !== "") parts.set(name, wanted[name]);
  }
  return parts.toString();
}

function drawSending(one) {
  const card = cardOf(one.key);
  heading(card, one.file.name);
  card.at(".facts").textContent = words.size(one.file.size);
  card.at(".state").textContent = one.problem ? one.problem.title
    : one.share === null ? "Waiting to be sent" : one.share < 1 ? `Being sent, ${Math.round(100 * one.share)} %` : "Sent";
  card.item.firstElementChild.classList.toggle("refused", Boolean(one.problem));
  progress(card, !one.problem, one.share, one.file.name);
  why(card, one.problem && one.problem.text, true, one.problem && one.problem.phone);
  show(card.at(".again"), Boolean(one.problem && one.again));
}

function summary() {
  const all = [...photos.values()];
  const done = all.filter((one) => one.pictures.some((each) => each.stage === "done")).length;
  const refused = all.filter((one) => one.stage === "refused").length + [...sending.values()].filter((one) => one.problem).length;
  const going = [...sending.values()].filter((one) => !one.problem).length
    + all.filter((one) => one.stage === "waiting" || one.stage === "reading"
      || one.pictures.some((each) => each.stage === "waiting" || each.stage === "working")).length;
  const parts = [`${done} restored`];
  if (going) parts.push(`${going} on the way`);
  if (refused) parts.push(`${refused} not usable`);
  const text = parts.join(", ");
  if ($("summary").textContent !== text) $("summary").textContent = text;
  const any = photos.size + sending.size > 0;
  show($("work"), any);
  if ($("empty").hidden !== any) {
    show($("empty"), !any);
    // The help for phones is wanted in both places.
    (any ? $("work") : $("empty")).append($("phone"));
  }
  show($("zip"), done > 0);
}

function phoneHelp() {
  $("phone").open = true;
  $("phone").scrollIntoView({ block: "center" });
  $("phone").querySelector("summary").focus();
}

function drop(key) {
  const card = cards.get(key);
  if (!card) return;
  const focused = card.item.contains(document.activeElement);
  const beside = card.item.nextElementSibling || card.item.previousElementSibling;
  card.item.remove();
  cards.delete(key);
  if (focused) (beside ? beside.querySelector(".remove") : document.querySelector("#empty button")).focus();
}

async function remove(key) {
  const one = sending.get(key);
  if (one) {
    if (one.request) one.request.abort();
    sending.delete(key);
    drop(key);
    summary();
    return;
  }
  await ask(`${AT}/photos/${key}`, { method: "DELETE" }).catch(() => null);
  photos.delete(key);
  drop(key);
  summary();
}

// Files on their way.

function add(files) {
  for (const file of files) {
    if (file.name.startsWith(".") || file.name === "Thumbs.db") continue;
    const one = { key: `file-${(keys += 1)}`, file, share: null, problem: null, again: false, request: null };
    sending.set(one.key, one);
    if (file.size > MOST) {
      one.problem = { title: "The file is too large", text: `Files of up to ${words.size(MOST)} are taken; raw photos are smaller.` };
    } else queue.push(one);
    drawSending(one);
  }
  summary();
  next();
}

function again(key) {
  const one = sending.get(key);
  if (!one) return;
  Object.assign(one, { share: null, problem: null, again: false });
  queue.push(one);
  drawSending(one);
  summary();
  next();
}

function next() {
  while (active < SIDE_BY_SIDE && queue.length) {
    const one = queue.shift();
    if (sending.has(one.key)) send(one);
  }
}

function send(one) {
  active += 1;
  const [format, bits] = $("format").value.split("/");
  const request = new XMLHttpRequest();
  const settings = new URLSearchParams({ name: one.file.name, format, bits });
  one.request = request;
  one.share = 0;
  request.open("POST", `${AT}/photos?${settings}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) one.share = event.loaded / event.total;
    if (sending.has(one.key)) drawSending(one);
  });
  const ended = (problem, mayTry, seconds) => {
    active -= 1;
    if (sending.has(one.key)) {
      if (seconds) {
        one.share = null;
        setTimeout(() => { if (sending.has(one.key)) { queue.push(one); next(); } }, 1000 * seconds);
      } else if (problem) Object.assign(one, { problem, again: mayTry });
      else { sending.delete(one.key); drop(one.key); }
      if (sending.has(one.key)) drawSending(one);
      summary();
    }
    next();
  };
  request.addEventListener("load", () => {
    let body = {};
    try { body = JSON.parse(request.responseText); } catch { /* not ours: said below */ }
    if (request.status === 201) { take([body]); ended(null); }
    else if (request.status === 415) ended(null); // the server lists it with the reason
    else if (request.status === 429) ended(null, true, Number(request.getResponseHeader("Retry-After")) || 5);
    else ended(body.error || { title: "The server did not take it", text: "" }, true);
  });
  request.addEventListener("error", () => ended({ title: "The connection broke", text: "Is the server still running?" }, true));
  request.addEventListener("abort", () => ended(null));
  request.send(one.file);
}

async function entries(items) {
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) files.push(await new Promise((done, failed) => entry.file(done, failed)));
    else {
      const reader = entry.createReader();
      for (;;) { // it hands out a hundred at a time
        const some = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!some.length) break;
        for (const one of some) await walk(one);
      }
    }
  };
  const found = [...items].map((one) => one.webkitGetAsEntry && one.webkitGetAsEntry()).filter(Boolean);
  for (const entry of found) await walk(entry).catch(() => null);
  return files;
}

// News of the server.

function take(changed) {
  for (const photo of changed) {
    photos.set(photo.id, photo);
    drawCard(photo);
  }
}

function listen() {
  const news = new EventSource(`${AT}/events`);
  news.addEventListener("work", (event) => {
    const { photos: changed, ids } = JSON.parse(event.data);
    take(changed.filter((one) => ids.includes(one.id)));
    const there = new Set(ids);
    for (const id of [...photos.keys()]) {
      if (!there.has(id)) { photos.delete(id); drop(id); }
    }
    summary();
    viewer.news();
  });
  news.addEventListener("gone", () => { news.close(); location.reload(); });
}

// What people do.

for (const button of document.querySelectorAll("[data-choose]")) {
  button.addEventListener("click", () => $(button.dataset.choose).click());
}
for (const id of ["files", "folder"]) {
  $(id).addEventListener("change", () => { add([...$(id).files]); $(id).value = ""; });
}
let inside = 0;
document.addEventListener("dragenter", (event) => { event.preventDefault(); inside += 1; show($("drop"), true); });
document.addEventListener("dragleave", () => { inside = Math.max(0, inside - 1); if (!inside) show($("drop"), false); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  inside = 0;
  show($("drop"), false);
  const data = event.dataTransfer;
  const plain = [...data.files];
  const walked = data.items && data.items.length ? await entries(data.items) : [];
  add(walked.length ? walked : plain);
});
$("clear").addEventListener("click", async () => {
  if (!window.confirm("Delete all photos and pictures here?")) return;
  for (const key of [...sending.keys(), ...photos.keys()]) await remove(key);
});

listen();
summary();
