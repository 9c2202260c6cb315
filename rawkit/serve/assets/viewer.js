// One photo, large: the picture as the controls would make it, beside another; the full one on request.
import { slider } from "./slider.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const MOST_PIXELS = 900000;
const WAIT = 60;

function parameters(wanted) {
  const found = new URLSearchParams();
  for (const name of ["m", "stops", "exposure", "colour", "weights"]) {
    if (wanted[name] !== null && wanted[name] !== undefined && wanted[name] !== "") found.set(name, wanted[name]);
  }
  return found;
}

const same = (one, other) => ["m", "stops", "exposure", "colour", "weights"].every(
  (name) => (one[name] ?? null) === (other[name] ?? null));

export class Viewer {
  constructor({ at, photos, ask }) {
    Object.assign(this, { at, photos, ask, id: null, zoom: 0, centre: [0.5, 0.5], drawn: {}, timer: null });
    this.dialog = $("viewer");
    this.stage = $("look");
    if (!this.dialog) return;
    this.place = slider(this.stage, $("slide"));
    this.sides = { under: this.stage.querySelector(".under"), over: this.stage.querySelector(".over") };
    $("close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.closed());
    $("earlier").addEventListener("click", () => this.step(-1));
    $("later").addEventListener("click", () => this.step(1));
    $("against").addEventListener("change", () => this.draw());
    for (const button of document.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.enlarge(Number(button.dataset.zoom)));
    }
    $("controls").addEventListener("submit", (event) => { event.preventDefault(); this.make([this.photo()]); });
    $("all").addEventListener("click", () => this.make([...photos.values()].filter((one) => one.stage === "ready")));
    $("controls").addEventListener("input", (event) => this.changed(event));
    this.moved();
    window.addEventListener("resize", () => this.soon());
  }

  photo() { return this.photos.get(this.id); }

  open(id) {
    this.id = id;
    this.opener = document.activeElement;
    this.zoom = 0;
    this.centre = [0.5, 0.5];
    this.drawn = {};
    const photo = this.photo();
    const last = photo.pictures.at(-1);
    this.fill(last ? last.wanted : {});
    $("viewer-title").textContent = photo.name;
    if (!this.dialog.open) this.dialog.showModal();
    for (const image of Object.values(this.sides)) image.removeAttribute("src");
    if (photo.thumbnail) this.sides.under.src = photo.thumbnail;
    this.choices();
    this.news();
    this.draw();
  }

  closed() {
    if (this.request) this.request.abort();
    const card = this.opener;
    this.id = null;
    if (card && card.isConnected) card.focus();
  }

  step(by) {
    const ids = [...this.photos.values()].filter((one) => one.stage === "ready").map((one) => one.id);
    const at = ids.indexOf(this.id);
    const opener = this.opener;
    if (ids.length) this.open(ids[(at + by + ids.length) % ids.length]);
    this.opener = opener;
  }

  // The controls.

  fill(wanted) {
    const form = $("controls");
    form.elements.bright.value = wanted.exposure ? "exposure" : wanted.stops || wanted.m ? "stops" : "auto";
    $("stops").value = wanted.stops || 0;
    $("exposure").value = wanted.exposure || "";
    form.elements.colour.value = wanted.colour || "auto";
    if (wanted.weights) $("weights").value = wanted.weights;
    $("file-format").value = wanted.format ? `${wanted.format}/${wanted.bits}` : $("format").value;
    $("stops-said").textContent = words.stops(Number($("stops").value));
  }

  wanted() {
    const form = $("controls");
    const bright = form.elements.bright.value;
    const [format, bits] = $("file-format").value.split("/");
    const first = $("weights").options[0];
    return {
      m: null,
      stops: bright === "stops" && Number($("stops").value) ? Number($("stops").value) : null,
      exposure: bright === "exposure" ? $("exposure").value.trim() || null : null,
      colour: form.elements.colour.value,
      format, bits: Number(bits),
      weights: first && $("weights").value !== first.value ? $("weights").value : null,
    };
  }

  changed(event) {
    const form = $("controls");
    if (event.target.id === "stops") form.elements.bright.value = "stops";
    if (event.target.id === "exposure" && event.target.value) form.elements.bright.value = "exposure";
    $("stops-said").textContent = words.stops(Number($("stops").value));
    $("stops").setAttribute("aria-valuetext", words.stops(Number($("stops").value)));
    this.buttons();
    if (event.target.id !== "file-format") this.soon();
  }

