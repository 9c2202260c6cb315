// Small things on arrays of numbers, as NumPy does them.

/** Value below which a share of ascending numbers lies, interpolated. */
export function quantile(sorted, share) {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

export const ascending = (values) => Float64Array.from(values).sort();
export const median = (values) => quantile(ascending(values), 0.5);

/** Product of matrices that are arrays of rows. */
export const times = (one, other) => one.map((row) =>
  other[0].map((_, column) => row.reduce((sum, value, k) => sum + value * other[k][column], 0)));

export function determinant([[a, b, c], [d, e, f], [g, h, i]]) {
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

/** Inverse of a 3x3 matrix. */
export function inverse(matrix) {
  const [[a, b, c], [d, e, f], [g, h, i]] = matrix;
  const whole = determinant(matrix);
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((value) => value / whole));
}

/** Which of `length` pixels stands in for one beyond the border; the border's own is repeated. */
export function mirrored(at, length) {
  const both = 2 * length;
  const place = ((at % both) + both) % both;
  return place < length ? place : both - 1 - place;
}

/** Mean over squares of (2 radius + 1) pixels of an image of rows x columns. */
export function blurred(values, rows, columns, radius) {
  const side = 2 * radius + 1;
  const across = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    let sum = 0;
    for (let k = -radius; k <= radius; k++) sum += values[from + mirrored(k, columns)];
    for (let column = 0; column < columns; column++) {
      across[from + column] = sum;
      const gone = column - radius, next = column + radius + 1;
      sum += values[from + (next < columns ? next : mirrored(next, columns))]
        - values[from + (gone >= 0 ? gone : mirrored(gone, columns))];
    }
  }
  const sums = new Float64Array(columns);
  for (let k = -radius; k <= radius; k++) {
    const from = mirrored(k, rows) * columns;
    for (let column = 0; column < columns; column++) sums[column] += across[from + column];
  }
  const found = new Float32Array(rows * columns);
  const scale = 1 / (side * side);
  for (let row = 0; row < rows; row++) {
    const at = row * columns;
    const gone = mirrored(row - radius, rows) * columns;
    const next = mirrored(row + radius + 1, rows) * columns;
    for (let column = 0; column < columns; column++) {
      found[at + column] = sums[column] * scale;
      sums[column] += across[next + column] - across[gone + column];
    }
  }
  return found;
}

/** Means over squares of so many pixels a side; both sides are multiples of it. */
export function reduced(values, rows, columns, times_) {
  const width = columns / times_, height = rows / times_;
  const found = new Float32Array(height * width);
  const sums = new Float64Array(width);
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    for (let y = 0; y < times_; y++) {
      const from = (row * times_ + y) * columns;
      for (let column = 0; column < columns; column++) {
        sums[(column / times_) | 0] += values[from + column];
      }
    }
    for (let column = 0; column < width; column++) {
      found[row * width + column] = sums[column] / (times_ * times_);
    }
  }
  return found;
}

/** For each place of an axis enlarged so many times: the pixel before it, after it, and the share of the latter. */
export function neighbours(length, times_, from = 0, to = length * times_) {
  const before = new Int32Array(to - from), after = new Int32Array(to - from);
  const share = new Float64Array(to - from);
  for (let place = from; place < to; place++) {
    const at = (place + 0.5) / times_ - 0.5;
    const floor = Math.floor(at);
    before[place - from] = Math.min(Math.max(floor, 0), length - 1);
    after[place - from] = Math.min(Math.max(floor + 1, 0), length - 1);
    share[place - from] = at - floor;
  }
  return { before, after, share };
}

/** Interpolate an image to so many times its rows and columns. */
export function enlarged(values, rows, columns, times_) {
  const down = neighbours(rows, times_), along = neighbours(columns, times_);
  const width = columns * times_;
  const found = new Float32Array(rows * times_ * width);
  for (let y = 0; y < rows * times_; y++) {
    const upper = down.before[y] * columns, lower = down.after[y] * columns, part = down.share[y];
    for (let x = 0; x < width; x++) {
      const left = along.before[x], right = along.after[x], share = along.share[x];
      const top = values[upper + left] + (values[upper + right] - values[upper + left]) * share;
      const bottom = values[lower + left] + (values[lower + right] - values[lower + left]) * share;
      found[y * width + x] = top + (bottom - top) * part;
    }
  }
  return found;
}
