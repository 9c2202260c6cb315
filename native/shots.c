/* Shorts made of longs: electrons by Poisson's law, read noise by Tukey's, rows, columns, rounding.
 *
 * Every pixel has two random numbers of Philox4x32-7 (Salmon et al., Parallel random numbers: as
 * easy as 1, 2, 3, SC 2011), counted by place, so nothing depends on what was made before. Single
 * precision in one order of operations: `rawkit/noise/shots.py` does the same with numpy. */
#include "native.h"

enum {
    HALF = 64,
    BLOCK = 2 * HALF, /* pixels at a time: their numbers stay in registers and the nearest cache */
    ROUNDS = 7,
    TERMS = 12,
    MOST = 96 /* electrons beyond which nothing of a mean below FEW is left */
};
static const float FEW = 8.0f; /* from this mean on the expansion of Cornish and Fisher misses no
                                  probability by more than 4e-4 */

/* A plane's numbers, in the order in which Python gives them. */
typedef struct {
    float black, light; /* what is subtracted, and electrons for each unit above it */
    float gain, scale, shape, offset, step, white;
    float side[TERMS]; /* of ((1 - p)^shape - 1) / shape in p - 1/4, from the lowest on */
} Plane;
enum { NUMBERS = sizeof(Plane) / sizeof(float) };

typedef struct {
    uint32_t key[2], sample[2];
} Words;

/* A round of Philox on numbers that lie in the lower halves of 64 bits; upper halves may hold
 * anything, since a product of 32 bits by 32 ignores them. `times` and `shifted` are the processor's. */
#define PHILOX_ROUND(times, shifted, mixed)                                                        \
    first = times(a, m), second = times(c, n);                                                     \
    a = mixed(mixed(shifted(second, 32), b), k), b = second;                                       \
    c = mixed(mixed(shifted(first, 32), d), l), d = first;

/* HALF counters, `lanes` at a time. */
#define DRAW(NAME, HOW, TYPE, lanes, all, times, shifted, mixed, added, load, store)               \
    HOW static void NAME(uint64_t (*restrict out)[HALF], uint32_t from, uint32_t row,              \
                         const Words *words)                                                       \
    {                                                                                              \
        const TYPE m = all(0xD2511F53), n = all(0xCD9E8D57);                                       \
        for (int j = 0; j < HALF; j += lanes) {                                                    \
            TYPE a = added(all(from + (uint32_t)j), load(COUNTS)), b = all(row);                   \
            TYPE c = all(words->sample[0]), d = all(words->sample[1]), first, second;              \
            uint32_t up = words->key[0], down = words->key[1];                                     \
            for (int round = 0; round < ROUNDS; round++) {                                         \
                const TYPE k = all(up), l = all(down);                                             \
                PHILOX_ROUND(times, shifted, mixed)                                                \
                up += 0x9E3779B9u;                                                                 \
                down += 0xBB67AE85u;                                                               \
            }                                                                                      \
            store(out[0] + j, a);                                                                  \
            store(out[1] + j, b);                                                                  \
            store(out[2] + j, c);                                                                  \
            store(out[3] + j, d);                                                                  \
        }                                                                                          \
    }

#ifdef RAWKIT_SSE2
static const uint64_t COUNTS[8] = {0, 1, 2, 3, 4, 5, 6, 7};
#define ALL_2(x) _mm_set1_epi64x((int64_t)(uint64_t)(x))
#define LOAD_2(from) _mm_loadu_si128((const __m128i *)(from))
#define STORE_2(to, x) _mm_storeu_si128((__m128i *)(to), x)
DRAW(draw_base, , __m128i, 2, ALL_2, _mm_mul_epu32, _mm_srli_epi64, _mm_xor_si128, _mm_add_epi64,
     LOAD_2, STORE_2)
