/* Small products of matrices with float32 sums, of bfloat16 (PER_WORD is 2) or float32 (PER_WORD is 1).
 *
 * A word holds 32 bits: a float32, or a pair of bfloat16 that are neighbours along the summed dimension, for which
 * the processor has an instruction. Of A, word (m, p) lies at a[m * a_row + p * a_word]; of B, word (p, n) at
 * b[p * b_row + n], n up to a multiple of VECTOR.
 */
#pragma once
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include "numbers.h"

#ifdef __AVX512F__
#define VECTOR 16      /* numbers of a register */
#define TILE_ROWS 6    /* 6 x 4 sums, 4 words of B and one of A: 29 of 32 registers */
#define TILE_VECTORS 4
#else
#define VECTOR 8
#define TILE_ROWS 6    /* 6 x 2 sums, 2 words of B and one of A: 15 of 16 */
#define TILE_VECTORS 2
#endif
#define TILE (TILE_VECTORS * VECTOR)
#define PANEL 64
#define ALWAYS static inline __attribute__((always_inline))

#if PER_WORD == 2
typedef bf16 number;
#else
typedef float number;
#endif
typedef float vector __attribute__((vector_size(VECTOR * 4), aligned(4)));

ALWAYS long up_to(long count, long step) { return (count + step - 1) / step * step; }
ALWAYS long least(long a, long b) { return a < b ? a : b; }
ALWAYS long words_of(long count) { return (count + PER_WORD - 1) / PER_WORD; }

/* There is nobody to return to from within a team of threads: who watches the process reads its last line. */
static inline void *take_memory(long bytes)
{
    void *memory = aligned_alloc(64, (size_t)up_to(bytes + 64, 64));
    if (!memory) {
        fprintf(stderr, "out of memory: %ld bytes for a product\n", bytes);
        abort();
    }
    return memory;
}

/* A word of two neighbours, of which a float32 has the first alone. */
ALWAYS uint32_t word_of(float first, float second)
{
#if PER_WORD == 2
    return (uint32_t)narrow(first) | (uint32_t)narrow(second) << 16;
#else
    (void)second;
    return bits_of(first);
#endif
}

ALWAYS vector add_products(vector sums, uint32_t a, vector b)
{
#if PER_WORD == 2
    return (vector)_mm512_dpbf16_ps((__m512)sums, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
#else
    return sums + float_of(a) * b;
#endif
}

ALWAYS void multiply_tile(int rows, int vectors, long words, const uint32_t *a, long a_row, long a_word,
                          const uint32_t *b, long b_row, float *c, long c_row, int adds)
{
    vector sums[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 6
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int n = 0; n < vectors; n++)
            sums[m][n] = adds ? *(const vector *)(c + m * c_row + n * VECTOR) : (vector){0};
    for (long p = 0; p < words; p++) {
        vector of_b[TILE_VECTORS];
#pragma GCC unroll 4
        for (int n = 0; n < vectors; n++) of_b[n] = *(const vector *)(b + p * b_row + n * VECTOR);
#pragma GCC unroll 6
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int n = 0; n < vectors; n++) sums[m][n] = add_products(sums[m][n], a[m * a_row + p * a_word], of_b[n]);
    }
#pragma GCC unroll 6
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int n = 0; n < vectors; n++) *(vector *)(c + m * c_row + n * VECTOR) = sums[m][n];
}

#define ROWS_CASE(rows, vectors)                                                                             \
    case rows: multiply_tile(rows, vectors, words, a, a_row, a_word, b, b_row, c, c_row, adds); break;
#define VECTORS_CASE(vectors)                                                                                \
    case vectors:                                                                                            \
        switch (rows) {                                                                                      \
            ROWS_CASE(1, vectors) ROWS_CASE(2, vectors) ROWS_CASE(3, vectors)                                \
            ROWS_CASE(4, vectors) ROWS_CASE(5, vectors) ROWS_CASE(6, vectors)                                \
        }                                                                                                    \
        break;

static void multiply_some(int rows, int vectors, long words, const uint32_t *a, long a_row, long a_word,
                          const uint32_t *b, long b_row, float *c, long c_row, int adds)
{
    switch (vectors) {
        VECTORS_CASE(1) VECTORS_CASE(2)
#if TILE_VECTORS == 4
        VECTORS_CASE(3) VECTORS_CASE(4)
#endif
    }
}

/* C = A B, or C += A B; what is summed into `columns` is rounded up to a multiple of VECTOR. */
static void multiply(long rows, long columns, long words, const uint32_t *a, long a_row, long a_word,
                     const uint32_t *b, long b_row, float *c, long c_row, int adds)
{
    for (long n = 0; n < columns; n += TILE) {
        int vectors = (int)(up_to(least(columns - n, TILE), VECTOR) / VECTOR);
        for (long m = 0; m < rows; m += TILE_ROWS)
            multiply_some((int)least(rows - m, TILE_ROWS), vectors, words, a + m * a_row, a_row, a_word,
                          b + n, b_row, c + m * c_row + n, c_row, adds);
    }
}

/* Rows as the second operand of a product: word (p, n) of column n; what is missing of a pair is zero. */
static inline void rows_as_words(const number *x, long x_row, long rows, long columns, uint32_t *words, long words_row)
{
#if PER_WORD == 2
    for (long p = 0; 2 * p < rows; p++) {
        const bf16 *first = x + 2 * p * x_row, *second = first + x_row;
        uint32_t *out = words + p * words_row;
        if (2 * p + 1 < rows) {
#pragma omp simd
            for (long n = 0; n < columns; n++) out[n] = (uint32_t)first[n] | (uint32_t)second[n] << 16;
        } else {
#pragma omp simd
            for (long n = 0; n < columns; n++) out[n] = first[n];
        }
    }
#else
    for (long p = 0; p < rows; p++) memcpy(words + p * words_row, x + p * x_row, (size_t)columns * 4);
#endif
}

/* out = s sums, `count` of them. */
static inline void round_row(const float *sums, float s, number *out, long count)
{
#if PER_WORD == 2
    __m512 factor = _mm512_set1_ps(s);
    for (long n = 0; n < count; n += VECTOR) {
        __mmask16 lanes = count - n >= VECTOR ? (__mmask16)0xffff : (__mmask16)((1u << (count - n)) - 1u);
        __m512 product = _mm512_mul_ps(_mm512_loadu_ps(sums + n), factor);
        _mm256_mask_storeu_epi16(out + n, lanes, (__m256i)_mm512_cvtneps_pbh(product));
    }
#else
#pragma omp simd
    for (long n = 0; n < count; n++) out[n] = s * sums[n];
#endif
}
