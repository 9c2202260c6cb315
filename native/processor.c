/* What the processor has, and how much of it is used. */
#include "processor.h"

Level processor_level = LEVEL_BASE;

static const char *const NAMES[] = {"base", "avx2", "avx512"};
enum { LEVELS = sizeof NAMES / sizeof *NAMES };

static Level highest_level(void)
{
#ifdef RAWKIT_AVX512
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("gfni") && __builtin_cpu_supports("vpclmulqdq"))
        return LEVEL_AVX512;
#endif
#ifdef RAWKIT_AVX2
    if (__builtin_cpu_supports("avx2"))
        return LEVEL_AVX2;
#endif
    return LEVEL_BASE;
}

const char *level_name(Level level) { return NAMES[level]; }

int processor_prepare(const char *highest)
{
    int named = 0;
    while (highest && named < LEVELS && strcmp(highest, NAMES[named]))
        named++;
    if (named == LEVELS)
        return 0;
    processor_level = highest_level();
    if (highest && (Level)named < processor_level)
        processor_level = (Level)named;
    return 1;
}
