/* What an app does around a network that `rawkit export` wrote: levels, amplifier, colour, curve.
 *
 * Plain C99 and its mathematics, nothing else; MIT, as rawkit is. A Bayer mosaic goes in as the
 * sensor's integers, its visible area alone; `rk_input` makes what the network takes, `rk_encoded`,
 * `rk_linear` and `rk_to_8_bits` are for what it gives. A test compiles this file and compares each
 * function with rawkit: inputs of the network and 8-bit pictures bit for bit, the rest to 1e-5.
 * For that compile without contraction: cc -O2 -ffp-contract=off.
 *
 * Planes are in the order R, G1, B, G2: red, the green of red's rows, blue, the other green.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define BINS 127
#define TARGET_MEAN 0.01
#define LARGEST_ESTIMATE 300.0
#define MIDDLE 0.18         /* median luminance of a picture as bright as one expects */
#define CLIPPED 0.01        /* share of it that may be brighter than white */
#define LARGEST 2400.0      /* largest factor altogether */
#define DARKEST_TRAINED 0.02 /* median luminance that networks were trained on, after the factor */
#define BRIGHTEST_TRAINED 0.2
#define LEAST_LIGHT 1e-7
#define ALIGNED 8           /* cells along a side of a square of the overview */

typedef struct {
  const uint16_t *pixels; /* rows one after the other */
  int height, width;      /* of the visible area */
  int row, column;        /* of the first red pixel, each 0 or 1 */
  double black[4];        /* black level of each plane */
  double white;           /* level at which the sensor saturates */
} rk_mosaic;

/* Plane of a pixel: 0 R, 1 G1, 2 B, 3 G2. */
static int plane_at(const rk_mosaic *m, int y, int x) {
  int below = (y + m->row) & 1, right = (x + m->column) & 1;
  return below ? (right ? 2 : 3) : (right ? 1 : 0);
}

static float normalised(const rk_mosaic *m, int plane, uint16_t value) {
  float lifted = (float)value - (float)m->black[plane];
  return (lifted > 0.0f ? lifted : 0.0f) / (float)(m->white - m->black[plane]);
}

/* ---- Amplifier ---------------------------------------------------------------------------- */

/* The amplification that the network was trained with, for kind "auto" of the card: multiply by
 * the card's value. `gains` as for `rk_input`, or NULL. Between 1 and 300. */
double rk_estimate(const rk_mosaic *m, const double gains[4]) {
  float edges[BINS + 1];
  double weights[BINS], weight_sum = 0, signal_sum = 0;
  for (int i = 0; i <= BINS; i++) edges[i] = (float)((exp2(i * (8.0 / BINS)) - 1) / 255);
  for (int i = 0; i < BINS; i++) weights[i] = (float)pow(10, i * (-5.0 / (BINS - 1)));
  for (int y = 0; y < m->height; y++)
    for (int x = 0; x < m->width; x++) {
      int plane = plane_at(m, y, x), low = 0, high = BINS + 1;
      float value = normalised(m, plane, m->pixels[(size_t)y * m->width + x]);
      if (gains) value *= (float)gains[plane];
      while (low < high) { /* the first edge above the value */
        int middle = (low + high) / 2;
        if (edges[middle] <= value) low = middle + 1; else high = middle;
      }
      if (low > BINS) continue; /* beyond white: not dark */
      weight_sum += weights[low - 1];
      signal_sum += weights[low - 1] * value;
    }
  if (weight_sum == 0) return 1;
  if (signal_sum == 0) return LARGEST_ESTIMATE;
  double base = TARGET_MEAN * weight_sum / signal_sum;
  return base < 1 ? 1 : base > LARGEST_ESTIMATE ? LARGEST_ESTIMATE : base;
}

/* ---- Colour before the network ------------------------------------------------------------- */

/* What planes are multiplied by so that grey comes to the card's neutral (camera R, G, B).
 * `balance` holds the file's multipliers by plane. */
void rk_gains(const double neutral[3], const double balance[4], double gains[4]) {
  double green = (balance[1] + balance[3]) / 2;
  gains[0] = neutral[0] / (green / balance[0]);
  gains[1] = gains[3] = neutral[1];
  gains[2] = neutral[2] / (green / balance[2]);
}

/* ---- Input of the network ------------------------------------------------------------------ */

/* Which of `length` rows (or columns) a padded one copies: reflected without the edge. */
static int reflected(int position, int length) {
  int both = 2 * (length - 1);
  position %= both;
  if (position < 0) position += both;
  return position < length ? position : both - position;
}

