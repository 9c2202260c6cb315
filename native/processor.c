/* What the processor has, and how much of it is used. */
#include "processor.h"

Level processor_level = LEVEL_BASE;

static const char *const NAMES[] = {"base", "avx2", "avx512"};
enum { LEVELS = sizeof NAMES / sizeof *NAMES };

#ifdef RAWKIT_AVX2
#include <cpuid.h>

/* The processor is asked here: the compilers' own way is a stub in the library of Zig's, which wheels
 * are built with. */
typedef struct {
    unsigned a, b, c, d;
} Answer;

/* What the instruction says of a leaf; nothing where the processor does not know it. */
static Answer ask(unsigned leaf)
{
    Answer answer = {0};
    (void)__get_cpuid_count(leaf, 0, &answer.a, &answer.b, &answer.c, &answer.d);
    return answer;
}

static int has_bit(unsigned bits, int number) { return bits >> number & 1; }

/* Registers that the system keeps for each process: bit 1 SSE, 2 AVX, 5 to 7 AVX-512. */
static unsigned kept_registers(void)
{
    unsigned low, high;
    if (!has_bit(ask(1).c, 27)) /* it does not say */
        return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static Level highest_level(void)
{
    enum { AVX = 0x06, AVX512_TOO = 0xE6 };
    const Answer first = ask(1), more = ask(7);
    const unsigned kept = kept_registers();
    /* AVX; AVX2. */
    if ((kept & AVX) != AVX || !has_bit(first.c, 28) || !has_bit(more.b, 5))
        return LEVEL_BASE;
#ifdef RAWKIT_AVX512
    /* AVX512F, AVX512BW; AVX512_VBMI, GFNI, VPCLMULQDQ. */
    if ((kept & AVX512_TOO) == AVX512_TOO && has_bit(more.b, 16) && has_bit(more.b, 30) &&
        has_bit(more.c, 1) && has_bit(more.c, 8) && has_bit(more.c, 10))
        return LEVEL_AVX512;
#endif
    return LEVEL_AVX2;
}

int has_sums(void) { return has_bit(ask(1).c, 20); /* SSE4.2 */ }
#else
static Level highest_level(void) { return LEVEL_BASE; }

int has_sums(void) { return 0; }
#endif

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
