/* Norm, gate and cross-entropy, each in one pass over memory, for float32 and bfloat16. */
#include <math.h>
#include <omp.h>
#include "numbers.h"

#define PART "parts.h"
#include "both_numbers.h"
