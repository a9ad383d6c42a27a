/* Linear layers that share their input, with LoRA's adapters: y = x W^T + s (x A^T) B^T, and all gradients.
 *
 * Weights and activations are numbers of the type that PER_WORD says, adapters float32; sums are float32 and rounded
 * once. All ranks of a group lie beside one another, each in whole words: R together, 0 where no layer has an adapter.
 * Shapes: T tokens, K inputs, N outputs of a layer, r rank of its adapter.
 */
#include "products.h"

#define GRAIN 12     /* rows that a thread takes at a time */
#define MOST_LAYERS 8 /* of a group */

typedef struct {
    const number *w;    /* N x K */
    number *y, *dw;     /* T x N: the output, or its gradient; N x K: wanted where it is not 0 */
    const float *a, *b; /* r x K, N x r */
    float *da, *db;     /* their gradients */
    long n, r;          /* r is 0 where there is no adapter */
    float s;
} layer;

static long whole_rank(const layer *one) { return up_to(one->r, PER_WORD); }

static long count_ranks(const layer *all, long count)
{
    long ranks = 0;
    for (long i = 0; i < count; i++) ranks += whole_rank(all + i);
    return ranks;
}

/* Where the ranks of layer `i` begin. */
static long first_rank(const layer *all, long i) { return count_ranks(all, i); }

/* words (p, rank) of A, p from first to last - 1 along K. */
static void inputs_as_words(const layer *all, long count, long K, long first, long last, uint32_t *words, long row)
{
    memset(words + first * row, 0, (size_t)((last - first) * row) * 4);
    long rank = 0;
    for (long i = 0; i < count; rank += whole_rank(all + i++))
        for (long j = 0; j < all[i].r; j++) {
            const float *a = all[i].a + j * K;
            for (long p = first; p < last; p++)
                words[p * row + rank + j] = word_of(a[PER_WORD * p], a[PER_WORD * p + PER_WORD - 1]);
        }
}

/* words (p, k) of A, p along the ranks, columns begin..end-1. */
static void ranks_as_words(const layer *all, long count, long K, long begin, long end, uint32_t *words)
{
    for (long i = 0; i < count; words += words_of(all[i++].r) * K)
        for (long j = 0; j < all[i].r; j += PER_WORD) {
            const float *first = all[i].a + j * K, *second = j + PER_WORD <= all[i].r ? first + (PER_WORD - 1) * K : 0;
            uint32_t *out = words + j / PER_WORD * K;
            if (second)
#pragma omp simd
                for (long k = begin; k < end; k++) out[k] = word_of(first[k], second[k]);
            else
                for (long k = begin; k < end; k++) out[k] = word_of(first[k], 0.0f);
        }
}

/* words (p, n) of s B, p along the ranks, columns begin..end-1. */
static void b_ranks_as_words(const layer *one, long begin, long end, uint32_t *words, long row)
{
    for (long j = 0; j < one->r; j += PER_WORD)
        for (long n = begin; n < end; n++) {
            const float *b = one->b + n * one->r + j;
            float second = j + PER_WORD <= one->r ? b[PER_WORD - 1] : 0.0f;
            words[j / PER_WORD * row + n] = word_of(one->s * b[0], one->s * second);
        }
}

/* words (p, rank) of B, p from first to last - 1 along N. */
static void b_outputs_as_words(const layer *one, long first, long last, uint32_t *words, long row)
{
    memset(words + first * row, 0, (size_t)((last - first) * row) * 4);
    for (long p = first; p < last; p++) {
        const float *even = one->b + PER_WORD * p * one->r, *odd = even + (PER_WORD - 1) * one->r;
        uint32_t *out = words + p * row;
#pragma omp simd
        for (long j = 0; j < one->r; j++) out[j] = word_of(even[j], odd[j]);
    }
}

