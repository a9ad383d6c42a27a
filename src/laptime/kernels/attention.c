/* Rotation and causal attention of examples that stand one after another, forward and backward.
 *
 * Scores exist for a block of queries at a time; what is kept is one number a query, log-sum-exp (after Dao et
 * al. 2022, arXiv:2205.14135). Keys beyond a block's last query are never multiplied.
 * Shapes: T tokens of all examples, t of one example, H heads of queries, G heads of keys and values, E width of
 * a head (a multiple of 32).
 */
#ifdef __AVX512BF16__
#include <math.h>
#include <omp.h>
#define PER_WORD 2
#include "tiles.h"

#define QUERIES 24 /* of a block */

typedef struct {
    const long *begins; /* examples + 1 */
    long examples, T, H, G, E;
    float scale;
    int threads;
} attention;

/* y = x cos + turned(x) sin; way -1 turns back. Angles are TxE, their halves alike or not. */
static void turn_row(const bf16 *x, const bf16 *cos, const bf16 *sin, bf16 *y, long E, float way)
{
    long half = E / 2;
#pragma omp simd
    for (long e = 0; e < half; e++) {
        float left = widen(x[e]), right = widen(x[e + half]);
        float sin_left = widen(sin[e]), sin_right = widen(sin[e + half]);
        float turned_left = way > 0 ? -right * sin_left : right * sin_right;
        float turned_right = way > 0 ? left * sin_right : -left * sin_left;
        y[e] = narrow(left * widen(cos[e]) + turned_left);
        y[e + half] = narrow(right * widen(cos[e + half]) + turned_right);
    }
}

/* The same of float32 sums, into bf16. */
static void turn_sums(const float *x, const bf16 *cos, const bf16 *sin, bf16 *y, long E, float way)
{
    long half = E / 2;
#pragma omp simd
    for (long e = 0; e < half; e++) {
        float left = x[e], right = x[e + half];
        float sin_left = widen(sin[e]), sin_right = widen(sin[e + half]);
        float turned_left = way > 0 ? -right * sin_left : right * sin_right;
        float turned_right = way > 0 ? left * sin_right : -left * sin_left;
        y[e] = narrow(left * widen(cos[e]) + turned_left);
        y[e + half] = narrow(right * widen(cos[e + half]) + turned_right);
    }
}

/* words (e / 2, j): pairs along E of the rows of x, as the transposed operand of a product. */
static void pair_columns(const bf16 *x, long x_row, long t, long E, uint32_t *words, long words_row)
{
    for (long j = 0; j < t; j++) {
        const uint32_t *row = (const uint32_t *)(x + j * x_row);
        for (long p = 0; p < E / 2; p++) words[p * words_row + j] = row[p];
    }
    for (long p = 0; p < E / 2; p++)
        for (long j = t; j < words_row; j++) words[p * words_row + j] = 0;
}

ALWAYS __m512 exponential_16(__m512 x)
{
    __m512 whole = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 8);
    __m512 rest = _mm512_fnmadd_ps(whole, _mm512_set1_ps(0.693359375f), x);
    rest = _mm512_fmadd_ps(whole, _mm512_set1_ps(2.12194440e-4f), rest);
    __m512 power = _mm512_set1_ps(1.3981999507e-3f);
    power = _mm512_fmadd_ps(power, rest, _mm512_set1_ps(8.3334519073e-3f));
    power = _mm512_fmadd_ps(power, rest, _mm512_set1_ps(4.1665795894e-2f));
    power = _mm512_fmadd_ps(power, rest, _mm512_set1_ps(1.6666665459e-1f));
    power = _mm512_fmadd_ps(power, rest, _mm512_set1_ps(5.0000001201e-1f));
    power = _mm512_fmadd_ps(power, _mm512_mul_ps(rest, rest), _mm512_add_ps(rest, _mm512_set1_ps(1.0f)));
    return _mm512_scalef_ps(power, whole);
}