/* Fill `input`, rows x columns, with a window of the padded mosaic whose red pixel is at (0, 0).
 *
 * `top` and `left` are even, from 0; what lies beyond the mosaic is reflected, so a window of the
 * network's size that is larger than the mosaic is filled, too. `gains` may be NULL: the planes
 * stay as the camera has them. Cut `m->row` rows and `m->column` columns off the picture again. */
void rk_input(const rk_mosaic *m, float factor, const double gains[4], int top, int left, int rows,
              int columns, float *input) {
  for (int y = 0; y < rows; y++) {
    int from = reflected(top + y - m->row, m->height);
    for (int x = 0; x < columns; x++) {
      int beside = reflected(left + x - m->column, m->width), plane = plane_at(m, from, beside);
      float by = gains ? (float)gains[plane] * factor : factor;
      uint16_t value = m->pixels[(size_t)from * m->width + beside];
      input[(size_t)y * columns + x] = normalised(m, plane, value) * by;
    }
  }
}

/* ---- The sensor's colours and how bright a picture is to be ---------------------------------- */

static double determinant(const double a[9]) {
  return a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) +
         a[2] * (a[3] * a[7] - a[4] * a[6]);
}

static void inverted(const double a[9], double out[9]) {
  double d = determinant(a);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      int r = (j + 1) % 3, s = (j + 2) % 3, t = (i + 1) % 3, u = (i + 2) % 3;
      out[3 * i + j] = (a[3 * r + t] * a[3 * s + u] - a[3 * r + u] * a[3 * s + t]) / d;
    }
}

/* Balanced camera colours to linear sRGB, row by row, from the file's XYZ-to-camera matrix (DNG
 * ColorMatrix). Rows sum to 1, so that grey stays grey. Returns 0 where it cannot be used. */
int rk_camera_matrix(const double xyz_to_camera[9], float matrix[9]) {
  static const double xyz_of_rgb[9] = {0.412453, 0.357580, 0.180423, 0.212671, 0.715160,
                                       0.072169, 0.019334, 0.119193, 0.950227};
  double camera[9], found[9];
  for (int i = 0; i < 3; i++) {
    double sum = 0;
    for (int j = 0; j < 3; j++) {
      camera[3 * i + j] = 0;
      for (int k = 0; k < 3; k++)
        camera[3 * i + j] += xyz_to_camera[3 * i + k] * xyz_of_rgb[3 * k + j];
      sum += camera[3 * i + j];
    }
    if (fabs(sum) < 1e-6) return 0;
    for (int j = 0; j < 3; j++) camera[3 * i + j] /= sum;
  }
  if (fabs(determinant(camera)) < 1e-6) return 0;
  inverted(camera, found);
  for (int i = 0; i < 3; i++) {
    double sum = found[3 * i] + found[3 * i + 1] + found[3 * i + 2];
    if (!(sum > 0)) return 0;
    for (int j = 0; j < 3; j++) {
      found[3 * i + j] /= sum;
      if (!(fabs(found[3 * i + j]) <= 8)) return 0;
      matrix[3 * i + j] = (float)found[3 * i + j];
    }
    if (found[4 * i] <= 0) return 0;
  }
  return fabs(determinant(found)) >= 1e-3;
}

static int squares_of(int pixels) { return (pixels / 2 + ALIGNED - 1) / ALIGNED; }

/* Linear sRGB of the squares of 8x8 cells of 2x2 pixels, not amplified; not cut off at black.
 * `balance`: multipliers of R, G, B, green 1. Returns how many squares; `light` holds 3 for each,
 * or is NULL to ask for their number. */
