/* The products of LoRA's adapters: y += s (x A^T) B^T and its gradients, for layers that share x.
 *
 * Adapters are float32, everything else bfloat16; sums are float32. All ranks of a group lie beside one
 * another, each up to an even number: R together.
 * Shapes: T tokens, K inputs, N outputs of a layer, r rank of its adapter.
 */
#ifdef __AVX512BF16__
#include <omp.h>
#include "tiles.h"

#define GRAIN 12 /* rows that a thread takes at a time */

typedef struct {
    const float *a, *b; /* r x K, N x r */
    bf16 *y;            /* T x N: the output, or its gradient */
    float *da, *db;     /* the gradients of a and b */
    long n, r;
    float s;
} adapter;

static long even_rank(const adapter *one) { return up_to(one->r, 2); }

static long count_ranks(const adapter *all, long count)
{
    long ranks = 0;
    for (long i = 0; i < count; i++) ranks += even_rank(all + i);
    return ranks;
}

/* Where the ranks of adapter `i` begin. */
static long first_rank(const adapter *all, long i) { return count_ranks(all, i); }

/* words (k / 2, rank) of A, those of pairs first..last-1: pairs along K. */
static void pair_inputs(const adapter *all, long count, long K, long first, long last, uint32_t *words, long words_row)
{
    memset(words + first * words_row, 0, (size_t)((last - first) * words_row) * 4);
    long rank = 0;
    for (long i = 0; i < count; rank += even_rank(all + i++))
        for (long j = 0; j < all[i].r; j++) {
            const float *a = all[i].a + j * K;
            for (long p = first; p < last; p++) words[p * words_row + rank + j] = pair_of(a[2 * p], a[2 * p + 1]);
        }
}

/* words (rank / 2, k) of A, columns begin..end-1: pairs along the ranks. */
static void pair_ranks(const adapter *all, long count, long K, long begin, long end, uint32_t *words)
{
    long rank = 0;
    for (long i = 0; i < count; rank += even_rank(all + i++))
        for (long j = 0; j < all[i].r; j += 2) {
            const float *first = all[i].a + j * K, *second = j + 1 < all[i].r ? first + K : 0;
            uint32_t *out = words + (rank + j) / 2 * K;
            if (second)
#pragma omp simd
                for (long k = begin; k < end; k++) out[k] = pair_of(first[k], second[k]);
            else
                for (long k = begin; k < end; k++) out[k] = narrow(first[k]);
        }
}

/* words (rank / 2, n) of B, columns begin..end-1: pairs along the ranks. */
static void pair_b_ranks(const adapter *one, long begin, long end, uint32_t *words, long words_row)
{
    for (long j = 0; j < one->r; j += 2)
        for (long n = begin; n < end; n++) {
            const float *b = one->b + n * one->r + j;
            words[j / 2 * words_row + n] = pair_of(b[0], j + 1 < one->r ? b[1] : 0.0f);
        }
}

/* words (n / 2, rank) of B, pairs first..last-1: pairs along N. */
static void pair_b_outputs(const adapter *one, long first, long last, uint32_t *words, long words_row)
{
    memset(words + first * words_row, 0, (size_t)((last - first) * words_row) * 4);
    for (long p = first; p < last; p++) {
        const float *even = one->b + 2 * p * one->r, *odd = even + one->r;
        uint32_t *out = words + p * words_row;
#pragma omp simd
        for (long j = 0; j < one->r; j++) out[j] = pair_of(even[j], odd[j]);
    }
}

/* out = s sums, or out += s sums, `count` of them; in steps of 16, the last of them masked. */
static void round_row(const float *sums, float s, bf16 *out, long count, int adds)
{
    __m512 factor = _mm512_set1_ps(s);
    for (long n = 0; n < count; n += VECTOR) {
        __mmask16 lanes = first_lanes(count - n);
        __m512 sum = _mm512_mul_ps(_mm512_loadu_ps(sums + n), factor);
        if (adds) sum = _mm512_add_ps(sum, widen_16(_mm256_maskz_loadu_epi16(lanes, out + n)));
        _mm256_mask_storeu_epi16(out + n, lanes, (__m256i)_mm512_cvtneps_pbh(sum));
    }
}

