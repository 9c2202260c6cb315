/* CRC-32C (RFC 3720, appendix B.4), as zarr's codec of that name has it. */
#include "codec.h"

#ifdef RAWKIT_CHUNKS
#include <nmmintrin.h>

/* clang counts this instruction apart from the others of its time. */
#ifdef __clang__
#define SSE42 __attribute__((target("sse4.2,crc32")))
#else
#define SSE42 __attribute__((target("sse4.2")))
#endif

/* The instruction takes 8 bytes and is done after three cycles, but can begin anew in each: so three
 * lanes of so many bytes are summed side by side. */
enum { LANE = 1024 };

/* By byte of a register, what a lane of zeros makes of it: sums are linear. */
static uint32_t after_zeros[4][256];

SSE42 static uint32_t sum_zeros(uint32_t crc)
{
    for (size_t at = 0; at < LANE; at += 8)
        crc = (uint32_t)_mm_crc32_u64(crc, 0);
    return crc;
}

#ifdef RAWKIT_AVX512
/* Data is a polynomial, and a sum what is left of it after a division. Bytes further on may so be
 * added to those before them if these are multiplied by x to the number of bits between them; what
 * is left of that power does as well. Vectors that are FOLDED bytes apart are added so, as in Gopal
 * and others, Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction (2009). */
enum { VECTOR = sizeof(__m512i), FOLDED = 4 * VECTOR };
static const uint32_t POLYNOMIAL = 0x82F63B78;

/* For the first and the second half of 16 bytes. */
static uint64_t powers[2];

/* What is left of x to the power of `n`; as in all of these sums, the highest bit is that of x^0. */
static uint64_t power_of_x(unsigned n)
{
    uint32_t value = (uint32_t)1 << 31;
    while (n--)
        value = value >> 1 ^ (value & 1 ? POLYNOMIAL : 0);
    return (uint64_t)value << 32;
}

/* Add to a sum the vector that lies FOLDED bytes further on. */
AVX512 static inline __m512i fold(__m512i sum, __m512i factors, const uint8_t *data)
{
    return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(sum, factors, 0x00),
                                     _mm512_clmulepi64_epi128(sum, factors, 0x11),
                                     _mm512_loadu_si512(data), 0x96);
}

/* Make of a multiple of FOLDED bytes, two at least, FOLDED bytes whose sum from 0 is theirs from
 * `crc`. */
AVX512 static void fold_all(uint8_t folded[FOLDED], uint64_t crc, const uint8_t *data, size_t count)
{
    __m512i factors = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)powers));
    __m512i sums[FOLDED / VECTOR];
    for (size_t x = 0; x < FOLDED; x += VECTOR)
        sums[x / VECTOR] = _mm512_loadu_si512(data + x);
    sums[0] = _mm512_xor_si512(sums[0], _mm512_zextsi128_si512(_mm_cvtsi64_si128((int64_t)crc)));
    for (size_t at = FOLDED; at < count; at += FOLDED)
        for (size_t x = 0; x < FOLDED; x += VECTOR)
            sums[x / VECTOR] = fold(sums[x / VECTOR], factors, data + at + x);
    for (size_t x = 0; x < FOLDED; x += VECTOR)
        _mm512_storeu_si512(folded + x, sums[x / VECTOR]);
}
#endif

int crc32c_prepare(void)
{
    if (!has_sums())
        return 0;
#ifdef RAWKIT_AVX512
    /* A product has a bit less than the vector that it fills, which multiplies by x once more. */
    powers[0] = power_of_x(8 * FOLDED + 64 - 1);
    powers[1] = power_of_x(8 * FOLDED - 1);
#endif
    for (int byte = 0; byte < 4; byte++)
        for (uint32_t value = 0; value < 256; value++)
            after_zeros[byte][value] = sum_zeros(value << (8 * byte));
    return 1;
}

static inline uint32_t append_lane(uint64_t crc, uint64_t lane)
{
    uint32_t shifted = 0;
    for (int byte = 0; byte < 4; byte++)
        shifted ^= after_zeros[byte][(crc >> (8 * byte)) & 255];
    return shifted ^ (uint32_t)lane;
}

static inline uint64_t load_8(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

SSE42 static uint64_t sum_bytes(uint64_t crc, const uint8_t *data, size_t count)
{
    for (; count >= 3 * LANE; count -= 3 * LANE, data += 3 * LANE) {
        uint64_t second = 0, third = 0;
        for (size_t at = 0; at < LANE; at += 8) {
            crc = _mm_crc32_u64(crc, load_8(data + at));
            second = _mm_crc32_u64(second, load_8(data + LANE + at));
            third = _mm_crc32_u64(third, load_8(data + 2 * LANE + at));
        }
        crc = append_lane(append_lane(crc, second), third);
    }
    for (; count >= 8; count -= 8, data += 8)
        crc = _mm_crc32_u64(crc, load_8(data));
    for (; count; count--, data++)
        crc = _mm_crc32_u8((uint32_t)crc, *data);
    return crc;
}

uint32_t crc32c(const uint8_t *data, size_t count)
{
    uint64_t crc = UINT32_MAX;
#ifdef RAWKIT_AVX512
    if (count >= 2 * FOLDED && has_avx512()) {
        uint8_t folded[FOLDED];
        size_t most = count - count % FOLDED;
        fold_all(folded, crc, data, most);
        crc = sum_bytes(0, folded, FOLDED);
        data += most;
        count -= most;
    }
#endif
    return ~(uint32_t)sum_bytes(crc, data, count);
}
#endif