/* y_i = x W_i^T + s_i down_i B_i^T, with down = x A^T, T x R, which is kept for the backward pass. */
void NAME(project_forward)(const number *x, const layer *all, long count, long T, long K, number *down, int threads)
{
    long R = count_ranks(all, count), R_wide = up_to(R, VECTOR), widest = 0;
    for (long i = 0; i < count; i++) widest = all[i].n > widest ? all[i].n : widest;
    long row_b = up_to(widest, VECTOR) + VECTOR;
    long words_K = K / PER_WORD;
    uint32_t *words_a = take_memory(words_K * R_wide * 4);
    uint32_t *words_b = take_memory(words_of(R) * row_b * 4 + PANEL * 4);
    term terms[MOST_LAYERS][2];
    product wanted[MOST_LAYERS];
    for (long i = 0; i < count; i++) {
        long rank = first_rank(all, i);
        terms[i][0] = (term){(const uint32_t *)x, words_K, 1, all[i].w, K, K, AS_COLUMNS};
        terms[i][1] = (term){(const uint32_t *)(down + rank), words_of(R), 1, words_b + words_of(rank) * row_b, row_b,
                             whole_rank(all + i), AS_WORDS};
        wanted[i] = (product){terms[i], all[i].r ? 2 : 1, all[i].y, T, all[i].n};
    }
#pragma omp parallel num_threads(threads)
    {
        if (R) {
            float *sums = take_memory(GRAIN * R_wide * 4);
            for (long i = 0; i < count; i++) {
                uint32_t *words = words_b + words_of(first_rank(all, i)) * row_b;
#pragma omp for schedule(static) nowait
                for (long n = 0; n < all[i].n; n += PANEL)
                    b_ranks_as_words(all + i, n, least(n + PANEL, all[i].n), words, row_b);
            }
#pragma omp for schedule(static)
            for (long p = 0; p < words_K; p += PANEL)
                inputs_as_words(all, count, K, p, least(p + PANEL, words_K), words_a, R_wide);
#pragma omp for schedule(static)
            for (long t = 0; t < T; t += GRAIN) {
                long rows = least(T - t, GRAIN);
                multiply(rows, R_wide, words_K, (const uint32_t *)(x + t * K), words_K, 1, words_a, R_wide, sums, R_wide, 0);
                for (long m = 0; m < rows; m++) round_row(sums + m * R_wide, 1.0f, down + (t + m) * R, R);
            }
            free(sums);
        }
        run_products(wanted, count);
    }
    free(words_a);
    free(words_b);
}

/* out (rank, column) = words^T x, a panel of columns at a time; words go along T. */
static void multiply_panel(const uint32_t *words, long words_row, long ranks, const number *x, long x_row,
                           long T, long width, uint32_t *panel, float *sums)
{
    rows_as_words(x, x_row, T, width, panel, PANEL);
    multiply(ranks, width, words_of(T), words, 1, words_row, panel, PANEL, sums, PANEL, 0);
}

/* The gradients of every A and B, and what their part of x's is made of: d_down (T x R) and words of A. */
static void adapt_backward(const number *x, const number *down, const layer *all, long count, long T, long K,
                           uint32_t *down_T, uint32_t *d_down_T, uint32_t *words_b, uint32_t *words_a, number *d_down)
{
    long R = count_ranks(all, count);
    uint32_t *panel = take_memory(words_of(T) * PANEL * 4), *place = words_b;
    float *sums = take_memory(up_to(R, TILE_ROWS) * PANEL * 4 + GRAIN * up_to(R, VECTOR) * 4);
#pragma omp single nowait
    rows_as_words(down, R, T, R, down_T, R);
#pragma omp for schedule(static) nowait
    for (long k = 0; k < K; k += PANEL) ranks_as_words(all, count, K, k, least(k + PANEL, K), words_a);
    for (long i = 0; i < count; i++) {
        long words = all[i].n / PER_WORD, wide = up_to(all[i].r, VECTOR);
#pragma omp for schedule(static) nowait
        for (long p = 0; p < words; p += PANEL) b_outputs_as_words(all + i, p, least(p + PANEL, words), place, wide);
        place += words * wide;
    }
#pragma omp barrier
#pragma omp for schedule(static)
    for (long t = 0; t < T; t += GRAIN) {
        const uint32_t *words = words_b;
        long rows = least(T - t, GRAIN), rank = 0;
        memset(d_down + t * R, 0, (size_t)(rows * R) * sizeof(number));
        for (long i = 0; i < count; rank += whole_rank(all + i++)) {
            long wide = up_to(all[i].r, VECTOR), n = all[i].n, words_n = n / PER_WORD;
            multiply(rows, wide, words_n, (const uint32_t *)(all[i].y + t * n), words_n, 1, words, wide, sums, wide, 0);
            for (long m = 0; m < rows; m++) round_row(sums + m * wide, all[i].s, d_down + (t + m) * R + rank, all[i].r);
            words += words_n * wide;
        }
    }
#pragma omp single
    rows_as_words(d_down, R, T, R, d_down_T, R);
    for (long i = 0; i < count; i++) {
        long N = all[i].n, r = all[i].r;
        if (!r) continue;
#pragma omp for schedule(dynamic) nowait
        for (long n = 0; n < N; n += PANEL) {
            long width = least(N - n, PANEL);
            multiply_panel(down_T + first_rank(all, i), R, r, all[i].y + n, N, T, width, panel, sums);
            for (long m = 0; m < width; m++)
                for (long j = 0; j < r; j++) all[i].db[(n + m) * r + j] = all[i].s * sums[j * PANEL + m];
        }
    }
#pragma omp for schedule(dynamic) nowait
    for (long k = 0; k < K; k += PANEL) {
        long width = least(K - k, PANEL);
        multiply_panel(d_down_T, R, R, x + k, K, T, width, panel, sums);
        for (long i = 0; i < count; i++)
            for (long j = 0; j < all[i].r; j++)
                memcpy(all[i].da + j * K + k, sums + (first_rank(all, i) + j) * PANEL, (size_t)width * 4);
    }
    free(panel);
    free(sums);
}

