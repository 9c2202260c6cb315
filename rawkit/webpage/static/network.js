// The network, stage by stage and tile by tile; see rawkit/models/inference.py, tiles.py and amplified.py.
import * as ort from "./onnxruntime/ort.wasm.min.mjs";

const { fround } = Math;

/** Load the stages; `about` is network.json. */
export async function loadNetwork(about) {
  ort.env.wasm.wasmPaths = new URL("./onnxruntime/", import.meta.url).href;
  // Threads share memory, which browsers allow on isolated pages alone.
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, 8) : 1;
  const stages = {};
  for (const name of about.stages) {
    const url = new URL(`./${name}.onnx`, import.meta.url).href;
    stages[name] = await ort.InferenceSession.create(url, { executionProviders: ["wasm"] });
  }
  return { stages, about };
}

async function run(session, inputs) {
  const given = {};
  for (const [name, { values, shape }] of Object.entries(inputs)) {
    given[name] = new ort.Tensor("float32", values, shape);
  }
  const found = (await session.run(given))[session.outputNames[0]];
  return { values: found.data, shape: [...found.dims] };
}

/**
 * Restore a mosaic: `put(row, column, rows, columns, planes)` is told of each piece of the picture as it comes,
 * `planes` being a function of row, column and colour.
 */
export async function restore({ stages, about }, mosaic, { factor, gains }, put, progress) {
  const source = amplified(mosaic, factor, gains, about.multiple);
  const cell = about.renderMultiple;
  const rows = spans(source.height, about.renderTile, about.renderHalo, cell);
  const columns = spans(source.width, about.renderTile, about.renderHalo, cell);
  const features = stages.look_far ? await featuresOf(stages, about, source) : null;
  let done = 0;
  for (const row of rows) {
    for (const column of columns) {
      const mosaicPart = source.window(row.start, row.stop, column.start, column.stop);
      const inputs = { mosaic: mosaicPart };
      if (features) {
        inputs.features = cut(features, [row.start, row.stop, column.start, column.stop].map((n) => n / cell));
      }
      const { values, shape } = await run(stages.render, inputs);
      putVisible(values, shape, row, column, source, put);
      done += 1;
      progress(done / (rows.length * columns.length));
    }
  }
}

/** What of a tile is its own, and no padding. */
function putVisible(values, [, , height, width], row, column, source, put) {
  const top = Math.max(row.first, source.top), bottom = Math.min(row.last, source.top + source.visible.height);
  const left = Math.max(column.first, source.left);
  const right = Math.min(column.last, source.left + source.visible.width);
  if (top >= bottom || left >= right) return;
  const from = (top - row.start) * width + left - column.start;
  put(top - source.top, left - source.left, bottom - top, right - left,
    (y, x, colour) => values[colour * height * width + from + y * width + x]);
}

/** What sees far: squeezed strip by strip, then looked at as a whole. */
async function featuresOf(stages, about, source) {
  const cell = about.multiple;
  const width = source.width / cell, height = source.height / cell;
  let squeezed = null;
  for (const strip of spans(source.height, about.stripRows, about.squeezeHalo, cell)) {
    const part = await run(stages.squeeze, { mosaic: source.window(strip.start, strip.stop, 0, source.width) });
    const [, channels, rows] = part.shape;
    squeezed ||= { values: new Float32Array(channels * height * width), shape: [1, channels, height, width] };
    const first = (strip.first - strip.start) / cell, last = (strip.last - strip.start) / cell;
    for (let channel = 0; channel < channels; channel++) {
      const kept = part.values.subarray((channel * rows + first) * width, (channel * rows + last) * width);
      squeezed.values.set(kept, (channel * height + strip.first / cell) * width);
    }
  }
  return run(stages.look_far, { squeezed });
}

function cut({ values, shape: [, channels, rows, columns] }, [top, bottom, left, right]) {
  const height = bottom - top, width = right - left;
  const found = new Float32Array(channels * height * width);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * rows + top + row) * columns + left;
      found.set(values.subarray(from, from + width), (channel * height + row) * width);
    }
  }
  return { values: found, shape: [1, channels, height, width] };
}

/** One axis cut into tiles of one size that overlap by a halo each way. */
export function spans(length, tile, halo, multiple) {
  const inside = length - 2 * halo;
  if (inside <= tile) return [{ start: 0, stop: length, first: 0, last: length }];
  const count = Math.ceil(inside / tile);
  const size = Math.ceil(inside / (count * multiple)) * multiple + 2 * halo;
  const starts = Array.from({ length: count }, (_, n) =>
    Math.floor(n * (length - size) / ((count - 1) * multiple)) * multiple);
  const firsts = [0, ...starts.slice(1).map((start) => start + halo), length];
  return starts.map((start, n) => ({ start, stop: start + size, first: firsts[n], last: firsts[n + 1] }));
}

/** A mosaic as the network reads it: red at (0, 0), padded, normalised and amplified window by window. */
function amplified({ pixels, height, width, planes, black, white }, factor, gains, multiple) {
  const [red] = planes;
  const top = red.y, left = red.x;  // rows and columns added before the first red pixel
  const size = (before, length) => Math.ceil((before + length) / multiple) * multiple;
  const levels = planes.map(({ plane }) => ({
    black: fround(black[plane]),
    span: fround(white - black[plane]),
    factor: gains ? fround(fround(gains[plane]) * fround(factor)) : fround(factor),
  }));
  const planeAt = [[0, 1], [3, 2]];  // of the canonical cell
  const window = (first, last, begin, end) => {
    const values = new Float32Array((last - first) * (end - begin));
    const columns = Int32Array.from({ length: end - begin }, (_, n) => reflected(begin + n - left, width));
    for (let row = first, at = 0; row < last; row++) {
      const from = reflected(row - top, height) * width;
      for (let column = begin; column < end; column++, at++) {
        const level = levels[planeAt[row & 1][column & 1]];
        const lifted = Math.max(fround(pixels[from + columns[column - begin]] - level.black), 0);
        values[at] = fround(lifted / level.span) * level.factor;
      }
    }
    return { values, shape: [1, 1, last - first, end - begin] };
  };
  return { height: size(top, height), width: size(left, width), top, left, visible: { height, width }, window };
}

/** Which pixel stands in for one beyond the border, which keeps the colour: the border's own is not repeated. */
function reflected(at, length) {
  const both = 2 * (length - 1);
  const place = ((at % both) + both) % both;
  return place < length ? place : both - place;
}