ALWAYS __mmask16 first_lanes(long count)
{
    return count >= 16 ? (__mmask16)0xffff : count <= 0 ? (__mmask16)0 : (__mmask16)((1u << count) - 1u);
}

ALWAYS void store_rounded(bf16 *out, __m512 x) { _mm256_storeu_si256((__m256i *)out, (__m256i)_mm512_cvtneps_pbh(x)); }

/* Softmax of `count` scores; the odds of what follows up to `width` become 0. Returns log-sum-exp. */
static float soften_row(const float *scores, long count, long width, float scale, bf16 *odds, float *sum_out)
{
    __m512 factor = _mm512_set1_ps(scale), highest = _mm512_set1_ps(-INFINITY), sums = _mm512_setzero_ps();
    for (long j = 0; j < count; j += VECTOR)
        highest = _mm512_mask_max_ps(highest, first_lanes(count - j), highest, _mm512_loadu_ps(scores + j));
    float largest = _mm512_reduce_max_ps(highest) * scale;
    for (long j = 0; j < width; j += VECTOR) {
        __m512 score = _mm512_fmsub_ps(_mm512_loadu_ps(scores + j), factor, _mm512_set1_ps(largest));
        __m512 power = _mm512_maskz_mov_ps(first_lanes(count - j), exponential_16(score));
        sums = _mm512_add_ps(sums, power);
        store_rounded(odds + j, power);
    }
    *sum_out = _mm512_reduce_add_ps(sums);
    return largest + logf(*sum_out);
}

static long longest(const attention *at)
{
    long most = 0;
    for (long i = 0; i < at->examples; i++)
        most = at->begins[i + 1] - at->begins[i] > most ? at->begins[i + 1] - at->begins[i] : most;
    return most;
}

/* q, k, v: T x (heads E). Keeps the rotated q and k and the log-sum-exp of every query (H x T); out: T x (H E). */
void attention_forward(const attention *at, const bf16 *q, const bf16 *k, const bf16 *v, const bf16 *cos,
                       const bf16 *sin, bf16 *turned_q, bf16 *turned_k, float *lse, bf16 *out)
{
    long H = at->H, G = at->G, E = at->E, width = up_to(longest(at), PANEL), size = width * E / 2;
    long blocks = (longest(at) + QUERIES - 1) / QUERIES;
    uint32_t *key_pairs = take_memory(at->examples * G * size * 4);
    uint32_t *value_pairs = take_memory(at->examples * G * size * 4);
#pragma omp parallel num_threads(at->threads)
    {
        float *scores = take_memory(QUERIES * width * 4), *sums = take_memory(QUERIES * E * 4);
        bf16 *odds = take_memory(QUERIES * width * 2);
#pragma omp for schedule(static)
        for (long t = 0; t < at->T; t++) {
            for (long h = 0; h < H; h++)
                turn_row(q + (t * H + h) * E, cos + t * E, sin + t * E, turned_q + (t * H + h) * E, E, 1.0f);
            for (long g = 0; g < G; g++)
                turn_row(k + (t * G + g) * E, cos + t * E, sin + t * E, turned_k + (t * G + g) * E, E, 1.0f);
        }
#pragma omp for schedule(dynamic)
        for (long pair = 0; pair < at->examples * G; pair++) {
            long begin = at->begins[pair / G], t = at->begins[pair / G + 1] - begin, g = pair % G;
            pair_columns(turned_k + (begin * G + g) * E, G * E, t, E, key_pairs + pair * size, width);
            rows_as_words(v + (begin * G + g) * E, G * E, t, E, value_pairs + pair * size, E);
        }
#pragma omp for schedule(dynamic)
        for (long task = at->examples * H * blocks - 1; task >= 0; task--) {
            long i = task / H % at->examples, h = task % H, first = task / H / at->examples * QUERIES;
            long begin = at->begins[i], t = at->begins[i + 1] - begin, pair = i * G + h / (H / G);
            if (first >= t) continue;
            long rows = least(t - first, QUERIES), keys = up_to(first + rows, VECTOR);
            const bf16 *q_block = turned_q + ((begin + first) * H + h) * E;
            multiply(rows, keys, E / 2, (const uint32_t *)q_block, H * E / 2, 1, key_pairs + pair * size, width,
                     scores, width, 0);
            float totals[QUERIES];
            for (long m = 0; m < rows; m++)
                lse[h * at->T + begin + first + m] =
                    soften_row(scores + m * width, first + m + 1, keys, at->scale, odds + m * width, totals + m);
            multiply(rows, E, (first + rows + 1) / 2, (const uint32_t *)odds, width / 2, 1, value_pairs + pair * size,
                     E, sums, E, 0);
            for (long m = 0; m < rows; m++) {
                bf16 *row = out + ((begin + first + m) * H + h) * E;
                __m512 share = _mm512_set1_ps(1.0f / totals[m]);
                for (long e = 0; e < E; e += VECTOR)
                    store_rounded(row + e, _mm512_mul_ps(_mm512_loadu_ps(sums + m * E + e), share));
            }
        }
        free(scores);
        free(sums);
        free(odds);
    }
    free(key_pairs);
    free(value_pairs);
}