/* rows of y += s d w, y and d of bf16, in panels of columns; `words` are pairs along the ranks. */
static void add_product(long rows, long columns, long pairs, const uint32_t *d, long d_row,
                        const uint32_t *words, long words_row, float s, bf16 *y, long y_row)
{
    float sums[GRAIN * PANEL];
    for (long n = 0; n < columns; n += PANEL) {
        long width = least(columns - n, PANEL);
        multiply(rows, up_to(width, VECTOR), pairs, d, d_row, 1, words + n, words_row, sums, PANEL, 0);
        for (long m = 0; m < rows; m++) round_row(sums + m * PANEL, s, y + m * y_row + n, width, 1);
    }
}

/* down = x A^T, T x R; then y_i += s_i down_i B_i^T for every adapter. */
void adapters_forward(const bf16 *x, const adapter *all, long count, long T, long K, bf16 *down, int threads)
{
    long R = count_ranks(all, count), R_wide = up_to(R, VECTOR), widest = 0;
    for (long i = 0; i < count; i++) widest = all[i].n > widest ? all[i].n : widest;
    long row_b = up_to(widest, VECTOR) + VECTOR;
    uint32_t *words_a = take_memory(K / 2 * R_wide * 4);
    uint32_t *words_b = take_memory(R / 2 * row_b * 4 + PANEL * 4);
#pragma omp parallel num_threads(threads)
    {
        float *sums = take_memory(GRAIN * R_wide * 4);
        for (long i = 0; i < count; i++) {
            uint32_t *words = words_b + first_rank(all, i) / 2 * row_b;
#pragma omp for schedule(static) nowait
            for (long n = 0; n < all[i].n; n += PANEL) pair_b_ranks(all + i, n, least(n + PANEL, all[i].n), words, row_b);
        }
#pragma omp for schedule(static)
        for (long p = 0; p < K / 2; p += PANEL) pair_inputs(all, count, K, p, least(p + PANEL, K / 2), words_a, R_wide);
#pragma omp for schedule(static)
        for (long t = 0; t < T; t += GRAIN) {
            long rows = least(T - t, GRAIN);
            multiply(rows, R_wide, K / 2, (const uint32_t *)(x + t * K), K / 2, 1, words_a, R_wide, sums, R_wide, 0);
            for (long m = 0; m < rows; m++) round_row(sums + m * R_wide, 1.0f, down + (t + m) * R, R, 0);
        }
#pragma omp for schedule(static)
        for (long t = 0; t < T; t += GRAIN)
            for (long i = 0; i < count; i++) {
                long first = first_rank(all, i);
                add_product(least(T - t, GRAIN), all[i].n, even_rank(all + i) / 2,
                            (const uint32_t *)(down + t * R + first), R / 2, words_b + first / 2 * row_b, row_b,
                            all[i].s, all[i].y + t * all[i].n, all[i].n);
            }
        free(sums);
    }
    free(words_a);
    free(words_b);
}

/* transposed product of pairs along T: out (rank, column) of words^T x, a panel of columns at a time. */
static void multiply_panel(const uint32_t *words, long words_row, long ranks, const bf16 *x, long x_row,
                           long T, long width, uint32_t *panel, float *sums)
{
    pair_rows(x, x_row, T, width, panel, PANEL);
    multiply(ranks, up_to(width, VECTOR), (T + 1) / 2, words, 1, words_row, panel, PANEL, sums, PANEL, 0);
}