  async make(photos) {
    const wanted = this.wanted();
    this.say("");
    for (const photo of photos) {
      try {
        await this.ask(`${this.at}/photos/${photo.id}/pictures`, {
          method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wanted),
        });
      } catch (error) {
        this.say(error.problem ? `${error.problem.title}. ${error.problem.text}` : "The server does not answer", true);
        return;
      }
    }
    if (photos.length > 1) this.say(`${photos.length} pictures will be made`);
  }

  say(text, bad = false) {
    $("made").textContent = text;
    $("made").classList.toggle("bad", bad);
  }

  // What the server has told anew.

  news() {
    if (!this.dialog || !this.dialog.open) return;
    const photo = this.photo();
    if (!photo) { this.dialog.close(); return; }
    this.buttons();
    this.choices();
    const key = this.key();
    if (this.drawn.key !== key) this.soon();
  }

  current() {
    const wanted = this.wanted();
    return [...this.photo().pictures].reverse().find(
      (one) => one.stage !== "failed" && same(one.wanted, wanted)
        && one.wanted.format === wanted.format && one.wanted.bits === wanted.bits);
  }

  finished() {
    const wanted = this.wanted();
    return [...this.photo().pictures].reverse().find((one) => one.stage === "done" && same(one.wanted, wanted));
  }

  buttons() {
    const found = this.current();
    const done = found && found.stage === "done";
    $("make").hidden = Boolean(done);
    $("make").disabled = Boolean(found && !done);
    $("save").hidden = !done;
    if (done) $("save").href = found.file;
    if (found && found.stage === "working") this.say(`Being made, ${Math.round(100 * found.share)} %`);
    else if (found && found.stage === "waiting") this.say(found.place ? `${found.place} before it` : "Comes next");
    else if (done) this.say(`Done, ${words.size(found.bytes)}`);
    else this.say("This is a preview. Make the picture to have it in full.");
    this.details(done ? found : null);
  }

  details(picture) {
    const about = this.photo().facts;
    const rows = [["Size", `${about.width} × ${about.height}`], ["Camera", about.camera || "unknown"],
      ["Taken", about.taken || "unknown"],
      ["Levels", `${[...new Set(about.black_level)].map((one) => Number(one.toFixed(1))).join(", ")} to ${Math.round(about.white_level)}`]];
    if (about.warning) rows.push(["Warning", about.warning]);
    if (about.note) rows.push(["Note", about.note]);
    if (picture && picture.made) {
      rows.push(["Brightened", `${Number(picture.made.amplification.toPrecision(3))} times`]);
      rows.push(["Colour", `${picture.made.colour}: ${picture.made.colour_why}`]);
      if (picture.warning) rows.push(["Warning", picture.warning]);
    }
    const text = JSON.stringify(rows);
    if (this.told === text) return;
    this.told = text;
    $("details").replaceChildren(...rows.flatMap(([name, value]) => {
      const [term, data] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      data.textContent = value;
      return [term, data];
    }));
  }

  choices() {
    const photo = this.photo();
    const list = [["plain", "Plain conversion"]];
    if (photo.truth) list.push(["truth", "The true picture"]);
    for (const other of this.photos.values()) {
      other.pictures.forEach((one, number) => {
        if (one.stage !== "done") return;
        const which = other.pictures.length > 1 ? `, ${words.brightness(one.wanted)}, ${number + 1}` : "";
        list.push([`${other.id}/${one.id}`, `${other.name}${which}`]);
      });
    }
    const text = JSON.stringify(list);
    if (this.listed === text) return;
    this.listed = text;
    const chosen = $("against").value || "plain";
    $("against").replaceChildren(...list.map(([value, name]) => new Option(name, value)));
    $("against").value = list.some(([value]) => value === chosen) ? chosen : "plain";
  }

  // What is drawn.

  box() {
    const { width, height } = this.photo().facts;
    const [wide, high] = [this.stage.clientWidth || 1, this.stage.clientHeight || 1];
    if (!this.zoom) return { left: 0, top: 0, right: 1, bottom: 1, pixels: this.pixels(wide, high, width / height) };
    const [w, h] = [Math.min(1, wide / (width * this.zoom)), Math.min(1, high / (height * this.zoom))];
    const clamp = (value, part) => Math.min(1 - part / 2, Math.max(part / 2, value));
    this.centre = [clamp(this.centre[0], w), clamp(this.centre[1], h)];
    const [x, y] = this.centre;
    const edge = (value) => Math.min(1, Math.max(0, value)).toFixed(5);
    return { left: edge(x - w / 2), top: edge(y - h / 2), right: edge(x + w / 2), bottom: edge(y + h / 2), pixels: MOST_PIXELS };
  }

  pixels(wide, high, aspect) {
    const [w, h] = wide / high > aspect ? [high * aspect, high] : [wide, wide / aspect];
    const dense = Math.min(2, window.devicePixelRatio || 1) ** 2;
    return Math.round(Math.min(MOST_PIXELS, Math.max(40000, w * h * dense)));
  }

  urls() {
    const box = this.box();
    const settings = parameters(this.wanted());
    const done = this.finished();
    const view = (photo, values) => {
      const found = new URLSearchParams({ ...box, ...values });
      if (values.side !== "picture") for (const [name, value] of settings) found.set(name, value);
      return `${this.at}/photos/${photo}/view?${found}`;
    };
    const [other, picture] = $("against").value.split("/");
    return {
      under: view(this.id, done ? { side: "picture", picture: done.id } : { side: "network" }),
      over: picture ? view(other, { side: "picture", picture }) : view(this.id, { side: other || "plain" }),
      left: $("against").selectedOptions[0]?.textContent ?? "Plain conversion",
      right: done ? "Restored" : "Preview",
    };
  }

  key() { const found = this.urls(); return `${found.under} ${found.over}`; }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), WAIT);
  }

  async draw() {
    if (!this.dialog.open || !this.photo()) return;
    const wanted = this.urls();
    const key = `${wanted.under} ${wanted.over}`;
    if (this.request) this.request.abort();
    const request = new AbortController();
    this.request = request;
    this.drawn.key = key;
    this.stage.classList.add("drawing");
    const begun = performance.now();
    try {
      // Before: a plain conversion is made as bright as what the network draws.
      await this.load("under", wanted.under, request);
      this.stage.querySelector(".tag.r").textContent = wanted.right;
      this.sides.under.alt = `${this.photo().name}, ${wanted.right.toLowerCase()}`;
      const seconds = (performance.now() - begun) / 1000;
      await this.load("over", wanted.over, request);
      this.stage.querySelector(".tag.l").textContent = wanted.left;
      this.sides.over.alt = `${this.photo().name}, ${wanted.left.toLowerCase()}`;
      this.stage.classList.add("split");
      this.place($("slide").valueAsNumber);
      $("drawn").textContent = `${wanted.right}, drawn in ${seconds.toFixed(1)} s`;
      this.stage.dataset.seconds = seconds.toFixed(3);
    } catch (error) {
      if (error.name === "AbortError") return;
      $("drawn").textContent = error.problem ? `${error.problem.title}. ${error.problem.text}` : "It cannot be drawn now";
    }
    if (this.request === request) this.stage.classList.remove("drawing");
  }

  async load(side, url, request) {
    const image = this.sides[side];
    if (this.drawn[side] === url) return;
    const answer = await fetch(url, { signal: request.signal });
    if (!answer.ok) {
      const { error } = await answer.json().catch(() => ({ error: null }));
      throw Object.assign(new Error("view"), { problem: error });
    }
    const blob = URL.createObjectURL(await answer.blob());
    const before = image.src;
    image.src = blob;
    await image.decode().catch(() => null);
    if (before.startsWith("blob:")) URL.revokeObjectURL(before);
    this.drawn[side] = url;
  }

  // Zoom and move.

  enlarge(zoom) {
    this.zoom = zoom;
    this.stage.classList.toggle("zoomed", zoom > 0);
    for (const button of document.querySelectorAll("[data-zoom]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.zoom) === zoom));
    }
    this.draw();
  }

  moved() {
    const move = (x, y) => {
      if (!this.zoom) return;
      const { width, height } = this.photo().facts;
      this.centre = [this.centre[0] + x / (width * this.zoom), this.centre[1] + y / (height * this.zoom)];
      this.box();
      this.soon();
    };
    let from = null;
    this.stage.addEventListener("pointerdown", (event) => {
      if (!this.zoom) return;
      from = [event.clientX, event.clientY];
      this.stage.setPointerCapture(event.pointerId);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (!from || !this.zoom) return;
      move(from[0] - event.clientX, from[1] - event.clientY);
      from = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, () => { from = null; });
    this.stage.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };
      if (steps[event.key] && this.zoom) move(...steps[event.key]);
      else if (event.key === "+" || event.key === "=") this.enlarge(Math.min(2, this.zoom + 1));
      else if (event.key === "-") this.enlarge(Math.max(0, this.zoom - 1));
      else if (event.key === "0") this.enlarge(0);
      else return;
      event.preventDefault();
    });
  }
}
