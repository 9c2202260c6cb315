// What one mosaic says of itself: how dark it is, how noisy, and which balance its greys need.
// Follows rawkit/sensor/amplifier.py and as_shot.py, and rawkit/colour/noise.py, step by step.
import { ascending, median, quantile } from "./numbers.js";

const { fround } = Math;

/** How often each level occurs in each plane of the mosaic. */
export function histogramsOf({ pixels, height, width, planes }) {
  const counts = planes.map(() => new Float64Array(65536));
  for (const { y, x, plane } of planes) {
    for (let row = y; row < height; row += 2) {
      for (let at = row * width + x; at < (row + 1) * width; at += 2) counts[plane][pixels[at]] += 1;
    }
  }
  return counts;
}

/** What a mosaic must be multiplied by: the estimate of "Restoring Extremely Dark Images in Real Time". */
export function amplificationOf(histograms, { black, white }, table, gains = null) {
  let weights = 0, signal = 0;
  histograms.forEach((counts, plane) => {
    const span = fround(white - black[plane]), gain = fround(gains ? gains[plane] : 1);
    let bin = 0;
    for (let level = 0; level < counts.length; level++) {
      const lifted = Math.max(fround(level - fround(black[plane])), 0);
      const x = fround(fround(lifted / span) * gain);
      while (bin < table.weights.length && x >= table.edges[bin + 1]) bin += 1;
      if (bin === table.weights.length) break;
      weights += counts[level] * table.weights[bin];
      signal += counts[level] * table.weights[bin] * x;
    }
  });
  if (weights === 0) return 1;
  if (signal === 0) return table.most;
  return Math.min(Math.max(table.target * weights / signal, 1), table.most);
}

const PATCH = 8, MOST_PATCHES = 20000, GROUPS = 24, CALM = 0.25, CALM_BIAS = 0.87, SATURATED = 0.95;

/** Variance of a pixel whose normalised signal is x: shot x + read. */
export function noiseOf(mosaic) {
  const floor = 1 / 12 / (mosaic.white - Math.max(...mosaic.black)) ** 2;
  const found = [1, 2, 0].flatMap((plane) => patchesOf(mosaic, mosaic.planes[plane]));
  const usable = found.filter(({ mean, variance }) => mean < SATURATED && Number.isFinite(variance));
  if (usable.length < 2 * GROUPS) return { shot: 0, read: floor };
  usable.sort((one, other) => one.mean - other.mean);
  const levels = [], calm = [];
  for (let group = 0, at = 0; group < GROUPS; group++) {
    const size = Math.floor(usable.length / GROUPS) + (group < usable.length % GROUPS ? 1 : 0);
    const part = usable.slice(at, at + size);
    at += size;
    const calmest = quantile(ascending(part.map((one) => one.variance)), CALM) / CALM_BIAS;
    levels.push(median(part.map((one) => one.mean)));
    calm.push(Math.max(calmest, floor));
  }
  return fitted(levels, calm, floor);
}

function patchesOf({ pixels, height, width, black, white }, { y, x, plane }) {
  const rows = Math.floor(Math.ceil((height - y) / 2) / PATCH);
  const columns = Math.floor(Math.ceil((width - x) / 2) / PATCH);
  const step = Math.max(1, Math.ceil(Math.sqrt(rows * columns * 3 / MOST_PATCHES)));
  const span = fround(white - black[plane]), found = [], line = new Float32Array(PATCH);
  for (let row = 0; row < rows; row += step) {
    for (let column = 0; column < columns; column += step) {
      let sum = 0, squares = 0;
      for (let down = 0; down < PATCH; down++) {
        const from = (y + 2 * (row * PATCH + down)) * width + x + 2 * column * PATCH;
        for (let n = 0; n < PATCH; n++) {
          line[n] = fround(pixels[from + 2 * n] - fround(black[plane])) / span;
          sum += line[n];
        }
        for (let n = 1; n < PATCH - 1; n++) squares += (line[n] - (line[n - 1] + line[n + 1]) / 2) ** 2;
      }
      found.push({ mean: sum / PATCH ** 2, variance: squares / (PATCH * (PATCH - 2)) / 1.5 });
    }
  }
  return found;
}

