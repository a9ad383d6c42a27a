"""The decoder of the Llama family written out, every part of it replaceable by a faster one."""
