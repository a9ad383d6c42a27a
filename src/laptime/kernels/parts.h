/* The element-wise parts of a layer, for one type of number: NUMBER, READ, WRITE and NAME say which.
 *
 * Shapes: T tokens (rows), D numbers of a row; V words.
 */

/* y = w round(x s) with s = 1 / sqrt(mean(x^2) + epsilon), as transformers rounds it; keeps s of each row. */
void NAME(norm_forward)(const NUMBER *x, const float *w, NUMBER *y, float *s, long T, long D, float epsilon,
                        int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long t = 0; t < T; t++) {
        const NUMBER *x_t = x + t * D;
        NUMBER *y_t = y + t * D;
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (long d = 0; d < D; d++) sum += READ(x_t[d]) * READ(x_t[d]);
        float scale = 1.0f / sqrtf(sum / (float)D + epsilon);
#pragma omp simd
        for (long d = 0; d < D; d++) y_t[d] = WRITE(w[d] * READ(WRITE(READ(x_t[d]) * scale)));
        s[t] = scale;
    }
}

/* dx = s (w g - x s^2 mean(w g x)); dw, where it is wanted, a partial sum for each thread: threads x D. */
void NAME(norm_backward)(const NUMBER *g, const NUMBER *x, const float *w, const float *s, NUMBER *dx,
                         float *dw, long T, long D, int threads)
{
#pragma omp parallel num_threads(threads)
    {
        float *own = dw ? dw + (long)omp_get_thread_num() * D : 0;
#pragma omp for schedule(static)
        for (long t = 0; t < T; t++) {
            const NUMBER *x_t = x + t * D, *g_t = g + t * D;
            float scale = s[t], sum = 0.0f;
            if (own) {
#pragma omp simd
                for (long d = 0; d < D; d++) own[d] += READ(g_t[d]) * READ(WRITE(READ(x_t[d]) * scale));
            }
            if (!dx) continue;
            NUMBER *dx_t = dx + t * D;
#pragma omp simd reduction(+ : sum)
            for (long d = 0; d < D; d++) sum += READ(g_t[d]) * w[d] * READ(x_t[d]);
            float pull = sum * scale * scale / (float)D;
#pragma omp simd
            for (long d = 0; d < D; d++)
                dx_t[d] = WRITE(scale * (READ(g_t[d]) * w[d] - READ(x_t[d]) * pull));
        }
    }
}

/* y = round(silu(gate)) up. */
void NAME(gate_forward)(const NUMBER *gate, const NUMBER *up, NUMBER *y, long count, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++) {
        float z = READ(gate[i]);
        y[i] = WRITE(READ(WRITE(z * sigmoid(z))) * READ(up[i]));
    }
}

/* d gate = g up silu'(gate); d up = g silu(gate). */
void NAME(gate_backward)(const NUMBER *g, const NUMBER *gate, const NUMBER *up, NUMBER *d_gate,
                         NUMBER *d_up, long count, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++) {
        float z = READ(gate[i]), grad = READ(g[i]), odds = sigmoid(z);
        d_up[i] = WRITE(grad * z * odds);
        d_gate[i] = WRITE(grad * READ(up[i]) * odds * (1.0f + z * (1.0f - odds)));
    }
}

/* loss = logsumexp(row) - row[target]; the row becomes factor (softmax - one-hot) where `wants_gradient`. */
void NAME(cross_entropy)(NUMBER *logits, const int64_t *targets, float *losses, long T, long V, float factor,
                         int wants_gradient, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
    for (long t = 0; t < T; t++) {
        NUMBER *row = logits + t * V;
        float largest = -INFINITY, sum = 0.0f;
        long target = targets[t];
        float wanted = READ(row[target]);
#pragma omp simd reduction(max : largest)
        for (long v = 0; v < V; v++) largest = READ(row[v]) > largest ? READ(row[v]) : largest;
        for (long begin = 0; begin < V; begin += 4096) { /* sums of sums: float32 holds them all */
            long end = begin + 4096 < V ? begin + 4096 : V;
            float part = 0.0f;
#pragma omp simd reduction(+ : part)
            for (long v = begin; v < end; v++) part += exponential(READ(row[v]) - largest);
            sum += part;
        }
        losses[t] = logf(sum) + (largest - wanted);
        if (!wants_gradient) continue;
        float share = factor / sum;
#pragma omp simd
        for (long v = 0; v < V; v++) row[v] = WRITE(exponential(READ(row[v]) - largest) * share);
        row[target] = WRITE((exponential(wanted - largest) / sum - 1.0f) * factor);
    }
}

/* Rounds blocks of 64 numbers to one of 16 codes each: how many of the 15 `bounds` lie below x / (the largest size
 * in its block), which is kept in `scales`. Two codes a byte, the first in its upper half. */
void NAME(round_to_codes)(const NUMBER *x, const float *bounds, uint8_t *codes, float *scales, long blocks,
                          int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long b = 0; b < blocks; b++) {
        const NUMBER *x_b = x + b * 64;
        uint8_t found[64];
        float largest = 0.0f;
#pragma omp simd reduction(max : largest)
        for (long i = 0; i < 64; i++) {
            float size = fabsf(READ(x_b[i]));
            largest = size > largest ? size : largest;
        }
        scales[b] = largest;
        float inverse = 1.0f / (largest < 1e-38f ? 1e-38f : largest);
#pragma omp simd
        for (long i = 0; i < 64; i++) {
            float share = READ(x_b[i]) * inverse;
            int32_t code = 0;
            for (int k = 0; k < 15; k++) code += share > bounds[k];
            found[i] = (uint8_t)code;
        }
        for (long i = 0; i < 32; i++) codes[b * 32 + i] = (uint8_t)(found[2 * i] << 4 | found[2 * i + 1]);
    }
}