/* odds = e^(scale scores - lse); d scores = scale odds (d odds - sum of odds d odds); both rounded. */
static void soften_back(const float *scores, const float *d_odds, long count, long width, float scale, float lse,
                        float *odds_row, bf16 *odds, bf16 *d_scores)
{
    __m512 factor = _mm512_set1_ps(scale), sums = _mm512_setzero_ps();
    for (long j = 0; j < width; j += VECTOR) {
        __m512 score = _mm512_fmsub_ps(_mm512_loadu_ps(scores + j), factor, _mm512_set1_ps(lse));
        __m512 power = _mm512_maskz_mov_ps(first_lanes(count - j), exponential_16(score));
        sums = _mm512_mask3_fmadd_ps(power, _mm512_loadu_ps(d_odds + j), sums, first_lanes(count - j));
        _mm512_storeu_ps(odds_row + j, power);
        store_rounded(odds + j, power);
    }
    __m512 pull = _mm512_set1_ps(_mm512_reduce_add_ps(sums));
    for (long j = 0; j < width; j += VECTOR) {
        __m512 part = _mm512_mul_ps(_mm512_loadu_ps(odds_row + j), _mm512_sub_ps(_mm512_loadu_ps(d_odds + j), pull));
        store_rounded(d_scores + j, _mm512_maskz_mul_ps(first_lanes(count - j), part, factor));
    }
}

