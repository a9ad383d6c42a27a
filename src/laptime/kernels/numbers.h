/* Numbers: bfloat16 and its rounding, an exponential that compilers make vectors of. */
#pragma once
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

static inline float widen(bf16 x) { return float_of((uint32_t)x << 16); }

/* To the nearest, ties to even. What is no number stays none: arithmetic makes such with few bits, widening too. */
static inline bf16 narrow(float x)
{
    uint32_t bits = bits_of(x);
    return (bf16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/* e^x to 1e-7 of its value, for x up to 88; below -87 it is e^-87. */
static inline float exponential(float x)
{
    const float to_whole = 12582912.0f; /* 1.5 * 2^23: adding it leaves the whole number in the last bits */
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float shifted = x * 1.44269504f + to_whole;
    float whole = shifted - to_whole;
    float rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    float power = 1.9875691500e-4f;
    power = power * rest + 1.3981999507e-3f;
    power = power * rest + 8.3334519073e-3f;
    power = power * rest + 4.1665795894e-2f;
    power = power * rest + 1.6666665459e-1f;
    power = power * rest + 5.0000001201e-1f;
    power = power * rest * rest + rest + 1.0f;
    uint32_t exponent = bits_of(shifted) - bits_of(to_whole) + 127u;
    return power * float_of(exponent << 23);
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
