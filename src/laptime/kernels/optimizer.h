/* AdamW and the norm of gradients, for one type of gradient: NUMBER, READ, WRITE and NAME say which. */

/* The sum of all squares; the same whatever the number of threads. `parts` holds one number for each block. */
double NAME(sum_squares)(const parameter *all, long count, double *parts, int threads)
{
    long blocks = 0;
    for (long i = 0; i < count; i++) blocks += (all[i].size + BLOCK - 1) / BLOCK;
#pragma omp parallel num_threads(threads)
    {
        long first = 0;
        for (long i = 0; i < count; i++) {
            const NUMBER *grad = all[i].grad;
            long size = all[i].size, own = (size + BLOCK - 1) / BLOCK;
#pragma omp for schedule(static) nowait
            for (long block = 0; block < own; block++) {
                long end = (block + 1) * BLOCK < size ? (block + 1) * BLOCK : size;
                float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
                for (long j = block * BLOCK; j < end; j++) sum += READ(grad[j]) * READ(grad[j]);
                parts[first + block] = sum;
            }
            first += own;
        }
    }
    double total = 0.0;
    for (long block = 0; block < blocks; block++) total += parts[block];
    return total;
}

/* One update as torch's fused AdamW makes it, of float32 masters; a weight beside one is its rounding. */
void NAME(adamw)(const parameter *all, long count, double rate, double beta1, double beta2, double epsilon,
                 double decay, double divisor, int threads)
{
    float kept = (float)(1.0 - rate * decay), new1 = (float)(1.0 - beta1), new2 = (float)(1.0 - beta2);
    float old2 = (float)beta2, least = (float)epsilon, whole = (float)divisor;
#pragma omp parallel num_threads(threads)
    for (long i = 0; i < count; i++) {
        const NUMBER *grad = all[i].grad;
        float *master = all[i].master, *m = all[i].m, *v = all[i].v;
        NUMBER *weight = all[i].weight;
        float stride = (float)(rate / all[i].correction1), root = (float)sqrt(all[i].correction2);
#pragma omp for schedule(static) nowait
        for (long block = 0; block < (all[i].size + BLOCK - 1) / BLOCK; block++) {
            long begin = block * BLOCK, end = begin + BLOCK < all[i].size ? begin + BLOCK : all[i].size;
#pragma omp simd
            for (long j = begin; j < end; j++) {
                float g = READ(grad[j]) / whole, x = master[j] * kept;
                float first = m[j] + (g - m[j]) * new1, second = old2 * v[j] + new2 * g * g;
                m[j] = first;
                v[j] = second;
                master[j] = x - stride * first / (sqrtf(second) / root + least);
            }
            if (weight != (NUMBER *)master) {
#pragma omp simd
                for (long j = begin; j < end; j++) weight[j] = WRITE(master[j]);
            }
        }
    }
}
