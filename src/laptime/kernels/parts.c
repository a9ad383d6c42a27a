/* Norm, gate and cross-entropy, each in one pass over memory, for float32 and bfloat16. */
#include <math.h>
#include <omp.h>
#include "numbers.h"

#define NUMBER float
#define READ(x) (x)
#define WRITE(x) (x)
#define NAME(part) part##_float32
#include "parts.h"
#undef NUMBER
#undef READ
#undef WRITE
#undef NAME

#define NUMBER bf16
#define READ(x) widen(x)
#define WRITE(x) narrow(x)
#define NAME(part) part##_bfloat16
#include "parts.h"
