// The tone curve of BT.709, in which pictures are encoded, and linear light.

export const POWER = 1 / 2.222;
const SLOPE = 4.5;

const [OFFSET, END] = (() => {
  const endOf = (b) => (b / ((1 + b) * (1 - POWER))) ** (1 / POWER);
  const gap = (b) => SLOPE * endOf(b) - ((1 + b) * endOf(b) ** POWER - b);
  let low = 1e-6, high = 1;
  for (let n = 0; n < 200; n++) {
    const middle = (low + high) / 2;
    if (gap(middle) * gap(high) <= 0) low = middle; else high = middle;
  }
  const b = (low + high) / 2;
  return [b, SLOPE * endOf(b)];
})();

export const linearOf = (encoded) =>
  encoded < END ? encoded / SLOPE : ((encoded + OFFSET) / (1 + OFFSET)) ** 2.222;
export const encodedOf = (linear) =>
  linear < END / SLOPE ? linear * SLOPE : (1 + OFFSET) * linear ** POWER - OFFSET;

export const CODES = 65536;
const table = (of) => Float32Array.from({ length: CODES }, (_, code) => of(code / (CODES - 1)));

/** Linear light of each code of luma. */
export const LINEAR = table(linearOf);
/** The same to the power of the curve, in which light is multiplied. */
export const POWERS = table((code) => linearOf(code) ** POWER);
/** Encoded value of each such power. */
export const ENCODED = table((power) => encodedOf(power ** 2.222));
