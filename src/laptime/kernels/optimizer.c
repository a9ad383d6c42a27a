/* AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) and the norm of gradients, each in one pass over memory. */
#include <math.h>
#include <omp.h>
#include "numbers.h"

#define BLOCK 4096 /* numbers: float32 sums of so many squares hold */

typedef struct {
    const void *grad;
    float *master, *m, *v;
    void *weight; /* the master itself where that is the parameter */
    long size;
    double correction1, correction2; /* 1 - beta^step */
} parameter;

#define NUMBER float
#define READ(x) (x)
#define WRITE(x) (x)
#define NAME(part) part##_float32
#include "optimizer.h"
#undef NUMBER
#undef READ
#undef WRITE
#undef NAME

#define NUMBER bf16
#define READ(x) widen(x)
#define WRITE(x) narrow(x)
#define NAME(part) part##_bfloat16
#include "optimizer.h"
