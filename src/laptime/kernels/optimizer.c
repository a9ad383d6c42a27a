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

#define PART "optimizer.h"
#include "both_numbers.h"
