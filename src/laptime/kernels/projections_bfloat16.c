/* Linear layers of bfloat16. */
#ifdef __AVX512BF16__
#define PER_WORD 2
#define NAME(part) part##_bfloat16
#include "projections.h"
#endif