#else
static const uint64_t COUNTS = 0;
#define ALL_1(x) ((uint64_t)(x))
#define TIMES_1(x, y) ((uint64_t)(uint32_t)(x) * (uint32_t)(y))
#define SHIFTED_1(x, by) ((x) >> (by))
#define MIXED_1(x, y) ((x) ^ (y))
#define ADDED_1(x, y) ((x) + (y))
#define LOAD_1(from) (from)
#define STORE_1(to, x) (*(to) = (x))
DRAW(draw_base, , uint64_t, 1, ALL_1, TIMES_1, SHIFTED_1, MIXED_1, ADDED_1, LOAD_1, STORE_1)
#endif
#ifdef RAWKIT_AVX2
#define ALL_4(x) _mm256_set1_epi64x((int64_t)(uint64_t)(x))
#define LOAD_4(from) _mm256_loadu_si256((const __m256i *)(from))
#define STORE_4(to, x) _mm256_storeu_si256((__m256i *)(to), x)
DRAW(draw_avx2, AVX2, __m256i, 4, ALL_4, _mm256_mul_epu32, _mm256_srli_epi64, _mm256_xor_si256,
     _mm256_add_epi64, LOAD_4, STORE_4)
#endif
#ifdef RAWKIT_AVX512
#define ALL_8(x) _mm512_set1_epi64((int64_t)(uint64_t)(x))
#define LOAD_8(from) _mm512_loadu_si512(from)
#define STORE_8(to, x) _mm512_storeu_si512(to, x)
DRAW(draw_avx512, AVX512, __m512i, 8, ALL_8, _mm512_mul_epu32, _mm512_srli_epi64, _mm512_xor_si512,
     _mm512_add_epi64, LOAD_8, STORE_8)
#endif

static void draw(uint64_t (*restrict out)[HALF], uint32_t from, uint32_t row, const Words *words)
{
#ifdef RAWKIT_AVX512
    if (has_avx512()) {
        draw_avx512(out, from, row, words);
        return;
    }
#endif
#ifdef RAWKIT_AVX2
    if (has_avx2()) {
        draw_avx2(out, from, row, words);
        return;
    }
#endif
    draw_base(out, from, row, words);
}

typedef union {
    float number;
    uint32_t bits;
} Bits;

/* Logarithm to base 2 of a positive number, to 2e-7. */
INLINED float log_2(float x)
{
    Bits of = {.number = x};
    uint32_t shifted = of.bits - 0x3F3504F3u; /* mantissas from the root of a half on */
    int32_t exponent = (int32_t)shifted >> 23;
    Bits mantissa = {.bits = (shifted & 0x7FFFFFu) + 0x3F3504F3u};
    float f = mantissa.number - 1.0f, s = f / (2.0f + f), q = s * s;
    float sum = 1.0f + q * (0.33333334f + q * (0.2f + q * (0.14285715f + q * 0.11111111f)));
    return (float)exponent + 2.8853900f * (s * sum);
}

/* Power of 2, of -120 to 120, to 2e-7. */
INLINED float exp_2(float x)
{
    int32_t whole = (int32_t)(x + 1024.5f) - 1024;
    float f = x - (float)whole;
    float sum = 0.0013333558f + f * (0.00015403530f + f * 0.000015252734f);
    sum = 1.0f + f * (0.69314718f + f * (0.24022651f + f * (0.055504109f + f * (0.0096181291f + f * sum))));
    Bits scale = {.bits = (uint32_t)(whole + 127) << 23};
    return sum * scale.number;
}

/* Quantile of the normal distribution at 0 < u < 1; M. Giles, Approximating the erfinv function. */
INLINED float normal(float u)
{
    float x = 2.0f * u - 1.0f;
    float w = -0.69314718f * log_2(4.0f * (u * (1.0f - u)));
    float near = w - 2.5f, far = __builtin_sqrtf(w < 0.0f ? 0.0f : w) - 3.0f;
    float a = 3.43273939e-07f + near * 2.81022636e-08f;
    a = -4.39150654e-06f + near * (-3.5233877e-06f + near * a);
    a = -0.00125372503f + near * (0.00021858087f + near * a);
    a = 1.50140941f + near * (0.246640727f + near * (-0.00417768164f + near * a));
    float b = 0.000100950558f + far * -0.000200214257f;
    b = -0.00367342844f + far * (0.00134934322f + far * b);
    b = -0.0076224613f + far * (0.00573950773f + far * b);
    b = 2.83297682f + far * (1.00167406f + far * (0.00943887047f + far * b));
    return 1.41421356f * ((w < 5.0f ? a : b) * x);
}

