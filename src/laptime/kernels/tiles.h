/* Small products of bfloat16 matrices with float32 sums, by the CPU's own instruction for pairs of them.
 *
 * A pair is two neighbours along the summed dimension in one 32-bit word. Of A, word (m, p) lies at
 * a[m * a_row + p * a_pair]; of B, word (p, n) at b[p * b_pair + n], n up to a multiple of 16.
 */
#pragma once
#include <immintrin.h>
#include <stdlib.h>
#include "numbers.h"

#define TILE_ROWS 6     /* 6 x 4 sums, 4 words of B and one of A: 29 of 32 registers */
#define TILE_VECTORS 4  /* of 16 columns */
#define VECTOR 16
#define PANEL (TILE_VECTORS * VECTOR)
#define ALWAYS static inline __attribute__((always_inline))

ALWAYS long up_to(long count, long step) { return (count + step - 1) / step * step; }
ALWAYS long least(long a, long b) { return a < b ? a : b; }

ALWAYS void *take_memory(long bytes) { return aligned_alloc(64, (size_t)up_to(bytes + 64, 64)); }

/* Both numbers of a pair, rounded. */
ALWAYS uint32_t pair_of(float first, float second)
{
    return (uint32_t)narrow(first) | (uint32_t)narrow(second) << 16;
}

ALWAYS __mmask16 first_lanes(long count)
{
    return count >= 16 ? (__mmask16)0xffff : count <= 0 ? (__mmask16)0 : (__mmask16)((1u << count) - 1u);
}

ALWAYS void multiply_tile(int rows, int vectors, long pairs, const uint32_t *a, long a_row, long a_pair,
                          const uint32_t *b, long b_pair, float *c, long c_row, int adds)
{
    __m512 sums[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 6
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int n = 0; n < vectors; n++)
            sums[m][n] = adds ? _mm512_loadu_ps(c + m * c_row + n * VECTOR) : _mm512_setzero_ps();
    for (long p = 0; p < pairs; p++) {
        __m512i words[TILE_VECTORS];
#pragma GCC unroll 4
        for (int n = 0; n < vectors; n++) words[n] = _mm512_loadu_si512(b + p * b_pair + n * VECTOR);
#pragma GCC unroll 6
        for (int m = 0; m < rows; m++) {
            __m512i word = _mm512_set1_epi32((int)a[m * a_row + p * a_pair]);
#pragma GCC unroll 4
            for (int n = 0; n < vectors; n++)
                sums[m][n] = _mm512_dpbf16_ps(sums[m][n], (__m512bh)word, (__m512bh)words[n]);
        }
    }
#pragma GCC unroll 6
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int n = 0; n < vectors; n++) _mm512_storeu_ps(c + m * c_row + n * VECTOR, sums[m][n]);
}

#define ROWS_CASE(rows, vectors)                                                                             \
    case rows: multiply_tile(rows, vectors, pairs, a, a_row, a_pair, b, b_pair, c, c_row, adds); break;
#define VECTORS_CASE(vectors)                                                                                \
    case vectors:                                                                                            \
        switch (rows) {                                                                                      \
            ROWS_CASE(1, vectors) ROWS_CASE(2, vectors) ROWS_CASE(3, vectors)                                \
            ROWS_CASE(4, vectors) ROWS_CASE(5, vectors) ROWS_CASE(6, vectors)                                \
        }                                                                                                    \
        break;

static void multiply_some(int rows, int vectors, long pairs, const uint32_t *a, long a_row, long a_pair,
                          const uint32_t *b, long b_pair, float *c, long c_row, int adds)
{
    switch (vectors) { VECTORS_CASE(1) VECTORS_CASE(2) VECTORS_CASE(3) VECTORS_CASE(4) }
}

/* C = A B, or C += A B; `columns` is a multiple of 16. */
static void multiply(long rows, long columns, long pairs, const uint32_t *a, long a_row, long a_pair,
                     const uint32_t *b, long b_pair, float *c, long c_row, int adds)
{
    for (long n = 0; n < columns; n += PANEL) {
        int vectors = (int)(least(columns - n, PANEL) / VECTOR);
        for (long m = 0; m < rows; m += TILE_ROWS)
            multiply_some((int)least(rows - m, TILE_ROWS), vectors, pairs, a + m * a_row, a_row, a_pair,
                          b + n, b_pair, c + m * c_row + n, c_row, adds);
    }
}

/* Pair up rows of a bf16 matrix: word (p, n) holds rows 2p and 2p + 1 of column n; a missing row is zeros. */
static inline void pair_rows(const bf16 *x, long x_row, long rows, long columns, uint32_t *words, long words_row)
{
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
}

/* out = s sums, `count` of them; in steps of 16, the last of them masked. */
static inline void round_row(const float *sums, float s, bf16 *out, long count)
{
    __m512 factor = _mm512_set1_ps(s);
    for (long n = 0; n < count; n += VECTOR)
        _mm256_mask_storeu_epi16(out + n, first_lanes(count - n),
                                 (__m256i)_mm512_cvtneps_pbh(_mm512_mul_ps(_mm512_loadu_ps(sums + n), factor)));
}
