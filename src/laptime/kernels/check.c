/* A first use of every file, by a process that may die of it: 0 where the processor does what was compiled. */
#include <math.h>
#include <stdint.h>

void gate_forward_float32(const float *gate, const float *up, float *y, long count, int threads);
void cross_entropy_float32(float *logits, const int64_t *targets, float *losses, long T, long V, float factor,
                           int wants_gradient, int threads);

/* Says which parts were compiled: 1 for those of bfloat16 products. */
int has_bfloat16_products(void)
{
#ifdef __AVX512BF16__
    return 1;
#else
    return 0;
#endif
}

/* Of float32: 1 where sums take a product in one instruction. */
int has_float32_products(void)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return 1;
#else
    return 0;
#endif
}

#ifdef __AVX512BF16__
#define PER_WORD 2
#include "tiles.h"

static int multiplies(void)
{
    uint32_t a[2 * 32], b[32 * 16];
    float c[2 * 16];
    for (int i = 0; i < 2 * 32; i++) a[i] = word_of(1.0f, 2.0f);
    for (int i = 0; i < 32 * 16; i++) b[i] = word_of(3.0f, 0.5f);
    multiply(2, 16, 32, a, 32, 1, b, 16, c, 16, 0);
    return c[0] == 128.0f && c[31] == 128.0f;
}
#else
static int multiplies(void) { return 1; }
#endif

int check(void)
{
    float gate[33], up[33], y[33], losses[1];
    int64_t targets[1] = {0};
    for (int i = 0; i < 33; i++) gate[i] = 0.0f, up[i] = 1.0f;
    gate[32] = 1.0f;
    gate_forward_float32(gate, up, y, 33, 2);
    if (y[0] != 0.0f || fabsf(y[32] - 0.7310586f) > 1e-6f) return 1;
    cross_entropy_float32(up, targets, losses, 1, 33, 1.0f, 1, 2);
    return !(fabsf(losses[0] - 3.4965076f) < 1e-5f && multiplies());
}
