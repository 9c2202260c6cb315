// From rows of encoded RGB to an upright PNG that says which curve it has.
import { encodedOf, linearOf } from "./curve.js";

const SQUARE_ENOUGH = 0.005;

/** Make pixels square where the sensor's are not, as LibRaw does: in linear light, the shorter side grows. */
export function squared(rowAt, { height, width, aspect }) {
  if (Math.abs(aspect - 1) <= SQUARE_ENOUGH) return { rowAt, height, width };
  const linear = remembering((y) => rowAt(y).map(linearOf));
  if (aspect > 1) {
    const wide = Math.floor(width * aspect + 0.5), place = placesOf(wide, 1 / aspect, width);
    const stretched = (y) => {
      const row = linear(y), found = new Float32Array(3 * wide);
      place.forEach(({ before, after, share }, x) => {
        for (let k = 0; k < 3; k++) {
          const one = row[3 * before + k];
          found[3 * x + k] = encodedOf((row[3 * after + k] - one) * share + one);
        }
      });
      return found;
    };
    return { rowAt: stretched, height, width: wide };
  }
  const high = Math.floor(height / aspect + 0.5), place = placesOf(high, aspect, height);
  const stretched = (y) => {
    const { before, after, share } = place[y];
    const other = linear(after);
    return linear(before).map((one, n) => encodedOf((other[n] - one) * share + one));
  };
  return { rowAt: stretched, height: high, width };
}

function placesOf(count, step, length) {
  const places = [];
  let at = 0;  // added up, not multiplied, as LibRaw rounds
  for (let n = 0; n < count; n++, at += step) {
    const before = Math.min(Math.floor(at), length - 1);
    places.push({ before, after: Math.min(before + 1, length - 1), share: Math.fround(at - before) });
  }
  return places;
}

/** Keep the two rows asked for last. */
function remembering(rowAt) {
  const kept = new Map();
  return (y) => {
    if (!kept.has(y)) {
      if (kept.size > 1) kept.delete(kept.keys().next().value);
      kept.set(y, rowAt(y));
    }
    return kept.get(y);
  };
}

/** Round to 8 bits and turn upright: `data` is RGB, row by row. */
export function upright({ rowAt, height, width }, orientation) {
  const across = orientation >= 5;
  const high = across ? width : height, wide = across ? height : width;
  const mirrored = [2, 3, 6, 7].includes(orientation), reversed = [3, 4, 7, 8].includes(orientation);
  const data = new Uint8Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    const row = rowAt(y);
    for (let x = 0; x < width; x++) {
      let [down, along] = across ? [x, y] : [y, x];
      if (mirrored) along = wide - 1 - along;
      if (reversed) down = high - 1 - down;
      const at = 3 * (down * wide + along);
      for (let k = 0; k < 3; k++) {
        data[at + k] = Math.min(Math.max(row[3 * x + k], 0), 1) * 255 + 0.5;
      }
    }
  }
  return { data, height: high, width: wide };
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let k = 0; k < 8; k++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function chunk(type, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length + 12), view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  bytes.set(new TextEncoder().encode(type), 4);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  let crc = 0xffffffff;
  for (let n = 4; n < at; n++) crc = CRC[(crc ^ bytes[n]) & 255] ^ (crc >>> 8);
  view.setUint32(at, ~crc);
  return bytes;
}

async function compressed(stream) {
  const packed = stream.pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

const BAND_ROWS = 64;

/** Write a PNG; `profile` is the ICC profile of the curve, named `profileName`. */
export async function pngOf({ data, height, width }, profile, profileName) {
  let top = 0;
  const bands = new ReadableStream({
    pull(controller) {
      if (top >= height) return controller.close();
      const rows = Math.min(BAND_ROWS, height - top), stride = 3 * width;
      const band = new Uint8Array(rows * (stride + 1));
      for (let row = 0; row < rows; row++, top++) {
        // Each pixel less the one to its left (filter 1): half the bytes.
        const at = row * (stride + 1) + 1, from = top * stride;
        band[at - 1] = 1;
        for (let n = 0; n < stride; n++) band[at + n] = data[from + n] - (n < 3 ? 0 : data[from + n - 3]);
      }
      return controller.enqueue(band);
    },
  });
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2], 8);  // bits, RGB
  const name = new TextEncoder().encode(`${profileName}\0\0`);
  return new Blob([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    chunk("IHDR", header),
    chunk("iCCP", name, await compressed(new Blob([profile]).stream())),
    chunk("IDAT", await compressed(bands)),
    chunk("IEND"),
  ], { type: "image/png" });
}