/* From g, the gradient of the output, those of q, k and v before the rotation. */
void attention_backward(const attention *at, const bf16 *turned_q, const bf16 *turned_k, const bf16 *v,
                        const bf16 *cos, const bf16 *sin, const float *lse, const bf16 *g, bf16 *dq, bf16 *dk,
                        bf16 *dv)
{
    long H = at->H, G = at->G, E = at->E, T = at->T, groups = H / G;
    long width = up_to(longest(at), PANEL), size = width * E / 2;
    uint32_t *key_pairs = take_memory(at->examples * G * size * 4), *key_rows = take_memory(at->examples * G * size * 4);
    uint32_t *value_pairs = take_memory(at->examples * G * size * 4);
    float *d_keys = take_memory(H * T * E * 4), *d_values = take_memory(H * T * E * 4); /* of every query head */
#pragma omp parallel num_threads(at->threads)
    {
        float *scores = take_memory(QUERIES * width * 4), *d_odds = take_memory(QUERIES * width * 4);
        float *sums = take_memory(QUERIES * E * 4), *row_odds = take_memory(width * 4);
        bf16 *odds = take_memory(QUERIES * width * 2), *d_scores = take_memory(QUERIES * width * 2);
        uint32_t *odds_T = take_memory(QUERIES / 2 * width * 4), *d_scores_T = take_memory(QUERIES / 2 * width * 4);
        uint32_t *q_rows = take_memory(QUERIES / 2 * E * 4), *g_rows = take_memory(QUERIES / 2 * E * 4);
#pragma omp for schedule(dynamic)
        for (long pair = 0; pair < at->examples * G; pair++) {
            long begin = at->begins[pair / G], t = at->begins[pair / G + 1] - begin, head = pair % G;
            pair_columns(turned_k + (begin * G + head) * E, G * E, t, E, key_pairs + pair * size, width);
            rows_as_words(turned_k + (begin * G + head) * E, G * E, t, E, key_rows + pair * size, E);
            pair_columns(v + (begin * G + head) * E, G * E, t, E, value_pairs + pair * size, width);
        }
#pragma omp for schedule(dynamic)
        for (long task = 0; task < at->examples * H; task++) {
            long i = task / H, h = task % H, begin = at->begins[i], t = at->begins[i + 1] - begin;
            long pair = i * G + h / groups;
            float *d_key = d_keys + (h * T + begin) * E, *d_value = d_values + (h * T + begin) * E;
            memset(d_key, 0, (size_t)(t * E) * 4);
            memset(d_value, 0, (size_t)(t * E) * 4);
            for (long first = 0; first < t; first += QUERIES) {
                long rows = least(t - first, QUERIES), count = first + rows, keys = up_to(count, VECTOR);
                const bf16 *q_block = turned_q + ((begin + first) * H + h) * E;
                const bf16 *g_block = g + ((begin + first) * H + h) * E;
                multiply(rows, keys, E / 2, (const uint32_t *)q_block, H * E / 2, 1, key_pairs + pair * size, width,
                         scores, width, 0);
                multiply(rows, keys, E / 2, (const uint32_t *)g_block, H * E / 2, 1, value_pairs + pair * size, width,
                         d_odds, width, 0);
                for (long m = 0; m < rows; m++)
                    soften_back(scores + m * width, d_odds + m * width, first + m + 1, keys, at->scale,
                                lse[h * T + begin + first + m], row_odds, odds + m * width, d_scores + m * width);
                rows_as_words(odds, width, rows, count, odds_T, width);
                rows_as_words(d_scores, width, rows, count, d_scores_T, width);
                rows_as_words(q_block, H * E, rows, E, q_rows, E);
                rows_as_words(g_block, H * E, rows, E, g_rows, E);
                multiply(count, E, (rows + 1) / 2, odds_T, 1, width, g_rows, E, d_value, E, 1);
                multiply(count, E, (rows + 1) / 2, d_scores_T, 1, width, q_rows, E, d_key, E, 1);
                multiply(rows, E, (count + 1) / 2, (const uint32_t *)d_scores, width / 2, 1, key_rows + pair * size, E,
                         sums, E, 0);
                for (long m = 0; m < rows; m++) {
                    long t_m = begin + first + m;
                    turn_sums(sums + m * E, cos + t_m * E, sin + t_m * E, dq + (t_m * H + h) * E, E, -1.0f);
                }
            }
        }
#pragma omp for schedule(static)
        for (long t = 0; t < T; t++)
            for (long head = 0; head < G; head++) {
                float *d_key = d_keys + (head * groups * T + t) * E, *d_value = d_values + (head * groups * T + t) * E;
                for (long other = 1; other < groups; other++)
#pragma omp simd
                    for (long e = 0; e < E; e++) {
                        d_key[e] += d_key[other * T * E + e];
                        d_value[e] += d_value[other * T * E + e];
                    }
                turn_sums(d_key, cos + t * E, sin + t * E, dk + (t * G + head) * E, E, -1.0f);
                bf16 *row = dv + (t * G + head) * E;
#pragma omp simd
                for (long e = 0; e < E; e++) row[e] = narrow(d_value[e]);
            }
        free(scores); free(d_odds); free(sums); free(row_odds); free(odds); free(d_scores);
        free(odds_T); free(d_scores_T); free(q_rows); free(g_rows);
    }
    free(key_pairs); free(key_rows); free(value_pairs); free(d_keys); free(d_values);
}
#endif
