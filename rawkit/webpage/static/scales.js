// From noisy colour to colour, scale by scale; see rawkit/colour/scales.py, which this follows step by step.
// An estimate holds chroma (linear RGB over luminance, three planes) and gain (luminance over the network's).
import { blurred, enlarged, inverse, times } from "./numbers.js";

export const LUMINANCE = [0.2126, 0.7152, 0.0722];
const EDGE = 3e-4, CHROMA = 0.2, GAIN = 0.5, TRUSTED = 2, DARKEST = 0.35, FOLLOWED = 0.25;
const ASTRAY = 0.55, ALONG = 0.9, DARKER = 0.2, BRIGHTER = 20, SMOOTHED_TWICE = 2.25, LEAST = 1e-6;

const clipped = (value, low, high) => Math.min(Math.max(value, low), high);

/** One weighted sum of three planes. */
export function mixed([first, second, third], planes) {
  const found = new Float32Array(planes[0].length);
  for (let n = 0; n < found.length; n++) {
    found[n] = planes[0][n] * first + planes[1][n] * second + planes[2][n] * third;
  }
  return found;
}

/** Carry the noise of a pixel over to the linear sRGB of a cell: variance of red, green, blue, luminance. */
export function colourNoise(matrix, gains, counts, shot, read) {
  const rows = [...matrix, ...times([LUMINANCE], matrix)];
  const squared = rows.map((row) => row.map((value, k) => value ** 2 / counts[k]));
  const ofCamera = squared.map((row) => row.map((value, k) => value * shot * gains[k]));
  return {
    matrix: [...times(ofCamera, inverse(matrix)), LUMINANCE],
    constant: squared.map((row) => row.reduce((sum, value, k) => sum + value * read * gains[k] ** 2, 0)),
  };
}

export const enlargedEstimate = (one, by) => ({
  chroma: one.chroma.map((plane) => enlarged(plane, one.rows, one.columns, by)),
  gain: enlarged(one.gain, one.rows, one.columns, by),
  rows: one.rows * by, columns: one.columns * by,
});

export function cutRows(one, top, bottom) {
  const cut = (plane) => plane.slice(top * one.columns, bottom * one.columns);
  return { chroma: one.chroma.map(cut), gain: cut(one.gain), rows: bottom - top, columns: one.columns };
}

/** Weight of an estimate whose differences have so much variance around them. */
function weight(beyond, noise, most) {
  const over = clipped(beyond - TRUSTED * noise, 0, most ** 2);
  return over / (over + noise + 1e-12);
}

/** Estimate where no guide is used; each pixel is the mean of so many cells. */
export function coarse(colour, luminance, [rows, columns], scale, noise, cells, above) {
  const smooth = (plane) => {
    const once = blurred(plane, rows, columns, scale.radius);
    return blurred(once, rows, columns, scale.radius);
  };
  const structure = smooth(luminance).map((value) => Math.max(value, LEAST));
  const samples = cells * SMOOTHED_TWICE * (2 * scale.radius + 1) ** 2;
  return refined(colour.map(smooth), structure, [rows, columns], scale, noise, samples, above, null);
}

/** Estimate with a guided filter (He, Sun and Tang, ECCV 2010): edges are the network's. */
export function guided(colour, luminance, [rows, columns], scale, noise, cells, above, brightness) {
  const { radius } = scale;
  const size = rows * columns;
  const box = (plane) => blurred(plane, rows, columns, radius);
  const guide = new Float32Array(size), square = new Float32Array(size);
  for (let n = 0; n < size; n++) {
    guide[n] = Math.max(luminance[n] * brightness, 0) ** (1 / 2.222);
    square[n] = guide[n] * guide[n];
  }
  const mean = box(guide), spread = box(square);
  for (let n = 0; n < size; n++) spread[n] += EDGE - mean[n] * mean[n];

  const follow = (plane) => {
    const average = box(plane), product = new Float32Array(size);
    for (let n = 0; n < size; n++) product[n] = plane[n] * guide[n];
    const slope = box(product);
    for (let n = 0; n < size; n++) {
      slope[n] = (slope[n] - average[n] * mean[n]) / spread[n];
      average[n] -= slope[n] * mean[n];
    }
    const followed = box(slope), base = box(average);
    for (let n = 0; n < size; n++) followed[n] = followed[n] * guide[n] + base[n];
    return followed;
  };

  const followed = colour.map(follow), trust = follow(luminance), structure = new Float32Array(size);
  for (let n = 0; n < size; n++) {
    structure[n] = Math.max(trust[n], luminance[n] * FOLLOWED, LEAST);
    trust[n] = clipped((trust[n] / Math.max(luminance[n], LEAST) - ASTRAY) / (ALONG - ASTRAY), 0, 1);
  }
  const samples = cells * SMOOTHED_TWICE * (2 * radius + 1) ** 2;
  return refined(followed, structure, [rows, columns], scale, noise, samples, above, trust);
}

