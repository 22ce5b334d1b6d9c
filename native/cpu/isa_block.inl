// Blocks of 32 values in the registers that are compiled for.
#pragma once
#include "cpu/isa_vec.inl"

#if LOPHI_VEC == 128
#include "cpu/isa_block128.inl"
#else
#include "cpu/isa_block256.inl"
#endif
