// The work, beside the page: a file comes in as {id, name, file}, and what becomes of it goes out.
import { CODES } from "./curve.js";
import { anchoredRows, lumaOf, ratiosOf } from "./colour.js";
import { develop } from "./develop.js";
import { loadNetwork, restore } from "./network.js";
import { pngOf, squared, upright } from "./picture.js";
import { Unusable, decodeRaw } from "./raw.js";

const described = fetch(new URL("./network.json", import.meta.url)).then((answer_) => answer_.json());
let network = null;
let queue = Promise.resolve();

self.onmessage = ({ data }) => {
  queue = queue.then(() => answer(data));
};

async function answer({ id, name, file }) {
  const tell = (stage, share) => self.postMessage({ id, stage, share });
  const started = performance.now();
  try {
    const about = await described;
    tell("Reading", 0);
    const mosaic = await decodeRaw(new Uint8Array(await file.arrayBuffer()), name);
    tell("Loading the network", 0.1);
    network ||= await loadNetwork(about);
    const { picture, colours } = await pictureOf(mosaic, about, tell);
    tell("Writing", 0.95);
    const { bytes, name: profile } = about.profile;
    const png = await pngOf(picture, Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0)), profile);
    const { width, height } = picture;
    self.postMessage({
      id, png, width, height, colours, camera: mosaic.camera, seconds: (performance.now() - started) / 1000,
    });
  } catch (error) {
    self.postMessage({ id, refused: inWords(error) });
  }
}

/** The upright picture of a mosaic, 8 bits. */
async function pictureOf(mosaic, about, tell) {
  tell("Measuring light", 0.12);
  const plan = develop(mosaic, about);
  const { height, width } = mosaic;
  const codes = new Uint16Array(height * width * (plan.colour ? 1 : 3));
  const put = plan.colour ? lumasInto(codes, width) : coloursInto(codes, width);
  await restore(network, mosaic, plan, put, (share) => tell("Restoring", 0.15 + 0.5 * share));
  let rowAt;
  if (plan.colour) {
    const ratios = ratiosOf(mosaic, codes, plan.colour, plan, plan.squares, (share) => {
      tell("Bringing in the camera's colour", 0.65 + 0.25 * share);
    });
    rowAt = anchoredRows(mosaic, codes, ratios);
  } else {
    rowAt = (y) => Float32Array.from(codes.subarray(3 * y * width, 3 * (y + 1) * width), (one) => one / (CODES - 1));
  }
  tell("Turning it upright", 0.92);
  const picture = upright(squared(rowAt, mosaic), mosaic.orientation);
  return { picture, colours: plan.colour ? "the camera's" : "the network's" };
}

const lumasInto = (codes, width) => (top, left, rows, columns, at) => {
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      codes[(top + y) * width + left + x] = lumaOf(at(y, x, 0), at(y, x, 1), at(y, x, 2));
    }
  }
};

const coloursInto = (codes, width) => (top, left, rows, columns, at) => {
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let k = 0; k < 3; k++) {
        const value = Math.min(Math.max(at(y, x, k), 0), 1);
        codes[3 * ((top + y) * width + left + x) + k] = Math.round(value * (CODES - 1));
      }
    }
  }
};

function inWords(error) {
  if (error instanceof Unusable) return error.message;
  if (error instanceof RangeError || /memory|allocation|bad_alloc/i.test(error.message)) {
    return "The photo is too large for the memory that this browser gives a page. Close other tabs, or use "
      + "`rawkit restore`, which needs no more than it is told to take.";
  }
  return `Something went wrong (${error.message}).`;
}
