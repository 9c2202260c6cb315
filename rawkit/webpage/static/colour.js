// The network's detail with the sensor's own colour; see rawkit/colour/anchor.py and cells.py.
import { CODES, ENCODED, LINEAR, POWER, POWERS } from "./curve.js";
import { neighbours, reduced } from "./numbers.js";
import {
  LUMINANCE, coarse, colourNoise, cutRows, detailed, enlargedEstimate, guided, mixed,
} from "./scales.js";

const SQUARE = 8;  // cells; grids are padded to it
const LARGEST = { radius: 11, aroundChroma: 0, aroundGain: 0, twice: true };
const LARGE = { radius: 4, aroundChroma: 6, aroundGain: 10, twice: true };
const SMALL = { radius: 6, aroundChroma: 9, aroundGain: 15 };
const SMALLEST = { radius: 4, aroundChroma: 6, aroundGain: 10 };
const DETAIL_RADIUS = 2;
const SLAB = 256;  // rows of cells worked on at a time
const SMALLEST_HALO = 24, SMALL_HALO = 80;
const COUNTS = [1, 2, 1];  // pixels of red, green and blue in a cell

const padded = (cells) => Math.ceil(cells / SQUARE) * SQUARE;

/** The grid of cells of a mosaic: whole ones, and padded to squares. */
export function gridOf({ height, width }) {
  const rows = Math.floor(height / 2), columns = Math.floor(width / 2);
  return { rows, columns, paddedRows: padded(rows), paddedColumns: padded(columns) };
}

/** Red, green and blue of rows of cells: (value - black) / (white - black), below 0 where noise is. */
export function cellsOf(mosaic, top, bottom) {
  const { rows, columns, paddedColumns } = gridOf(mosaic);
  const { pixels, width, planes, black, white } = mosaic;
  const planesOf = [0, 1, 2].map(() => new Float32Array((bottom - top) * paddedColumns));
  for (let row = top; row < bottom; row++) {
    const from = (row - top) * paddedColumns;
    const own = Math.min(row, rows - 1);
    for (const { y, x, plane, colour } of planes) {
      const target = planesOf[colour];
      const at = (2 * own + y) * width + x;
      const scale = Math.fround(1 / (white - black[plane]) / COUNTS[colour]);
      for (let column = 0; column < paddedColumns; column++) {
        target[from + column] += (pixels[at + 2 * Math.min(column, columns - 1)] - black[plane]) * scale;
      }
    }
  }
  return planesOf;
}

/** Means of squares of cells, for what concerns a picture as a whole. */
export function overviewOf(mosaic) {
  const { paddedRows, paddedColumns } = gridOf(mosaic);
  const rows = paddedRows / SQUARE, columns = paddedColumns / SQUARE;
  const squares = [0, 1, 2].map(() => new Float32Array(rows * columns));
  for (let row = 0; row < rows; row++) {
    cellsOf(mosaic, row * SQUARE, (row + 1) * SQUARE).forEach((plane, k) => {
      squares[k].set(reduced(plane, SQUARE, paddedColumns, SQUARE), row * columns);
    });
  }
  return { planes: squares, rows, columns };
}

/** Linear sRGB of camera colours, amplified; what any plane cannot tell from white is white. */
export function linearLight(planes, gains, matrix) {
  const most = Math.min(...gains);
  const camera = planes.map((plane, k) => plane.map((value) => Math.min(value * gains[k], most)));
  return matrix.map((row) => mixed(row, camera));
}

/**
 * What the luma of each pixel, to the power of the curve, is multiplied by for red, green and blue: three
 * planes of the padded grid of cells.
 *
 * `lumas` are those of the network's picture, `colour` the balance, matrix and noise, `factor` what the
 * network was fed, `brightness` what its light is multiplied by, `viewed` what takes it to that of a picture.
 */
