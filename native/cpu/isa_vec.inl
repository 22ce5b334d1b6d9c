// The vectors of the instruction set that is compiled for, and what the inner loops may ask of them. An isa_<name>.cpp
// defines LOPHI_VEC before it includes anything; a file that is opened alone gets what the compiler's flags allow.
//
// Every isa_vec<bits>.inl provides, by value and inlined:
//   F, kLanes               floats of a register. Part: Full{}, or Tail{count} for the first count lanes, 0 < count < kLanes
//   load store              (pointer, [x,] Part = Full): unaligned; lanes beyond a tail are read as 0 and not written
//   load_half store_half load_bfloat store_bfloat   the same in 16 bits; rounded to nearest even, NaN stays NaN
//   zero set1 add sub mul div abs round             lane by lane; round: to nearest even, |a| < 2^22
//   fma(a, b, c)            a * b + c, rounded once, or twice where the processor has no such instruction
//   max(a, b)               NaN when one of them is; select_less(a, b, c, d) is a < b ? c : d
//   exp2_whole(n)           2^n for whole n in [-126, 127]
//   sum, store_sums         the lanes of one vector added; those of four vectors next to each other
//   half1 set1_half         a float16 as a number and in all lanes
//   load_int8 load_nibbles  kLanes signed bytes as floats; 16 bytes as 32 numbers (nibble - 8) * scale, low nibbles first
//   prefetch                a hint, or nothing
//   kDotRows kInt8DotRows   rows of x that products of few rows take at once
//   kAccumulators           vectors that fit into registers beside the operands
// and, on x86, for panels:
//   I                       the same register as integers: load_bits store_bits set1_* add* and_bits shift_* madd*
//   to_floats               its integers as floats; 32 bytes, signed or not, as kLanes floats each
//   transpose               16 bytes of kLanes rows -> four vectors, lane r of vector g is dword g of row r
//   kPanelRows              from so many rows of x on, turning w into panels pays
//   kFloatRows kFloatVectors kInt8Rows kInt8Vectors   tiles of y: rows, and vectors of columns
#pragma once

#if !defined(LOPHI_VEC)
#if defined(__AVX512F__)
#define LOPHI_VEC 512
#elif defined(__AVX2__)
#define LOPHI_VEC 256
#else
#define LOPHI_VEC 128
#endif
#endif

#if LOPHI_VEC == 512
#include "cpu/isa_vec512.inl"
#elif LOPHI_VEC == 256
#include "cpu/isa_vec256.inl"
#else
#include "cpu/isa_vec128.inl"
#endif
