/* Linear layers of float32. */
#define PER_WORD 1
#define NAME(part) part##_float32
#include "projections.h"
