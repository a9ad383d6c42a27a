/* Products with weights as they lie in memory, sums of several of them rounded once.
 *
 * A weight is put in words a block at a time, on the way into a core's cache: for some hundred rows that costs a
 * hundredth of the product, and no second copy of the weight is kept.
 */
#pragma once
#include <omp.h>
#include "tiles.h"

#define DEPTH 320 /* words of a block, at most: 80 KiB of a panel */
#define MOST_ROWS 384
#define TASKS 24 /* for each thread, below which rows are divided too */

enum { AS_ROWS, AS_COLUMNS, AS_WORDS }; /* b is depth x width; width x depth; words depth / PER_WORD x width */

typedef struct {
    const uint32_t *a; /* word (row, p) at a[row * a_row + p * a_word] */
    long a_row, a_word;
    const void *b;
    long b_row, depth; /* numbers (words where AS_WORDS) from one row to the next; whole words but AS_ROWS */
    int kind;
} term;

/* y = the sum of its terms, rows x width. */
typedef struct {
    const term *terms;
    long count;
    number *y;
    long rows, width;
} product;

/* 16 rows of 16 words become columns. */
ALWAYS void turn_words(const uint32_t *in, long in_row, uint32_t *out, long out_row)
{
#ifdef __AVX512F__
    __m512i r[16], s[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(in + i * in_row);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        s[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        s[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(s[4 * i], s[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(s[4 * i], s[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(s[4 * i + 1], s[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(s[4 * i + 1], s[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        s[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        s[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        s[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        s[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        _mm512_storeu_si512(out + i * out_row, _mm512_shuffle_i32x4(s[i], s[i + 8], 0x88));
        _mm512_storeu_si512(out + (i + 8) * out_row, _mm512_shuffle_i32x4(s[i], s[i + 8], 0xdd));
        _mm512_storeu_si512(out + (i + 4) * out_row, _mm512_shuffle_i32x4(s[i + 4], s[i + 12], 0x88));
        _mm512_storeu_si512(out + (i + 12) * out_row, _mm512_shuffle_i32x4(s[i + 4], s[i + 12], 0xdd));
    }
#else
    for (int i = 0; i < 16; i++)
        for (int p = 0; p < 16; p++) out[p * out_row + i] = in[i * in_row + p];
#endif
}

/* words (p, n) of words first..first+count-1 along the depth and columns n..n+width-1 of b, PANEL apart. */
static void take_block(const term *one, long first, long count, long n, long width, uint32_t *words)
{
    long row = one->b_row;
    if (one->kind == AS_ROWS) {
        const number *b = (const number *)one->b + PER_WORD * first * row + n;
        rows_as_words(b, row, least(PER_WORD * count, one->depth - PER_WORD * first), width, words, PANEL);
        return;
    }
    row /= PER_WORD;
    const uint32_t *rows = (const uint32_t *)one->b + n * row + first;
    long whole_p = count / 16 * 16, whole_n = width / 16 * 16;
    for (long i = 0; i < whole_n; i += 16)
        for (long p = 0; p < whole_p; p += 16) turn_words(rows + i * row + p, row, words + p * PANEL + i, PANEL);
    for (long i = 0; i < width; i++)
        for (long p = i < whole_n ? whole_p : 0; p < count; p++) words[p * PANEL + i] = rows[i * row + p];
}

/* What is multiplied next: lines of memory, fetched a few at a time while something else is multiplied. */
typedef struct {
    const char *place;
    long row, lines, left, line; /* bytes from row to row; lines of a row; rows left; line of the present row */
} coming;

ALWAYS coming foresee(const term *one, long first, long count, long n, long width)
{
    long size = (long)sizeof(number), row = one->b_row * size;
    const char *b = (const char *)one->b;
    if (one->kind == AS_ROWS)
        return (coming){b + PER_WORD * first * row + n * size, row, (width * size + 63) / 64,
                        least(PER_WORD * count, one->depth - PER_WORD * first), 0};
    if (one->kind == AS_COLUMNS) return (coming){b + n * row + first * 4, row, (count + 15) / 16, width, 0};
    return (coming){0, 0, 1, 0, 0};
}

ALWAYS void fetch_some(coming *next, long lines)
{
    for (; lines > 0 && next->left > 0; lines--) {
        __builtin_prefetch(next->place + next->line * 64, 0, 2);
        if (++next->line == next->lines) {
            next->line = 0;
            next->left--;
            next->place += next->row;
        }
    }
}

/* Words of a block: blocks of one term are of about one size. */
ALWAYS long block_of(const term *one)
{
    long all = words_of(one->depth), blocks = all / DEPTH + 1;
    return up_to((all + blocks - 1) / blocks, 16);
}

/* sums (rows x PANEL) of rows t.. and columns n..; `after` is what another panel begins with. */
static void sum_terms(const product *one, long t, long rows, long n, long width, coming after, uint32_t *words,
                      float *sums)
{
    int adds = 0;
    for (const term *each = one->terms; each < one->terms + one->count; each++) {
        long all = words_of(each->depth), block = block_of(each);
        for (long first = 0; first < all; first += block, adds = 1) {
            long count = least(all - first, block), b_row = PANEL;
            const uint32_t *b = words;
            coming next = after;
            if (first + block < all) next = foresee(each, first + block, least(all - first - block, block), n, width);
            else if (each + 1 < one->terms + one->count && each[1].kind != AS_WORDS)
                next = foresee(each + 1, 0, least(words_of(each[1].depth), block_of(each + 1)), n, width);
            if (each->kind == AS_WORDS) {
                b = (const uint32_t *)each->b + first * each->b_row + n;
                b_row = each->b_row;
            } else {
                take_block(each, first, count, n, width, words);
            }
            long share = next.lines * next.left * TILE_ROWS / rows + 1;
            const uint32_t *a = each->a + t * each->a_row + first * each->a_word;
            for (long m = 0; m < rows; m += TILE_ROWS) {
                fetch_some(&next, share);
                multiply(least(rows - m, TILE_ROWS), width, count, a + m * each->a_row, each->a_row, each->a_word, b,
                         b_row, sums + m * PANEL, PANEL, adds);
            }
        }
    }
    if (!adds) memset(sums, 0, (size_t)(rows * PANEL) * 4); /* a sum over no tokens */
}

ALWAYS long count_panels(const product *one) { return (one->width + PANEL - 1) / PANEL; }

/* The product to which a panel belongs, and its first column there. */
ALWAYS const product *find_panel(const product *all, long panel, long *n)
{
    for (; panel >= count_panels(all); all++) panel -= count_panels(all);
    *n = panel * PANEL;
    return all;
}

/* By all threads of a team, each in its own panels; nobody waits at the end. */
static void run_products(const product *all, long count)
{
    long panels = 0, most = 1, threads = omp_get_num_threads();
    for (long i = 0; i < count; i++) {
        panels += count_panels(all + i);
        most = all[i].rows > most ? all[i].rows : most;
    }
    long parts = (most + MOST_ROWS - 1) / MOST_ROWS;
    while (panels * parts < TASKS * threads && panels * parts % threads && most / parts >= 8 * TILE_ROWS) parts++;
    long step = up_to((most + parts - 1) / parts, TILE_ROWS);
    uint32_t *words = take_memory(DEPTH * PANEL * 4);
    float *sums = take_memory(step * PANEL * 4);
#pragma omp for schedule(dynamic) nowait
    for (long task = 0; task < panels * parts; task++) {
        long n, t = task % parts * step, next_n;
        const product *one = find_panel(all, task / parts, &n);
        long width = least(one->width - n, PANEL), rows = least(one->rows - t, step);
        if (rows <= 0) continue;
        coming after = {0, 0, 1, 0, 0};
        long next = (task + threads) / parts;
        if (next < panels && next != task / parts) {
            const product *other = find_panel(all, next, &next_n);
            const term *its = other->terms;
            after = foresee(its, 0, least(words_of(its->depth), block_of(its)), next_n, least(other->width - next_n, PANEL));
        }
        sum_terms(one, t, rows, n, width, after, words, sums);
        for (long m = 0; m < rows; m++)
            round_row(sums + m * PANEL, 1.0f, one->y + (t + m) * one->width + n, width);
    }
    free(words);
    free(sums);
}