/* Electrons of a mean below FEW: where the uniform number lies among the sums of probabilities. */
INLINED void count_few(float *restrict electrons, const float *restrict mean,
                       const float *restrict uniform)
{
    float lambda[BLOCK], chance[BLOCK], sum[BLOCK];
    for (int j = 0; j < BLOCK; j++) {
        lambda[j] = mean[j] < FEW ? mean[j] : 0.0f;
        sum[j] = chance[j] = exp_2(-1.4426950f * lambda[j]);
        electrons[j] = 0.0f;
    }
    for (int k = 1; k <= MOST; k++) {
        const float part = 1.0f / (float)k;
        int more = 0;
        for (int j = 0; j < BLOCK; j++) {
            int above = uniform[j] >= sum[j];
            electrons[j] += above ? 1.0f : 0.0f;
            chance[j] = chance[j] * lambda[j] * part;
            sum[j] += chance[j];
            more |= above;
        }
        if (!more)
            return;
    }
}

/* Electrons of larger means: cumulants to the fourth, less the twelfth that rounding adds. */
INLINED void count_many(float *restrict electrons, const float *restrict mean,
                        const float *restrict uniform)
{
    float z[BLOCK], lambda[BLOCK];
    for (int j = 0; j < BLOCK; j++)
        z[j] = normal(uniform[j]);
    for (int j = 0; j < BLOCK; j++)
        lambda[j] = mean[j] < FEW ? FEW : mean[j];
    for (int j = 0; j < BLOCK; j++) {
        float square = z[j] * z[j], sigma = __builtin_sqrtf(lambda[j] - 0.083333333f);
        float x = lambda[j] + sigma * z[j] + (square - 1.0f) * 0.16666667f +
                  z[j] * (1.0f - square) / (72.0f * sigma);
        z[j] = (float)(int32_t)(0.5f * (x + __builtin_fabsf(x)) + 0.5f); /* none below 0 */
    }
    for (int j = 0; j < BLOCK; j++)
        electrons[j] = mean[j] < FEW ? electrons[j] : z[j];
}

/* Read noise at scale 1, from the tail that a number of 31 bits says and the side of the 32nd:
 * ((p^shape - 1) - ((1 - p)^shape - 1)) / shape, where p is at most a half. */
INLINED float tukey(uint32_t word, const Plane *plane, float inverse)
{
    float tail = (float)(int32_t)(word & 0x7FFFFFFFu) * 0x1p-32f + 0x1p-33f;
    float centred = tail - 0.25f, other = plane->side[TERMS - 1], down = log_2(tail);
    for (int k = TERMS - 2; k >= 0; k--)
        other = plane->side[k] + centred * other;
    float power = (exp_2(plane->shape * down) - 1.0f) * inverse;
    float quantile = (inverse == 0.0f ? 0.69314718f * down : power) - other;
    return word >> 31 ? -quantile : quantile;
}

INLINED void shoot_base(uint16_t *restrict pixels, uint32_t columns, uint32_t row,
                        const Plane *plane, float of_row, const float *restrict of_column,
                        const Words *words)
{
    const float inverse = plane->shape == 0.0f ? 0.0f : 1.0f / plane->shape;
    const float parts = 1.0f / plane->step;
    for (uint32_t left = 0; left < columns; left += BLOCK) {
        uint32_t count = columns - left < BLOCK ? columns - left : BLOCK;
        uint16_t *block = pixels + left;
        uint64_t draws[4][HALF];
        uint32_t shot[BLOCK], read[BLOCK];
        float mean[BLOCK], uniform[BLOCK], electrons[BLOCK], shared[BLOCK];
        uint16_t values[BLOCK];
        draw(draws, left / BLOCK * HALF, row, words);
        for (int j = 0; j < HALF; j++) {
            shot[j] = (uint32_t)draws[0][j], shot[HALF + j] = (uint32_t)draws[2][j];
            read[j] = (uint32_t)draws[1][j], read[HALF + j] = (uint32_t)draws[3][j];
        }
        memset(values, 0, sizeof values);
        memcpy(values, block, count * sizeof *values);
        memset(shared, 0, sizeof shared);
        memcpy(shared, of_column + left, count * sizeof *shared);
        int32_t many = 0;
        for (int j = 0; j < BLOCK; j++) {
            float above = (float)values[j] - plane->black;
            mean[j] = (above < 0.0f ? 0.0f : above) * plane->light;
            uniform[j] = ((float)(int32_t)(shot[j] >> 9) + 0.5f) * 0x1p-23f;
        }
        for (int j = 0; j < BLOCK; j++)
            many |= mean[j] >= FEW;
        count_few(electrons, mean, uniform);
        if (many)
            count_many(electrons, mean, uniform);
        for (int j = 0; j < BLOCK; j++) {
            float noise = plane->scale * tukey(read[j], plane, inverse);
            float value = plane->gain * electrons[j] + plane->offset + noise + of_row + shared[j];
            value = value < 0.0f ? 0.0f : value;
            value = value > plane->white ? plane->white : value;
            value = (float)(int32_t)(value * parts + 0.5f) * plane->step;
            values[j] = (uint16_t)(int32_t)(value > 65535.0f ? 65535.0f : value);
        }
        memcpy(block, values, count * sizeof *values);
    }
}

