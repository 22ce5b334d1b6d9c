// Scalars as tensors store them, and loops over elements for ops that are not hot.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/strides.h"
#include "cpu/context.h"

namespace lophi::cpu {

// 16-bit floats as stored; arithmetic happens in float.
struct Float16 {
  uint16_t bits;
  Float16() = default;
  Float16(float value);
  operator float() const;
};
struct Bfloat16 {
  uint16_t bits;
  Bfloat16() = default;
  Bfloat16(float value);
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

// Calls f with a value of the element type of `dtype`: float types and int32.
template <class F>
void with_number(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(float{});
    case DType::kFloat16:
      return f(Float16{});
    case DType::kBfloat16:
      return f(Bfloat16{});
    case DType::kInt32:
      return f(int32_t{});
    default:
      throw argument_error(std::string("cpu: no arithmetic on ") + name_of(dtype));
  }
}

// The type that arithmetic on T happens in.
template <class T>
using Arithmetic = std::conditional_t<std::is_same_v<T, int32_t>, int32_t, float>;

// For sums and products: int32 wraps around as it does everywhere else, where C++ alone leaves signed overflow undefined.
inline float wrap(float value) { return value; }
inline uint32_t wrap(int32_t value) { return static_cast<uint32_t>(value); }

constexpr int64_t kGrain = 4096;  // elements that are worth a piece of their own

// Calls f(i, offsets) for every i in [begin, end) of `shape` in row-major order; offsets[k] follows strides[k].
template <size_t N, class F>
void walk(std::span<const int64_t> shape, const std::array<std::vector<int64_t>, N>& strides, int64_t begin,
          int64_t end, F&& f) {
  const auto rank = static_cast<int>(shape.size());
  std::vector<int64_t> at(shape.size());
  std::array<int64_t, N> offset{};
  int64_t rest = begin;
  for (int axis = rank - 1; axis >= 0; --axis) {
    at[axis] = rest % shape[axis];
    rest /= shape[axis];
    for (size_t k = 0; k < N; ++k) offset[k] += at[axis] * strides[k][axis];
  }
  for (int64_t i = begin; i < end; ++i) {
    f(i, offset);
    for (int axis = rank - 1; axis >= 0; --axis) {
      for (size_t k = 0; k < N; ++k) offset[k] += strides[k][axis];
      if (++at[axis] < shape[axis]) break;
      for (size_t k = 0; k < N; ++k) offset[k] -= shape[axis] * strides[k][axis];
      at[axis] = 0;
    }
  }
}

// Rows of a float tensor as float32: in place where they are, else converted into `buffer`.
inline const float* float_row(const Isa& isa, const View& view, int64_t first, int64_t n, std::vector<float>& buffer) {
  if (view.dtype == DType::kFloat32) return data_as<float>(view) + first;
  buffer.resize(static_cast<size_t>(n));
  isa.to_float(view.dtype, data_of(view) + first * 2, buffer.data(), n);
  return buffer.data();
}

// Where a float32 result goes: straight into the tensor, or through `buffer` and store_row.
inline float* float_target(const View& view, int64_t first, int64_t n, std::vector<float>& buffer) {
  if (view.dtype == DType::kFloat32) return data_as<float>(view) + first;
  buffer.resize(static_cast<size_t>(n));
  return buffer.data();
}
inline void store_row(const Isa& isa, const View& view, int64_t first, int64_t n, const float* values) {
  if (view.dtype != DType::kFloat32) isa.from_float(view.dtype, values, data_of(view) + first * 2, n);
}

}  // namespace lophi::cpu
