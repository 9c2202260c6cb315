/* Bits of values of two bytes, put together again after the bitshuffle of Blosc. */
#include "codec.h"

#ifdef RAWKIT_CHUNKS

/* Bytes of each row of bits that are turned into values at a time: a line of the cache. */
enum { TILE = 64 };

/* Swap bits between a row and the one that lies `APART` behind it: those of MASK in the latter with
 * those that lie as many places higher in the former. */
#define SWAP(BITS, ROW, APART, MASK)                                                               \
    {                                                                                              \
        uint64_t swapped = ((BITS[ROW] >> APART) ^ BITS[ROW + APART]) & MASK;                      \
        BITS[ROW + APART] ^= swapped;                                                              \
        BITS[ROW] ^= swapped << APART;                                                             \
    }

/* Of 8 rows of bits, `pitch` bytes apart, make bytes: bit k of byte i of row r becomes bit r of
 * to[k][i]. */
INLINED void gather_bits(uint64_t to[8][TILE / 8], const uint8_t *rows, size_t pitch)
{
    const uint64_t m4 = 0x0F0F0F0F0F0F0F0F, m2 = 0x3333333333333333, m1 = 0x5555555555555555;
    uint64_t from[8][TILE / 8];
    for (size_t row = 0; row < 8; row++)
        memcpy(from[row], rows + row * pitch, TILE);
    for (size_t x = 0; x < TILE / 8; x++) {
        uint64_t bits[8];
        for (size_t row = 0; row < 8; row++)
            bits[row] = from[row][x];
        SWAP(bits, 0, 4, m4) SWAP(bits, 1, 4, m4) SWAP(bits, 2, 4, m4) SWAP(bits, 3, 4, m4)
        SWAP(bits, 0, 2, m2) SWAP(bits, 1, 2, m2) SWAP(bits, 4, 2, m2) SWAP(bits, 5, 2, m2)
        SWAP(bits, 0, 1, m1) SWAP(bits, 2, 1, m1) SWAP(bits, 4, 1, m1) SWAP(bits, 6, 1, m1)
        for (size_t row = 0; row < 8; row++)
            to[row][x] = bits[row];
    }
}

/* Values of two bytes, of TILE bytes of each of 16 rows of bits. */
static void unshuffle_tile(uint8_t *to, const uint8_t *rows, size_t pitch)
{
    uint64_t low[8][TILE / 8], high[8][TILE / 8];
    gather_bits(low, rows, pitch);
    gather_bits(high, rows + 8 * pitch, pitch);
    for (size_t x = 0; x < TILE; x += 8) {
        __m128i values[8];
        for (size_t row = 0; row < 8; row++)
            values[row] = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)&low[row][x / 8]),
                                            _mm_loadl_epi64((const __m128i *)&high[row][x / 8]));
        INTERLEAVE(__m128i, 8, 3, _mm_unpacklo_epi16, _mm_unpackhi_epi16, values)
        for (size_t row = 0; row < 8; row++)
            _mm_storeu_si128((__m128i *)(to + UNIT * (x + row)), values[row]);
    }
}

/* The same, of two groups of 8 bytes of each row at once. */
AVX2 static void unshuffle_tile_avx2(uint8_t *to, const uint8_t *rows, size_t pitch)
{
    uint64_t low[8][TILE / 8], high[8][TILE / 8];
    gather_bits(low, rows, pitch);
    gather_bits(high, rows + 8 * pitch, pitch);
    for (size_t x = 0; x < TILE; x += UNIT) {
        __m256i values[8];
        for (size_t row = 0; row < 8; row++) {
            __m128i a = load_unit((const uint8_t *)&low[row][x / 8]);
            __m128i b = load_unit((const uint8_t *)&high[row][x / 8]);
            values[row] = _mm256_inserti128_si256(
                _mm256_castsi128_si256(_mm_unpacklo_epi8(a, b)), _mm_unpackhi_epi8(a, b), 1);
        }
        INTERLEAVE(__m256i, 8, 3, _mm256_unpacklo_epi16, _mm256_unpackhi_epi16, values)
        for (size_t row = 0; row < 8; row++) {
            _mm_storeu_si128((__m128i *)(to + UNIT * (x + row)),
                             _mm256_castsi256_si128(values[row]));
            _mm_storeu_si128((__m128i *)(to + UNIT * (x + 8 + row)),
                             _mm256_extracti128_si256(values[row], 1));
        }
    }
}