FOR_LEVELS(shoot,
           (uint16_t *restrict pixels, uint32_t columns, uint32_t row, const Plane *plane,
            float of_row, const float *restrict of_column, const Words *words),
           (pixels, columns, row, plane, of_row, of_column, words))

enum { ROWS_OF_PLANE = 1 << 16 };

static void shoot_planes(const Py_buffer *pixels, const Py_buffer *numbers, const Py_buffer *rows,
                         const Py_buffer *columns, const Words *words)
{
    size_t height = (size_t)pixels->shape[1], width = (size_t)pixels->shape[2];
    for (size_t p = 0; p < (size_t)pixels->shape[0]; p++)
        for (size_t y = 0; y < height; y++)
            shoot((uint16_t *)pixels->buf + (p * height + y) * width, (uint32_t)width,
                  (uint32_t)(p * ROWS_OF_PLANE + y), (const Plane *)numbers->buf + p,
                  ((const float *)rows->buf)[p * height + y],
                  (const float *)columns->buf + p * width, words);
}

static int fits(const Py_buffer *pixels, const Py_buffer *numbers, const Py_buffer *rows,
                const Py_buffer *columns)
{
    return pixels->ndim == 3 && pixels->itemsize == 2 && numbers->ndim == 2 && rows->ndim == 2 &&
           columns->ndim == 2 && numbers->itemsize == 4 && rows->itemsize == 4 &&
           columns->itemsize == 4 && numbers->shape[0] == pixels->shape[0] &&
           numbers->shape[1] == NUMBERS && rows->shape[0] == pixels->shape[0] &&
           rows->shape[1] == pixels->shape[1] && columns->shape[0] == pixels->shape[0] &&
           columns->shape[1] == pixels->shape[2] && pixels->shape[1] < ROWS_OF_PLANE;
}

const char make_short_doc[] =
    "make_short(planes, numbers, rows, columns, key0, key1, sample0, sample1)\n--\n\n"
    "Make a short of a long, in place.\n\n"
    "`planes` is uint16 (P, h, w), below 65536 rows; `numbers` float32 (P, 20): black level, "
    "electrons for each unit above it, gain, read scale and shape, what darkness is, step, white, "
    "and twelve coefficients of read noise; "
    "`rows` float32 (P, h) and `columns` (P, w) are added. The last four choose the random numbers.";

PyObject *make_short(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *objects[4];
    Words words;
    if (!PyArg_ParseTuple(arguments, "OOOOIIII", objects, objects + 1, objects + 2, objects + 3,
                          words.key, words.key + 1, words.sample, words.sample + 1))
        return NULL;
    Py_buffer buffers[4];
    int held = 0;
    for (; held < 4; held++) {
        int how = PyBUF_C_CONTIGUOUS | (held ? 0 : PyBUF_WRITABLE);
        if (PyObject_GetBuffer(objects[held], buffers + held, how))
            break;
    }
    int fit = held == 4 && fits(buffers, buffers + 1, buffers + 2, buffers + 3);
    if (fit) {
        Py_BEGIN_ALLOW_THREADS
        shoot_planes(buffers, buffers + 1, buffers + 2, buffers + 3, &words);
        Py_END_ALLOW_THREADS
    } else if (held == 4) {
        PyErr_SetString(PyExc_ValueError, "planes, numbers, rows and columns that do not fit");
    }
    while (held--)
        PyBuffer_Release(buffers + held);
    return fit ? Py_NewRef(Py_None) : NULL;
}
