// The table of one instruction set.
#pragma once
#include "cpu/isa_accumulate.inl"
#include "cpu/isa_floats.inl"
#include "cpu/isa_products.inl"
#include "cpu/isa_quantize.inl"
#include "cpu/isa_rows.inl"

namespace lophi::cpu {
namespace {

constexpr Isa table_of(const char* name) {
  return {name,        to_float,  from_float, dequantize, quantize_int8, matmul,  matmul_int8, accumulate,
          sum_squares, scale_mul, add_rows,   silu_mul,   max_row,       exp_sum, scale_row};
}

}  // namespace
}  // namespace lophi::cpu
