// matmul_int8 of the instruction set that is compiled for.
#pragma once
#include "cpu/isa_vec.inl"

#if LOPHI_VEC == 128
#include "cpu/isa_plain.inl"
#else
#include "cpu/isa_panel_int8.inl"
#endif