/** A line whose both parts are not below zero, each group by its relative error. */
function fitted(levels, variances, floor) {
  let aa = 0, ab = 0, bb = 0, a = 0, b = 0;
  levels.forEach((level, n) => {
    const weight = 1 / variances[n], signal = Math.max(level, 0) * weight;
    aa += signal * signal; ab += signal * weight; bb += weight * weight; a += signal; b += weight;
  });
  let shot = (a * bb - b * ab) / (aa * bb - ab * ab), read = (b * aa - a * ab) / (aa * bb - ab * ab);
  if (!(read >= floor)) {
    read = floor;
    shot = (a - floor * ab) / Math.max(aa, 1e-300);
  }
  return shot < 0 ? { shot: 0, read: Math.max(median(variances), floor) } : { shot, read };
}

const LOWEST = 0.5, HIGHEST = 8, ABSURD = 1e4, SAME = 1e-4, BARE_SENSOR = [2, 1, 1.5], NEARER = 0.95;
const GREY_SHARE = 0.25, DARK_SHARE = 0.3, LEAST_BLOCKS = 16, BRIGHTEST = 0.7, LEAST_SIGNAL = 2;

/**
 * Choose between the balance that the camera wrote and daylight: multipliers of R, G1, B and G2, or null
 * where nobody knows. The greys of the frame tell where the camera's is none.
 */
export function balanceOf(mosaic, asShot, daylight) {
  const camera = scaled(asShot), sun = scaled(daylight);
  const odd = camera && (allOnes(camera) || [0, 2].some((k) => camera[k] < LOWEST || camera[k] > HIGHEST));
  if (camera && !odd) return camera;
  const blocks = usableBlocks(mosaic);
  if (!sun || allOnes(sun)) {
    const values = camera || sun;
    const agree = values && blocks.length >= LEAST_BLOCKS
      && distanceOf(blocks, values) < NEARER * distanceOf(blocks, BARE_SENSOR);
    return agree ? values : null;
  }
  if (!camera || blocks.length < LEAST_BLOCKS) return sun;
  return distanceOf(blocks, camera) < NEARER * distanceOf(blocks, sun) ? camera : sun;
}

const allOnes = (one) => Math.max(Math.abs(one[0] - 1), Math.abs(one[2] - 1)) <= SAME;

function scaled(values) {
  if (!values) return null;
  const [red, green, blue, other] = values;
  if (![red, green, blue].every((one) => Number.isFinite(one) && one > 0)) return null;
  const found = [red / green, 1, blue / green, (other > 0 && Number.isFinite(other) ? other : green) / green];
  return Math.min(...found) > 1 / ABSURD && Math.max(...found) < ABSURD ? found : null;
}

/** Means of blocks of pixels, black subtracted, without those that saturate or are dark. */
function usableBlocks({ pixels, height, width, planes, black, white }) {
  const cells = Math.max(4, Math.floor(height / 128)), block = 2 * cells, used = Math.min(cells, 8);
  const found = [];
  for (let top = 0; top + block <= height; top += block) {
    for (let left = 0; left + block <= width; left += block) {
      const colours = [0, 0, 0];
      let fits = true;
      for (const { y, x, plane, colour } of planes) {
        let sum = 0;
        for (let row = 0; row < used; row++) {
          const from = (top + 2 * row + y) * width + left + x;
          for (let column = 0; column < cells; column++) sum += pixels[from + 2 * column];
        }
        const signal = sum / (used * cells) - black[plane];
        colours[colour] += colour === 1 ? signal / 2 : signal;
        fits &&= signal < BRIGHTEST * (white - black[plane]);
      }
      if (fits && colours.every((one) => one >= LEAST_SIGNAL)) found.push(colours);
    }
  }
  if (!found.length) return found;
  const least = quantile(ascending(found.map((one) => one[1])), DARK_SHARE);
  return found.filter((one) => one[1] >= least);
}

/** How far from neutral a balance leaves the greys among blocks. */
function distanceOf(blocks, balance) {
  const distances = ascending(blocks.map((means) => {
    const [red, green, blue] = means.map((value, k) => Math.log(value * balance[k]));
    return Math.hypot((red + blue) / 2 - green, (red - blue) / 2 / 4);
  }));
  return distances[Math.max(1, Math.floor(GREY_SHARE * distances.length)) - 1];
}
