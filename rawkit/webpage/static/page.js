// The page: files that are dropped or chosen become cards, and cards become pictures.
const list = document.querySelector("#photos");
const input = document.querySelector("#files");
const summary = document.querySelector("#summary");
const template = document.querySelector("#card");
const cards = new Map();
let number = 0, worker = null;

document.querySelector("#unserved").hidden = true;
document.querySelector("#choose").hidden = false;
isolated();

input.addEventListener("change", () => {
  take(input.files);
  input.value = "";
});
document.querySelector("#choose").addEventListener("click", () => input.click());

let inside = 0;
const drop = document.querySelector("#drop");
addEventListener("dragenter", (event) => { event.preventDefault(); inside += 1; drop.hidden = false; });
addEventListener("dragleave", () => { inside -= 1; drop.hidden = inside > 0 ? false : true; });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  drop.hidden = true;
  take(event.dataTransfer.files);
});

function take(files) {
  for (const file of files) {
    const card = template.content.firstElementChild.cloneNode(true);
    number += 1;
    card.querySelector("h2").textContent = file.name;
    list.append(card);
    cards.set(number, { card, file });
    started().postMessage({ id: number, name: file.name, file });
  }
  tellSummary();
}

/** The worker; made anew after it has died. */
function started() {
  if (worker) return worker;
  worker = new Worker(new URL("./work.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => told(data);
  worker.onerror = (event) => {
    event.preventDefault();
    worker.terminate();
    worker = null;
    for (const [id, { done }] of cards) {
      if (!done) told({ id, refused: "The browser ended the work, probably for want of memory. Close other tabs and try this photo alone." });
    }
  };
  return worker;
}

function told({ id, stage, share, png, refused, width, height, colours, seconds }) {
  const held = cards.get(id);
  if (!held) return;
  const { card, file } = held;
  const status = card.querySelector(".status"), progress = card.querySelector("progress");
  if (stage) {
    status.textContent = `${stage}…`;
    progress.value = share;
    return;
  }
  held.done = true;
  progress.hidden = true;
  if (refused) {
    card.classList.add("refused");
    status.textContent = refused;
  } else {
    const url = URL.createObjectURL(png);
    const picture = card.querySelector("img"), save = card.querySelector(".save");
    picture.src = url;
    picture.alt = `${file.name}, restored`;
    picture.width = width;
    picture.height = height;
    picture.hidden = false;
    save.href = url;
    save.download = file.name.replace(/\.[^.]*$/, "") + ".png";
    save.hidden = false;
    status.textContent = `${width} × ${height} pixels, ${colours} colours, ${seconds.toFixed(1)} s`;
  }
  const remove = card.querySelector(".remove");
  remove.hidden = false;
  remove.setAttribute("aria-label", `Remove ${file.name}`);
  remove.addEventListener("click", () => {
    URL.revokeObjectURL(card.querySelector("img").src);
    cards.delete(id);
    card.remove();
    tellSummary();
    document.querySelector("#choose").focus();
  });
  tellSummary();
}

function tellSummary() {
  const all = [...cards.values()];
  const refused = all.filter(({ card }) => card.classList.contains("refused")).length;
  const restored = all.filter(({ done }) => done).length - refused;
  const parts = [`${restored} of ${all.length} restored`];
  if (refused) parts.push(`${refused} not usable`);
  summary.textContent = all.length ? parts.join(", ") : "";
  document.body.classList.toggle("busy", all.length > 0);
}

/** Ask for threads where the server does not allow them by itself; without, one core does the work. */
async function isolated() {
  document.querySelector("#threads").textContent = self.crossOriginIsolated
    ? `It works on ${Math.min(navigator.hardwareConcurrency || 1, 8)} processor cores.`
    : "It works on one processor core: the server does not allow more.";
  if (self.crossOriginIsolated || !navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register(new URL("./isolate.js", import.meta.url), { scope: "./" });
    await navigator.serviceWorker.ready;
  } catch {
    return;  // the page works without it
  }
  if (!sessionStorage.getItem("isolated") && !cards.size) {
    sessionStorage.setItem("isolated", "tried");
    location.reload();
  }
}