/** Bring in each cell's own luminance, where there is so much light that it is detail. */
export function detailed(colour, luminance, [rows, columns], radius, noise, above) {
  const size = rows * columns;
  const box = (plane) => blurred(plane, rows, columns, radius);
  const ownNoise = mixed(noise.matrix[3], colour), own = mixed(LUMINANCE, colour);
  const difference = new Float32Array(size), square = new Float32Array(size);
  for (let n = 0; n < size; n++) {
    const expected = above.gain[n] * Math.max(luminance[n], LEAST);
    const level = Math.max(own[n], expected * DARKEST);
    ownNoise[n] = (Math.max(ownNoise[n], 0) + noise.constant[3]) / (level * level);
    difference[n] = clipped(own[n] / expected, DARKER, BRIGHTER) - 1;
    square[n] = difference[n] * difference[n];
  }
  const around = box(ownNoise), beyond = box(square), gain = new Float32Array(size);
  for (let n = 0; n < size; n++) {
    const trusted = weight(beyond[n], Math.max(ownNoise[n], around[n]), GAIN);
    gain[n] = above.gain[n] * (1 + difference[n] * trusted);
  }
  return { ...above, gain };
}

/** Bring in the estimate of one scale from smoothed colour and luminance. */
function refined(colour, structure, [rows, columns], scale, noise, samples, above, trust) {
  const size = rows * columns;
  const around = (plane, radius) => {
    const once = blurred(plane, rows, columns, radius);
    return scale.twice ? blurred(once, rows, columns, radius) : once;
  };
  const difference = new Float32Array(size), square = new Float32Array(size);
  const gainNoise = new Float32Array(size), chromaNoise = new Float32Array(size);
  const level = new Float32Array(size), gain = new Float32Array(size);
  const [red, green, blue] = colour, { matrix, constant } = noise;
  const noiseOf = (k, n) =>
    Math.max(matrix[k][0] * red[n] + matrix[k][1] * green[n] + matrix[k][2] * blue[n], 0) + constant[k];
  for (let n = 0; n < size; n++) {
    const own = LUMINANCE[0] * red[n] + LUMINANCE[1] * green[n] + LUMINANCE[2] * blue[n];
    gain[n] = above ? above.gain[n] : 1;
    const expected = gain[n] * structure[n];
    level[n] = Math.max(own, expected * DARKEST);
    const perLevel = 1 / samples / (level[n] * level[n]);
    chromaNoise[n] = Math.max(noiseOf(0, n), noiseOf(1, n), noiseOf(2, n)) * perLevel;
    gainNoise[n] = noiseOf(3, n) * perLevel;
    difference[n] = clipped(own / expected, DARKER, BRIGHTER) - 1;
    square[n] = difference[n] * difference[n];
  }
  const noisier = above && around(gainNoise, scale.aroundGain);
  const beyond = above && around(square, scale.aroundGain);
  for (let n = 0; n < size; n++) {
    const share = above
      ? weight(beyond[n], Math.max(gainNoise[n], noisier[n]), GAIN)
      : GAIN ** 2 / (GAIN ** 2 + gainNoise[n]);
    gain[n] *= 1 + difference[n] * share * (trust ? trust[n] : 1);
  }

  const chroma = colour.map((plane, k) => plane.map((value, n) =>
    clipped(value / level[n], -1, 8) - (above ? above.chroma[k][n] : 1)));
  const largest = square;  // no longer needed
  for (let n = 0; n < size; n++) {
    largest[n] = Math.max(chroma[0][n] ** 2, chroma[1][n] ** 2, chroma[2][n] ** 2);
  }
  const differing = above && around(largest, scale.aroundChroma);
  for (let n = 0; n < size; n++) {
    const share = (above
      ? weight(differing[n], chromaNoise[n], CHROMA)
      : CHROMA ** 2 / (CHROMA ** 2 + chromaNoise[n])) * (trust ? trust[n] : 1);
    let own = 0;
    for (let k = 0; k < 3; k++) {
      chroma[k][n] = chroma[k][n] * share + (above ? above.chroma[k][n] : 1);
      own += LUMINANCE[k] * chroma[k][n];
    }
    own = Math.max(own, 0.2);
    for (let k = 0; k < 3; k++) chroma[k][n] /= own;
  }
  return { chroma, gain, rows, columns };
}
