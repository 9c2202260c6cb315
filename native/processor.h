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

/* Has a plain loop compiled for the processors of the last years too; which one runs is decided when
 * the module is loaded. Tests build without (-DFAST=). */
#ifdef FAST
#elif defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define FAST __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FAST
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

/* Files are read and chunks decoded where this is known to work. */
#if defined(__x86_64__) && defined(__GNUC__) && defined(RAWKIT_SSE2) && !defined(_WIN32)
#define RAWKIT_CHUNKS 1
#endif

#endif
