// From the bytes of a raw file to its mosaic, by LibRaw, with what LibRaw does not tell found out.
import LibRaw from "./libraw/index.js";
import { matrixToSrgb } from "./develop.js";
import { asked, foundCamera, madeUpDng, refusedKind, truncated } from "./file.js";
import { kodakJpeg } from "./kodak.js";
import { balanceOf } from "./sensor.js";

/** What a person should be told: the message is for them. */
export class Unusable extends Error {}

const WINDOW = 64;  // pixels; where black levels are looked for
const COLOURS = [0, 1, 2, 1];  // of packed planes R, G1, B, G2
const ORIENTATIONS = { 3: 3, 5: 8, 6: 6 };  // of LibRaw's turns; 1 is upright
const MOST_PIXELS_PER_BYTE = 32;
const UNDEVELOPED = {
  noInterpolation: true, noAutoScale: true, noAutoBright: true, outputColor: 0, outputBps: 16,
  gamm: [1, 1, 0, 0, 0, 0], userMul: [1, 1, 1, 1], useFujiRotate: 0, userFlip: 0, adjustMaximumThr: 0,
};

/**
 * Decode a file.
 *
 * Returns the visible mosaic: `pixels` (uint16, sensor units), `height`, `width`, `planes` (where in each cell
 * of 2x2 pixels a plane lies, and its colour), `black` of each plane, `white`, `balance` (of each plane, or
 * null), `matrix` (CIE XYZ to camera, or null), `camera`, `aspect` of a pixel, `orientation` as EXIF has it.
 */
export async function decodeRaw(bytes, name) {
  const kind = refusedKind(bytes);
  if (kind) throw new Unusable(kind);
  if (truncated(bytes)) {
    throw new Unusable("The file is cut off: it ends before its picture does. Copy it from the camera again.");
  }
  const libraw = new LibRaw();
  try {
    return await decoded(libraw, bytes, name);
  } catch (error) {
    if (error instanceof Unusable) throw error;
    throw new Unusable(`The file cannot be decoded (${error.message}). It may be damaged: copy it again.`);
  } finally {
    libraw.dispose();
  }
}

async function decoded(libraw, bytes, name) {
  // The buffer given to LibRaw is gone afterwards, and levels are right only once pixels are unpacked.
  await libraw.open(bytes.slice());
  const raw = await libraw.rawImageData();
  if (!raw || !raw.data) {
    throw new Unusable(`${name} is no raw file that LibRaw knows, or one without the sensor's own pixels.`);
  }
  const meta = await libraw.metadata(true);
  const { color_data: colour } = meta;
  const { width, height } = raw;
  if (width * height > MOST_PIXELS_PER_BYTE * bytes.length) {
    throw new Unusable("The file is cut off or damaged: it says it holds more pixels than it can.");
  }
  const planes = planesOf(meta);
  const pixels = visible(raw);
  if (pixels.every((value) => value === pixels[0])) {
    throw new Unusable("All pixels of the file are alike. It is probably cut off: copy it again.");
  }
  const black = await blackLevels(libraw, bytes, pixels, { width, height, planes }, colour.black);
  const mosaic = { pixels, width, height, planes, black, white: colour.maximum };
  if (!(mosaic.white > Math.max(...black))) {
    throw new Unusable("The file says that white is no brighter than black: it is damaged.");
  }
  const known = await knownCamera(libraw, bytes, meta);
  mosaic.pixels = await kodakJpeg(bytes, { width, height, model: known.camera }) || pixels;
  const balance = balanceOf(mosaic, colour.cam_mul, known.daylight);
  return {
    ...mosaic,
    balance: balance && planes.map(({ libraw: index }) => balance[index]),
    matrix: known.matrix,
    camera: known.camera,
    aspect: meta.pixel_aspect,
    orientation: ORIENTATIONS[meta.flip] || 1,
  };
}