#ifdef RAWKIT_AVX512
/* Bytes of a row that go into one unit of a vector: every fourth. */
#define EVERY_FOURTH(I)                                                                            \
    I, I + 4, I + 8, I + 12, I + 16, I + 20, I + 24, I + 28, I + 32, I + 36, I + 40, I + 44,       \
        I + 48, I + 52, I + 56, I + 60
static const uint8_t DEALT[TILE] = {EVERY_FOURTH(0), EVERY_FOURTH(1), EVERY_FOURTH(2),
                                    EVERY_FOURTH(3)};

/* Of TILE bytes of 8 rows of bits make bytes, as `gather_bits` does. Unit u of vector n gets those of
 * the rows' bytes 8 n + u and 8 n + 4 + u: what units are interleaved from is then in order. */
AVX512 static inline void gather_wide(__m512i bytes[8], const uint8_t *rows, size_t pitch)
{
    /* Byte j has bit j: 8 rows times it are what they have in column j. */
    const __m512i columns = _mm512_set1_epi64((int64_t)0x8040201008040201);
    const __m512i dealt = _mm512_loadu_si512(DEALT);
    /* The instruction counts rows from the last. */
    for (size_t row = 0; row < 8; row++)
        bytes[7 - row] = _mm512_permutexvar_epi8(dealt, _mm512_loadu_si512(rows + row * pitch));
    INTERLEAVE(__m512i, 8, 3, _mm512_unpacklo_epi8, _mm512_unpackhi_epi8, bytes)
    for (size_t row = 0; row < 8; row++)
        bytes[row] = _mm512_gf2p8affine_epi64_epi8(columns, bytes[row], 0);
}

AVX512 static void unshuffle_tile_avx512(uint8_t *to, const uint8_t *rows, size_t pitch)
{
    __m512i low[8], high[8];
    gather_wide(low, rows, pitch);
    gather_wide(high, rows + 8 * pitch, pitch);
    for (size_t x = 0; x < 8; x++) {
        _mm512_storeu_si512(to + 2 * x * TILE, _mm512_unpacklo_epi8(low[x], high[x]));
        _mm512_storeu_si512(to + (2 * x + 1) * TILE, _mm512_unpackhi_epi8(low[x], high[x]));
    }
}
#endif

typedef void (*Tile)(uint8_t *to, const uint8_t *rows, size_t pitch);

static Tile best_tile(void)
{
#ifdef RAWKIT_AVX512
    if (has_avx512())
        return unshuffle_tile_avx512;
#endif
    return has_avx2() ? unshuffle_tile_avx2 : unshuffle_tile;
}

/* Values of fewer bytes of rows than make a tile. */
static void unshuffle_plainly(uint8_t *to, const uint8_t *rows, size_t pitch)
{
    for (size_t x = 0; x < pitch; x++)
        for (size_t bit = 0; bit < 8; bit++) {
            unsigned value = 0;
            for (size_t row = 0; row < 8 * VALUE; row++)
                value |= (unsigned)(rows[row * pitch + x] >> bit & 1) << row;
            to[VALUE * (8 * x + bit)] = (uint8_t)value;
            to[VALUE * (8 * x + bit) + 1] = (uint8_t)(value >> 8);
        }
}

void unshuffle(uint8_t *to, const uint8_t *rows, size_t pitch)
{
    if (pitch < TILE) {
        unshuffle_plainly(to, rows, pitch);
        return;
    }
    const Tile tile = best_tile();
    for (size_t x = 0; x < pitch; x += TILE) {
        /* The last tile ends with the rows: some values are made twice. */
        size_t begin = x + TILE <= pitch ? x : pitch - TILE;
        tile(to + 8 * VALUE * begin, rows + begin, pitch);
    }
}
#endif
