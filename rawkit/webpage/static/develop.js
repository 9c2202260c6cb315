// How one mosaic becomes a picture: how bright, and whose colours. Follows rawkit/colour/development.py.
import { linearLight, overviewOf } from "./colour.js";
import { ascending, determinant, inverse, median, quantile, times } from "./numbers.js";
import { LUMINANCE, mixed } from "./scales.js";
import { amplificationOf, histogramsOf, noiseOf } from "./sensor.js";

const XYZ_OF_RGB = [
  [0.412453, 0.35758, 0.180423], [0.212671, 0.71516, 0.072169], [0.019334, 0.119193, 0.950227],
];
const IDENTITY = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
const MIDDLE = 0.18, CLIPPED = 0.01, MOST = 2400, LEAST_LIGHT = 1e-7, MEDIAN_FED = [0.02, 0.2];

/**
 * Decide what is done to a mosaic.
 *
 * Returns what the network is fed (`factor`, and `gains` of each plane), and for the sensor's colours also
 * `colour`, `brightness`, `viewed` and `squares`; `colour` is null for the network's own.
 */
export function develop(mosaic, about) {
  const { learned } = about;
  const histograms = histogramsOf(mosaic);
  const colours = mosaic.planes.map(({ colour }) => colour);
  const own = mosaic.balance && usable(mosaic.balance, colours);
  const estimate = (gains) => amplificationOf(histograms, mosaic, about.amplifier, gains);
  if (!own || !bySensor(mosaic, learned)) {
    const gains = own && gainsTo(learned.wanted, mosaic.balance, colours);
    return { factor: trainedFactor(about, estimate(null)), gains, colour: null };
  }
  const gains = gainsTo(learned.neutral, mosaic.balance, colours);
  const colour = { balance: own, matrix: matrixOf(mosaic.matrix), noise: noiseOf(mosaic) };
  const squares = overviewOf(mosaic);
  const light = linearLight(squares.planes, colour.balance.map(Math.fround), colour.matrix);
  const expected = automaticFactor(light);
  const factor = learned.published ? expected : trainedFactor(about, estimate(learned.wanted ? null : gains));
  const fed = fedFactor(light, factor);
  return { factor: fed, gains, colour, brightness: factor / fed, viewed: expected / fed, squares };
}

function bySensor({ camera }, { cameras, published }) {
  if (!cameras.length) return false;
  return published || !cameras.some((one) => one.toLowerCase() === (camera || "").toLowerCase());
}

function trainedFactor({ amplification }, base) {
  if (amplification.kind === "number") return amplification.value;
  return base * (amplification.kind === "auto" ? amplification.value : amplification.ratioToEstimate);
}

/** Multipliers of red, green and blue, green 1; null where they make no sense. */
function usable(multipliers, colours) {
  const [red, , blue] = neutralOf(multipliers, colours).map((one) => 1 / one);
  return [red, blue].every((one) => one >= 0.01 && one <= 100) ? [red, 1, blue] : null;
}

/** The colour of grey as the camera sees it. */
function neutralOf(multipliers, colours) {
  const mean = (wanted) => {
    const those = multipliers.filter((_, plane) => colours[plane] === wanted);
    return those.reduce((sum, one) => sum + one, 0) / those.length;
  };
  return [mean(1) / mean(0), 1, mean(1) / mean(2)];
}

/** What each plane is multiplied by so that grey has a neutral. */
function gainsTo(neutral, multipliers, colours) {
  if (!neutral) return null;
  const found = neutralOf(multipliers, colours);
  return colours.map((colour) => neutral[colour] / found[colour]);
}

/** The factor that makes the median luminance 0.18 with at most 1 % clipped. */
function automaticFactor(light) {
  const middle = median(mixed(LUMINANCE, light));
  const brightest = light[0].map((red, n) => Math.max(red, light[1][n], light[2][n]));
  const top = quantile(ascending(brightest), 1 - CLIPPED);
  const wanted = middle > LEAST_LIGHT ? MIDDLE / middle : MOST;
  return Math.min(wanted, top > LEAST_LIGHT ? 1 / top : MOST, MOST);
}

/** How bright a frame the network is fed: none brighter than it was trained on. */
function fedFactor(light, factor) {
  const middle = median(mixed(LUMINANCE, light)) * factor;
  return Math.min(middle > MEDIAN_FED[1] ? factor * MEDIAN_FED[1] / middle : factor, MOST);
}

/** From balanced camera colours to linear sRGB, rows adding up to 1; the identity where nobody knows. */
function matrixOf(xyzToCamera) {
  if (!xyzToCamera) return IDENTITY;
  const rows = times(xyzToCamera, XYZ_OF_RGB);
  const sums = rows.map((row) => row[0] + row[1] + row[2]);
  const camera = rows.map((row, k) => row.map((value) => value / sums[k]));
  if (sums.some((sum) => Math.abs(sum) < 1e-6) || !(Math.abs(determinant(camera)) >= 1e-6)) return IDENTITY;
  const found = inverse(camera);
  const scaled = found.map((row) => row.map((value) => value / (row[0] + row[1] + row[2])));
  const absurd = !scaled.flat().every(Number.isFinite)
    || found.some((row) => row[0] + row[1] + row[2] <= 0)
    || Math.max(...scaled.flat().map(Math.abs)) > 8
    || Math.abs(determinant(scaled)) < 1e-3 || scaled.some((row, k) => row[k] <= 0);
  return absurd ? IDENTITY : scaled;
}

/** Colour matrix of a camera whose balanced colours lead to linear sRGB by another; null if there is none. */
export function matrixToSrgb(matrix) {
  if (!matrix.flat().every(Number.isFinite) || Math.abs(determinant(matrix)) < 1e-6) return null;
  return times(inverse(matrix), inverse(XYZ_OF_RGB));
}
