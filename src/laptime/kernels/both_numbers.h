/* Includes PART once for float32 and once for bfloat16. */
#define NUMBER float
#define READ(x) (x)
#define WRITE(x) (x)
#define NAME(part) part##_float32
#include PART
#undef NUMBER
#undef READ
#undef WRITE
#undef NAME

#define NUMBER bf16
#define READ(x) widen(x)
#define WRITE(x) narrow(x)
#define NAME(part) part##_bfloat16
#include PART