/* From the gradients of the outputs (all[i].y) those of all A and B, and, where wanted, dx += ... A. */
void adapters_backward(const bf16 *x, const bf16 *down, const adapter *all, long count, long T, long K,
                       bf16 *dx, int threads)
{
    long R = count_ranks(all, count), pairs_T = (T + 1) / 2, words_n = 0;
    for (long i = 0; i < count; i++) words_n += all[i].n / 2 * up_to(all[i].r, VECTOR);
    bf16 *d_down = take_memory(T * R * 2);
    uint32_t *down_T = take_memory(pairs_T * R * 4), *d_down_T = take_memory(pairs_T * R * 4);
    uint32_t *words_b = take_memory(words_n * 4), *words_a = take_memory(R / 2 * K * 4 + PANEL * 4);
    memset(d_down, 0, (size_t)(T * R) * 2);
#pragma omp parallel num_threads(threads)
    {
        uint32_t *panel = take_memory(pairs_T * PANEL * 4);
        float *sums = take_memory(up_to(R, TILE_ROWS) * PANEL * 4 + GRAIN * up_to(R, VECTOR) * 4);
#pragma omp single nowait
        pair_rows(down, R, T, R, down_T, R);
        if (dx) {
#pragma omp for schedule(static) nowait
            for (long k = 0; k < K; k += PANEL) pair_ranks(all, count, K, k, least(k + PANEL, K), words_a);
        }
        uint32_t *place = words_b;
        for (long i = 0; i < count; i++) {
            long pairs = all[i].n / 2, wide = up_to(all[i].r, VECTOR);
#pragma omp for schedule(static) nowait
            for (long p = 0; p < pairs; p += PANEL) pair_b_outputs(all + i, p, least(p + PANEL, pairs), place, wide);
            place += pairs * wide;
        }
#pragma omp barrier
#pragma omp for schedule(static)
        for (long t = 0; t < T; t += GRAIN) {
            const uint32_t *words = words_b;
            for (long i = 0; i < count; i++) {
                long rows = least(T - t, GRAIN), wide = up_to(all[i].r, VECTOR), n = all[i].n;
                multiply(rows, wide, n / 2, (const uint32_t *)(all[i].y + t * n), n / 2, 1, words, wide, sums, wide, 0);
                for (long m = 0; m < rows; m++)
                    round_row(sums + m * wide, all[i].s, d_down + (t + m) * R + first_rank(all, i), all[i].r, 0);
                words += n / 2 * wide;
            }
        }
#pragma omp single
        pair_rows(d_down, R, T, R, d_down_T, R);
        for (long i = 0; i < count; i++) {
            long n_all = all[i].n, r = all[i].r;
#pragma omp for schedule(static) nowait
            for (long n = 0; n < n_all; n += PANEL) {
                long width = least(n_all - n, PANEL);
                multiply_panel(down_T + first_rank(all, i), R, r, all[i].y + n, n_all, T, width, panel, sums);
                for (long j = 0; j < r; j++)
                    for (long m = 0; m < width; m++) all[i].db[(n + m) * r + j] = all[i].s * sums[j * PANEL + m];
            }
        }
#pragma omp for schedule(static) nowait
        for (long k = 0; k < K; k += PANEL) {
            long width = least(K - k, PANEL);
            multiply_panel(d_down_T, R, R, x + k, K, T, width, panel, sums);
            for (long i = 0; i < count; i++)
                for (long j = 0; j < all[i].r; j++)
                    memcpy(all[i].da + j * K + k, sums + (first_rank(all, i) + j) * PANEL, (size_t)width * 4);
        }
        if (dx) {
#pragma omp for schedule(static) nowait
            for (long t = 0; t < T; t += GRAIN)
                add_product(least(T - t, GRAIN), K, R / 2, (const uint32_t *)(d_down + t * R), R / 2, words_a, K,
                            1.0f, dx + t * K, K);
        }
        free(panel);
        free(sums);
    }
    free(d_down);
    free(down_T);
    free(d_down_T);
    free(words_b);
    free(words_a);
}
#endif
