/* Which instructions there are: those that every processor of a kind has, and those of the last years
 * that are asked for when the module is loaded. Knows nothing of Python. */
#ifndef RAWKIT_PROCESSOR_H
#define RAWKIT_PROCESSOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define RAWKIT_SSE2 1
#endif

/* How far functions go that are written once for each of these. */
typedef enum {
    LEVEL_BASE,  /* what every processor has; SSE2 on Intel and AMD */
    LEVEL_AVX2,
    LEVEL_AVX512 /* with what came with Ice Lake and Zen 4 */
} Level;

/* The level that runs, set once, by `processor_prepare`. */
extern Level processor_level;

/* Take the highest level that the processor has, but none above the one that is named, one of
 * `level_name`; none is named by NULL. Returns 0 for another name, and then nothing is set. */
int processor_prepare(const char *highest);

const char *level_name(Level level);

/* Whether the processor makes CRC-32C sums; all of Intel's and AMD's since 2011 do. */
int has_sums(void);

/* A function that is called only where `has_avx2` says so. */
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define RAWKIT_AVX2 1
#define AVX2 __attribute__((target("avx2")))

static inline int has_avx2(void) { return processor_level >= LEVEL_AVX2; }
#endif

/* The same for `has_avx512`. */
#if defined(RAWKIT_AVX2) && (defined(__clang__) || __GNUC__ >= 8)
#define RAWKIT_AVX512 1
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")))

static inline int has_avx512(void) { return processor_level >= LEVEL_AVX512; }
#endif

/* A function whose code becomes part of whatever calls it, and uses the instructions of that. */
#ifdef __GNUC__
#define INLINED static inline __attribute__((always_inline))
#else
#define INLINED static inline
#endif

/* Make NAME of NAME_base, a plain loop that is INLINED: compiled for each level, it runs as the one
 * for this processor. Compilers that do the same by themselves ask a library, which not every one
 * has. */
#ifdef RAWKIT_AVX512
#define FOR_LEVELS(NAME, PARAMETERS, ARGUMENTS)                                                    \
    AVX512 static void NAME##_avx512 PARAMETERS { NAME##_base ARGUMENTS; }                         \
    AVX2 static void NAME##_avx2 PARAMETERS { NAME##_base ARGUMENTS; }                             \
    static void NAME PARAMETERS                                                                    \
    {                                                                                              \
        if (has_avx512())                                                                          \
            NAME##_avx512 ARGUMENTS;                                                               \
        else if (has_avx2())                                                                       \
            NAME##_avx2 ARGUMENTS;                                                                 \
        else                                                                                       \
            NAME##_base ARGUMENTS;                                                                 \
    }
#else
#define FOR_LEVELS(NAME, PARAMETERS, ARGUMENTS)                                                    \
    static void NAME PARAMETERS { NAME##_base ARGUMENTS; }
#endif

/* Files are read and chunks decoded where this is known to work. */
#if defined(__x86_64__) && defined(__GNUC__) && defined(RAWKIT_SSE2) && !defined(_WIN32)
#define RAWKIT_CHUNKS 1
#endif

#endif
