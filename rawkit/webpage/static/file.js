// What can be told from a file's bytes before LibRaw reads them, and a file made up to ask LibRaw a question.

const PHONE = "Phones keep raw files (DNG) beside it if the camera app is told to.";
const text = (bytes, from, to) => new TextDecoder("latin1").decode(bytes.subarray(from, to));

/** Why a file that is no raw one is refused, in words; null for what LibRaw may know. */
export function refusedKind(bytes) {
  if (bytes.length === 0) return "The file is empty.";
  const start = text(bytes, 0, 16);
  if (start.startsWith("\xff\xd8\xff")) {
    return `This is a JPEG: the camera has developed it, and what the sensor saw in the dark is lost. ${PHONE}`;
  }
  if (start.startsWith("\x89PNG") || start.startsWith("GIF8") || start.slice(8, 12) === "WEBP") {
    return "This is a finished picture, not a raw file.";
  }
  if (/^....ftyp(heic|heix|mif1|avif)/s.test(start)) {
    return `This is a phone's finished picture (${start.slice(8, 12)}), not a raw file. ${PHONE}`;
  }
  if (/^....ftyp(?!crx)/s.test(start)) return "This is a video, not a raw photo.";
  return null;
}

/** Whether a file in TIFF's layout declares pixel data beyond its end. */
export function truncated(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const order = text(bytes, 0, 4);
  if (!["II*\0", "MM\0*"].includes(order)) return false;
  const little = order[0] === "I";
  const waiting = [view.getUint32(4, little)], seen = new Set();
  while (waiting.length && seen.size < 64) {
    const at = waiting.pop();
    if (!at || seen.has(at) || at + 2 > bytes.length) continue;
    seen.add(at);
    const found = directoryAt(view, at, little);
    waiting.push(found.next, ...(found.tags.get(330) || []));
    for (const [offsets, counts] of [[273, 279], [324, 325]]) {
      const starts = found.tags.get(offsets) || [], lengths = found.tags.get(counts) || [];
      if (starts.some((start, n) => lengths[n] && start + lengths[n] > bytes.length)) return true;
    }
  }
  return false;
}

/** Whole numbers of the tags of one directory, as far as they lie in the file. */
function directoryAt(view, at, little) {
  const tags = new Map(), count = view.getUint16(at, little);
  const sizes = { 3: 2, 4: 4, 13: 4 };
  for (let n = 0; n < count && at + 14 + 12 * n <= view.byteLength; n++) {
    const entry = at + 2 + 12 * n;
    const size = sizes[view.getUint16(entry + 2, little)], length = view.getUint32(entry + 4, little);
    if (!size) continue;
    const from = size * length <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
    const values = [];
    for (let k = 0; k < length && from + size * (k + 1) <= view.byteLength; k++) {
      values.push(size === 2 ? view.getUint16(from + 2 * k, little) : view.getUint32(from + 4 * k, little));
    }
    tags.set(view.getUint16(entry, little), values);
  }
  const end = at + 2 + 12 * count;
  return { tags, next: end + 4 <= view.byteLength ? view.getUint32(end, little) : 0 };
}

/** Maker and model as an old Canon file (CRW) has them. */
export function foundCamera(bytes) {
  if (text(bytes, 6, 14) !== "HEAPCCDR") return null;
  const match = /Canon\0(Canon [ -~]{3,40})\0/.exec(text(bytes, 0, bytes.length));
  return match && { make: "Canon", model: match[1] };
}

/** A DNG of a few grey pixels that says nothing but which camera it is from. */
export function madeUpDng({ make, model }) {
  const side = 64, pixels = new Uint16Array(side * side).map((_, n) => 100 + n % 50);
  const ascii = (words) => new TextEncoder().encode(`${words}\0`);
  const entries = [
    [254, 4, [0]], [256, 3, [side]], [257, 3, [side]], [258, 3, [16]], [259, 3, [1]], [262, 3, [32803]],
    [271, 2, ascii(make)], [272, 2, ascii(model)], [273, 4, [0]], [277, 3, [1]], [278, 3, [side]],
    [279, 4, [pixels.byteLength]], [33421, 3, [2, 2]], [33422, 1, [0, 1, 1, 2]], [50706, 1, [1, 4, 0, 0]],
  ];
  const spare = 10 + 12 * entries.length + 4;
  const start = (spare + ascii(make).length + ascii(model).length + 1) & ~1;
  entries.find(([tag]) => tag === 273)[2] = [start];
  const bytes = new Uint8Array(start + pixels.byteLength), view = new DataView(bytes.buffer);
  bytes.set([0x49, 0x49, 42, 0, 8, 0, 0, 0]);
  view.setUint16(8, entries.length, true);
  let free = spare;
  entries.forEach(([tag, type, values], n) => {
    const at = 10 + 12 * n;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, values.length, true);
    if (type === 4) view.setUint32(at + 8, values[0], true);
    else if (type === 3) values.forEach((value, k) => view.setUint16(at + 8 + 2 * k, value, true));
    else if (values.length <= 4) bytes.set(values, at + 8);
    else {
      view.setUint32(at + 8, free, true);
      bytes.set(values, free);
      free += values.length;
    }
  });
  bytes.set(new Uint8Array(pixels.buffer), start);
  return bytes;
}

/** What LibRaw says of a file. */
export async function asked(libraw, bytes) {
  await libraw.open(bytes);
  return libraw.metadata(true);
}