/* From the gradients of the outputs (all[i].y) those of x, where dx is not 0, of all A and B, and of the weights. */
void NAME(project_backward)(const number *x, const number *down, const layer *all, long count, long T, long K, number *dx,
                      int threads)
{
    long R = count_ranks(all, count), words_T = words_of(T), words_b = 0, words_g = 0, weights = 0;
    for (long i = 0; i < count; i++) {
        words_b += all[i].n / PER_WORD * up_to(all[i].r, VECTOR);
        words_g += all[i].dw ? words_T * all[i].n : 0;
    }
    number *d_down = take_memory(T * R * (long)sizeof(number));
    uint32_t *down_T = take_memory(words_T * R * 4), *d_down_T = take_memory(words_T * R * 4);
    uint32_t *b_words = take_memory(words_b * 4), *a_words = take_memory(words_of(R) * K * 4 + PANEL * 4);
    uint32_t *g_words = take_memory(words_g * 4), *place = g_words;
    term terms[MOST_LAYERS + 1], weight_terms[MOST_LAYERS];
    product input = {terms, count, dx, T, K}, wanted[MOST_LAYERS];
    for (long i = 0; i < count; i++) {
        terms[i] = (term){(const uint32_t *)all[i].y, all[i].n / PER_WORD, 1, all[i].w, K, all[i].n, AS_ROWS};
        if (!all[i].dw) continue;
        weight_terms[weights] = (term){place, 1, all[i].n, x, K, T, AS_ROWS};
        wanted[weights] = (product){weight_terms + weights, 1, all[i].dw, all[i].n, K};
        weights++;
        place += words_T * all[i].n;
    }
    if (R) terms[input.count++] = (term){(const uint32_t *)d_down, words_of(R), 1, a_words, K, R, AS_WORDS};
#pragma omp parallel num_threads(threads)
    {
        uint32_t *words = g_words;
        for (long i = 0; i < count; i++) {
            if (!all[i].dw) continue;
            long n = all[i].n;
#pragma omp for schedule(static) nowait
            for (long p = 0; p < words_T; p++)
                rows_as_words(all[i].y + PER_WORD * p * n, n, least(T - PER_WORD * p, PER_WORD), n, words + p * n, n);
            words += words_T * n;
        }
        if (R) adapt_backward(x, down, all, count, T, K, down_T, d_down_T, b_words, a_words, d_down);
        if (weights) {
#pragma omp barrier
        }
        if (dx) run_products(&input, 1);
        for (long i = 0; i < weights; i++) run_products(wanted + i, 1);
    }
    free(d_down);
    free(down_T);
    free(d_down_T);
    free(b_words);
    free(a_words);
    free(g_words);
}
