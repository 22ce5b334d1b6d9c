// The inner loops of the CPU backend, one table per instruction set, chosen once. Intrinsics live in isa_*.cpp only.
// Pointers need no alignment; lengths need be no multiple of anything unless said.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/dtype.h"
#include "core/formats.h"

namespace lophi::cpu {

// Activations rounded to int8 in groups of 32 along a row: x ≈ values * scales, scale = absmax / 127.
// k is a multiple of 32; row m starts at values + m*k, scales + m*k/32, sums + m*k/16.
struct Int8Rows {
  const int8_t* values;  // [m, k]
  const float* scales;   // [m, k/32]
  const int32_t* sums;   // [m, k/16] sums of 16 values: weights have offsets, some for 16 of them
};

// Rows of a weight, `stride` bytes apart. int4 and int8 keep scales and zero points in rows of their own beside the data.
struct WeightRows {
  WeightFormat format;
  const std::byte* data;
  size_t stride;
  int64_t group = 0;  // columns that share a scale
  DType scale_type = DType::kFloat32;
  ZeroType zero_type = ZeroType::kNone;
  const std::byte* scales = nullptr;  // [n, K / group]
  const std::byte* zeros = nullptr;
  size_t scale_stride = 0, zero_stride = 0;
};

struct Isa {
  const char* name;  // "scalar", "avx2", "avx512", "avx512vnni"

  // ---- conversion; `dtype` is a float type
  void (*to_float)(DType dtype, const void* from, float* to, int64_t n);
  void (*from_float)(DType dtype, const float* from, void* to, int64_t n);  // rounds to nearest even
  // the first n values of the first row, exact
  void (*dequantize)(const WeightRows& w, float* to, int64_t n);
  // one row, k % 32 == 0; a group that holds an infinity or NaN gets the scale NaN
  void (*quantize_int8)(const float* x, int64_t k, int8_t* values, float* scales, int32_t* sums);

  // ---- y[i*ldy + j] = sum over k of x[i*ldx + k] * w[j][k], i < m, j < n
  void (*matmul)(const WeightRows& w, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m, int64_t n,
                 int64_t k);
  // The same on int8 activations, where takes_int8.
  void (*matmul_int8)(const WeightRows& w, const Int8Rows& x, float* y, int64_t ldy, int64_t m, int64_t n, int64_t k);
  // y[i*ldy + d] += sum over j of p[i*ldp + j] * v[j*d_count + d], i < m, j < l, d < d_count; v is float32 or float16
  void (*accumulate)(DType dtype, const void* v, const float* p, int64_t ldp, float* y, int64_t ldy, int64_t m,
                     int64_t l, int64_t d_count);

  // ---- rows of float32
  float (*sum_squares)(const float* x, int64_t n);
  void (*scale_mul)(const float* x, float scale, const float* weight, float* y, int64_t n);  // y = x * scale * weight
  void (*add)(const float* a, const float* b, float* y, int64_t n);
  void (*silu_mul)(const float* gate, const float* up, float* y, int64_t n);
  float (*max)(const float* x, int64_t n);           // -inf when n is 0, NaN when one of them is
  float (*exp_sum)(float* x, float max, int64_t n);  // x = e^(x - max) where x <= max, returns their sum
  void (*scale)(float* x, float factor, int64_t n);
};

// Whether matmul_int8 multiplies such rows of k values.
inline bool takes_int8(const WeightRows& w, int64_t k) { return takes_int8(w.format, w.group, k); }

// The best table that this processor runs, or the one named (else LOPHI_CPU_ISA); throws ERR_ARGUMENT when it cannot
// run here.
const Isa& select_isa(const std::string& name = "");
// All tables that this processor runs, slowest first.
std::span<const Isa* const> available_isas();

}  // namespace lophi::cpu