export function ratiosOf(mosaic, lumas, colour, { factor, brightness, viewed }, squares, progress) {
  const { rows, columns, paddedRows, paddedColumns } = gridOf(mosaic);
  const gains = colour.balance.map((one) => Math.fround(one * factor));
  const noise = colourNoise(colour.matrix, gains, COUNTS, colour.noise.shot, colour.noise.read);
  const luminance = luminanceOf(mosaic, lumas);
  const large = largeOf(squares, luminance, gains, colour.matrix, noise, [paddedRows, paddedColumns]);
  const ratios = [0, 1, 2].map(() => new Float32Array(paddedRows * paddedColumns));
  for (let top = 0; top < paddedRows; top += SLAB) {
    const bottom = Math.min(top + SLAB, paddedRows);
    const first = Math.max(0, top - SMALL_HALO), last = Math.min(paddedRows, bottom + SMALL_HALO);
    const start = Math.max(first, top - SMALLEST_HALO), stop = Math.min(last, bottom + SMALLEST_HALO);
    const outer = [last - first, paddedColumns], inner = [stop - start, paddedColumns];
    const cut = (plane, from, to) => plane.subarray(from * paddedColumns, to * paddedColumns);

    const camera = linearLight(cellsOf(mosaic, first, last), gains, colour.matrix);
    const light = cut(luminance, first, last);
    const above = enlargedEstimate(cutRows(large, first / SQUARE, last / SQUARE), SQUARE / 2);
    const half = [outer[0] / 2, outer[1] / 2];
    const small = guided(
      camera.map((plane) => reduced(plane, ...outer, 2)), reduced(light, ...outer, 2), half,
      SMALL, noise, 4, above, viewed,
    );
    const smaller = cutRows(enlargedEstimate(small, 2), start - first, stop - first);
    const cells = camera.map((plane) => cut(plane, start - first, stop - first));
    const own = cut(luminance, start, stop);
    const fine = guided(cells, own, inner, SMALLEST, noise, 1, smaller, viewed);
    const found = detailed(cells, own, inner, DETAIL_RADIUS, noise, fine);
    for (let k = 0; k < 3; k++) {
      const from = (top - start) * paddedColumns, to = top * paddedColumns;
      for (let n = 0; n < (bottom - top) * paddedColumns; n++) {
        const ratio = found.chroma[k][from + n] * found.gain[from + n] * brightness;
        ratios[k][to + n] = Math.max(ratio, 0) ** POWER;
      }
    }
    progress(bottom / paddedRows);
  }
  return { planes: ratios, rows: paddedRows, columns: paddedColumns };
}

/** Luminance of cells of the padded grid. */
function luminanceOf({ height, width }, lumas) {
  const { rows, columns, paddedRows, paddedColumns } = gridOf({ height, width });
  const found = new Float32Array(paddedRows * paddedColumns);
  for (let row = 0; row < paddedRows; row++) {
    const at = 2 * Math.min(row, rows - 1) * width;
    for (let column = 0; column < paddedColumns; column++) {
      const place = at + 2 * Math.min(column, columns - 1);
      found[row * paddedColumns + column] = (LINEAR[lumas[place]] + LINEAR[lumas[place + 1]]
        + LINEAR[lumas[place + width]] + LINEAR[lumas[place + width + 1]]) / 4;
    }
  }
  return found;
}

/** Estimate squares of 8x8 cells. */
function largeOf(squares, luminance, gains, matrix, noise, [rows, columns]) {
  const size = [squares.rows, squares.columns];
  const colour = linearLight(squares.planes, gains, matrix);
  const light = reduced(luminance, rows, columns, SQUARE);
  const largest = coarse(colour, light, size, LARGEST, noise, SQUARE * SQUARE, null);
  return coarse(colour, light, size, LARGE, noise, SQUARE * SQUARE, largest);
}

/** Rows of a picture from its lumas and ratios: a function of the row that gives encoded RGB. */
export function anchoredRows({ height, width }, lumas, ratios) {
  const down = neighbours(ratios.rows, 2, 0, Math.max(height, 2 * ratios.rows));
  const along = neighbours(ratios.columns, 2, 0, Math.max(width, 2 * ratios.columns));
  return (y) => {
    const row = new Float32Array(3 * width);
    const upper = down.before[y] * ratios.columns, lower = down.after[y] * ratios.columns;
    const part = down.share[y];
    for (let x = 0; x < width; x++) {
      const light = POWERS[lumas[y * width + x]];
      const left = along.before[x], right = along.after[x], share = along.share[x];
      for (let k = 0; k < 3; k++) {
        const plane = ratios.planes[k];
        const top = plane[upper + left] + (plane[upper + right] - plane[upper + left]) * share;
        const bottom = plane[lower + left] + (plane[lower + right] - plane[lower + left]) * share;
        const code = Math.round((top + (bottom - top) * part) * light * (CODES - 1));
        row[3 * x + k] = ENCODED[Math.min(code, CODES - 1)];
      }
    }
    return row;
  };
}

/** Luma of encoded RGB, of 65535; what is not a number counts as black. */
export function lumaOf(red, green, blue) {
  const luma = LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue;
  return luma > 0 ? Math.min(Math.round(luma * (CODES - 1)), CODES - 1) : 0;
}
