/* CRC-32C (RFC 3720, appendix B.4), as zarr's codec of that name has it. */
#include "native.h"

#ifdef RAWKIT_CHUNKS
#include <nmmintrin.h>

/* The instruction takes 8 bytes and is done after three cycles, but can begin anew in each: so three
 * lanes of so many bytes are summed side by side. */
enum { LANE = 1024 };

/* By byte of a register, what a lane of zeros makes of it: sums are linear. */
static uint32_t after_zeros[4][256];

__attribute__((target("sse4.2"))) static uint32_t sum_zeros(uint32_t crc)
{
    for (size_t at = 0; at < LANE; at += 8)
        crc = (uint32_t)_mm_crc32_u64(crc, 0);
    return crc;
}

int crc32c_prepare(void)
{
    if (!__builtin_cpu_supports("sse4.2"))
        return 0;
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

__attribute__((target("sse4.2"))) uint32_t crc32c(const uint8_t *data, size_t count)
{
    uint64_t crc = UINT32_MAX;
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
    return ~(uint32_t)crc;
}
#endif