/** Where the planes R, G1, B and G2 lie in the first cell of the visible area. */
function planesOf({ filters, colors, cdesc }) {
  const colourAt = (y, x) => (filters >>> ((((y << 1) & 14) + (x & 1)) << 1)) & 3;
  if (filters === 9) throw new Unusable("An X-Trans sensor: this page restores Bayer mosaics only.");
  if (!filters) throw new Unusable("The file is developed already: each of its pixels has all colours.");
  const cell = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([y, x]) => ({ y, x, libraw: colourAt(y, x) }));
  const repeats = [2, 4, 6].every((y) => cell.every((one) => colourAt(one.y + y, one.x) === one.libraw));
  const red = cell.find((one) => one.libraw === 0), blue = cell.find((one) => one.libraw === 2);
  if (colors !== 3 || cdesc !== "RGBG" || !repeats || !red || !blue || red.y === blue.y || red.x === blue.x) {
    throw new Unusable("The sensor has another pattern of colours than red, green, blue, green.");
  }
  const places = [red, { y: red.y, x: blue.x }, blue, { y: blue.y, x: red.x }];
  return places.map(({ y, x }, plane) => ({ y, x, plane, colour: COLOURS[plane], libraw: colourAt(y, x) }));
}

function visible({ data, raw_width: wide, top_margin: top, left_margin: left, width, height }) {
  const pixels = new Uint16Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (top + row) * wide + left;
    pixels.set(data.subarray(from, from + width), row * width);
  }
  return pixels;
}

/**
 * Black level of each plane. LibRaw's wrapper tells the common part alone, so a window is developed
 * without anything but the subtraction: what is missing afterwards is the level.
 */
async function blackLevels(libraw, bytes, pixels, mosaic, common) {
  const { width, height, planes } = mosaic;
  const window = brightWindow(pixels, mosaic);
  if (!window) return planes.map(() => common);
  const { top, left } = window;
  const cropbox = [left, top, WINDOW, WINDOW];
  await libraw.open(bytes.slice(), { ...UNDEVELOPED, cropbox });
  const picture = await libraw.imageData();
  if (!picture || picture.width !== WINDOW || picture.height !== WINDOW || picture.bits !== 16) {
    return planes.map(() => common);
  }
  return planes.map(({ y, x }) => {
    for (let row = y; row < WINDOW && top + row < height; row += 2) {
      for (let column = x; column < WINDOW && left + column < width; column += 2) {
        const at = 3 * (row * WINDOW + column);
        const left_ = picture.data[at] + picture.data[at + 1] + picture.data[at + 2];
        if (left_ > 0) return pixels[(top + row) * width + left + column] - left_;
      }
    }
    return common;
  });
}

/** The window of the mosaic whose darkest plane has the brightest pixel. */
function brightWindow(pixels, { width, height, planes }) {
  let best = null;
  for (let top = 0; top + WINDOW <= height; top += WINDOW) {
    for (let left = 0; left + WINDOW <= width; left += WINDOW) {
      let least = Infinity;
      for (const { y, x } of planes) {
        let most = 0;
        for (let row = top + y; row < top + WINDOW; row += 2) {
          for (let column = left + x; column < left + WINDOW; column += 2) {
            most = Math.max(most, pixels[row * width + column]);
          }
        }
        least = Math.min(least, most);
      }
      if (!best || least > best.least) best = { top, left, least };
    }
  }
  return best;
}

/** Model, daylight balance and colour matrix of the camera, which LibRaw may not have recognised. */
async function knownCamera(libraw, bytes, meta) {
  const own = { camera: meta.camera_model, daylight: meta.color_data.pre_mul, matrix: matrixIn(meta) };
  const camera = own.matrix ? null : foundCamera(bytes);
  if (!camera || camera.model === own.camera) return own;
  // Old files hide the camera's name; asked about it by a file that holds nothing else, LibRaw knows.
  const { color_data: colour } = await asked(libraw, madeUpDng(camera));
  const matrix = matrixIn({ color_data: colour });
  return matrix ? { camera: camera.model, daylight: colour.pre_mul, matrix } : own;
}

/** CIE XYZ to camera: the file's, LibRaw's of its table, or the one it renders with. */
function matrixIn({ color_data: { cmatrix, cam_xyz: table, rgb_cam: rendered } }) {
  const square = (matrix) => matrix.slice(0, 3).map((row) => row.slice(0, 3));
  const three = (matrix) => matrix.every((row) => !row[3]);
  if (cmatrix.flat().every(Number.isFinite) && cmatrix[0][0] > 0.125 && three(cmatrix)) {
    return matrixToSrgb(square(cmatrix));
  }
  if (table.flat().some(Boolean)) return table[3].some(Boolean) ? null : square(table);
  const unknown = rendered.every((row, y) => row.every((value, x) => Math.abs(value - (x === y)) < 0.01));
  return unknown || !three(rendered) ? null : matrixToSrgb(square(rendered));
}