size_t rk_overview(const rk_mosaic *m, const double balance[3], const float matrix[9],
                   float *light) {
  int rows = squares_of(m->height), columns = squares_of(m->width);
  int cell_rows = m->height / 2, cell_columns = m->width / 2;
  double least = balance[0];
  for (int c = 1; c < 3; c++) least = balance[c] < least ? balance[c] : least;
  for (int i = 0; light && i < rows; i++)
    for (int j = 0; j < columns; j++) {
      double sums[3] = {0, 0, 0};
      float *target = light + 3 * ((size_t)i * columns + j);
      for (int n = 0; n < ALIGNED * ALIGNED; n++) {
        int y = i * ALIGNED + n / ALIGNED, x = j * ALIGNED + n % ALIGNED;
        y = y < cell_rows ? y : cell_rows - 1; /* beyond the last cell it repeats */
        x = x < cell_columns ? x : cell_columns - 1;
        for (int k = 0; k < 4; k++) {
          int row = 2 * y + k / 2, column = 2 * x + k % 2, plane = plane_at(m, row, column);
          double value = (double)m->pixels[(size_t)row * m->width + column] - m->black[plane];
          value /= m->white - m->black[plane];
          sums[plane == 0 ? 0 : plane == 2 ? 2 : 1] += plane & 1 ? value / 2 : value;
        }
      }
      for (int c = 0; c < 3; c++) {
        sums[c] *= balance[c] / (ALIGNED * ALIGNED);
        sums[c] = sums[c] < least ? sums[c] : least; /* what a plane cannot tell from white is white */
      }
      for (int c = 0; c < 3; c++)
        target[c] = (float)(matrix[3 * c] * sums[0] + matrix[3 * c + 1] * sums[1] +
                            matrix[3 * c + 2] * sums[2]);
    }
  return (size_t)rows * columns;
}

static float luminance_of(const float rgb[3]) {
  return 0.2126f * rgb[0] + 0.7152f * rgb[1] + 0.0722f * rgb[2];
}

static int ascending(const void *one, const void *two) {
  float a = *(const float *)one, b = *(const float *)two;
  return (a > b) - (a < b);
}

/* Quantile of ascending values, between neighbours in proportion. */
static double quantile(const float *sorted, size_t count, double share) {
  double place = share * (double)(count - 1);
  size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
  return sorted[below] + (place - (double)below) * ((double)sorted[above] - sorted[below]);
}

/* Median luminance and the brightness that only 1% exceeds, of an overview. 0 without memory. */
static int measured(const float *light, size_t count, double *median, double *top) {
  float *values = malloc(2 * count * sizeof *values);
  if (!values) return 0;
  float *brightest = values + count;
  for (size_t i = 0; i < count; i++) {
    const float *rgb = light + 3 * i;
    values[i] = luminance_of(rgb);
    brightest[i] = rgb[0] > rgb[1] ? rgb[0] : rgb[1];
    if (rgb[2] > brightest[i]) brightest[i] = rgb[2];
  }
  qsort(values, count, sizeof *values, ascending);
  qsort(brightest, count, sizeof *values, ascending);
  *median = quantile(values, count, 0.5);
  *top = quantile(brightest, count, 1 - CLIPPED);
  free(values);
  return 1;
}

/* The factor that makes a picture as bright as one expects; 0 without memory. */
double rk_automatic_factor(const float *light, size_t count) {
  double median, top;
  if (!measured(light, count, &median, &top)) return 0;
  double wanted = median > LEAST_LIGHT ? MIDDLE / median : LARGEST;
  double allowed = top > LEAST_LIGHT ? 1 / top : LARGEST;
  if (allowed < wanted) wanted = allowed;
  return wanted < LARGEST ? wanted : LARGEST;
}

/* What the network is fed for a picture amplified by `factor`; multiply the picture's linear light
 * by factor / fed after it. 0 without memory. */
double rk_fed(const float *light, size_t count, double factor) {
  double median, top, fed = factor;
  if (!measured(light, count, &median, &top)) return 0;
  if (median * factor > BRIGHTEST_TRAINED) fed = factor * BRIGHTEST_TRAINED / (median * factor);
  return fed < LARGEST ? fed : LARGEST;
}

/* ---- Curve ---------------------------------------------------------------------------------- */

#define OFFSET 0.09925780616014254 /* of the BT.709 curve, as LibRaw has it */
#define SLOPE 4.5
#define END 0.08122570062204791

/* Encoded value of linear light of 0 to 1. */
double rk_encoded(double linear) {
  return linear < END / SLOPE ? linear * SLOPE : (1 + OFFSET) * pow(linear, 1 / 2.222) - OFFSET;
}

/* Linear light of an encoded value of 0 to 1. */
double rk_linear(double encoded) {
  return encoded < END ? encoded / SLOPE : pow((encoded + OFFSET) / (1 + OFFSET), 2.222);
}

/* The network's picture, (3, height, width), as 8 bits, (height, width, 3). */
void rk_to_8_bits(const float *picture, int height, int width, uint8_t *pixels) {
  size_t count = (size_t)height * width;
  for (size_t i = 0; i < count; i++)
    for (int c = 0; c < 3; c++) {
      float value = picture[c * count + i];
      value = value > 0.0f ? value < 1.0f ? value : 1.0f : 0.0f;
      pixels[3 * i + c] = (uint8_t)(value * 255.0f + 0.5f);
    }
}
