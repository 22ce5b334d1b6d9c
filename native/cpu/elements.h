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

// Wraps around as int32 does everywhere else; C++ alone leaves signed overflow undefined.
template <class F>
int32_t wrapping(int32_t a, int32_t b, F&& f) {
  return static_cast<int32_t>(f(static_cast<uint32_t>(a), static_cast<uint32_t>(b)));
}

constexpr int64_t kGrain = 4096;  // elements that are worth a piece of their own

// Strides, in elements, of `shape` read as `out`: 0 where it is stretched.
std::vector<int64_t> broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> out);

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

// y = f(x), elementwise.
template <class F>
void unary(Context& cpu, const View& x, const View& y, F&& f) {
  with_number(x.dtype, [&]<class T>(T) {
    const T* from = data_as<T>(x);
    T* to = data_as<T>(y);
    cpu.pool.run(y.count(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = T(f(Arithmetic<T>(from[i])));
    });
  });
}

// y = f(a, b), broadcast.
template <class F>
void binary(Context& cpu, const View& a, const View& b, const View& y, F&& f) {
  with_number(a.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T *pa = data_as<T>(a), *pb = data_as<T>(b);
    T* to = data_as<T>(y);
    const bool plain = a.shape == y.shape && b.shape == y.shape;
    const std::array strides{broadcast_strides(a.shape, y.shape), broadcast_strides(b.shape, y.shape)};
    cpu.pool.run(y.count(), kGrain, [&](int64_t begin, int64_t end) {
      if (plain)
        for (int64_t i = begin; i < end; ++i) to[i] = T(f(A(pa[i]), A(pb[i])));
      else
        walk(y.shape, strides, begin, end,
             [&](int64_t i, const auto& at) { to[i] = T(f(A(pa[at[0]]), A(pb[at[1]]))); });
    });
  });
}

// An axis of a tensor as three loops: outer x size x inner.
struct Axis {
  int64_t outer = 1, size = 1, inner = 1;
};
Axis axis_of(const View& x, int64_t axis);

// y[o, i] = f(count, get) for every line along the axis; get(k) is element k in the arithmetic type.
template <class Out, class T, class F>
void reduce(Context& cpu, const View& x, int64_t axis, const View& y, F&& f) {
  const Axis a = axis_of(x, axis);
  const T* from = data_as<T>(x);
  Out* to = data_as<Out>(y);
  cpu.pool.run(a.outer * a.inner, std::max<int64_t>(1, kGrain / a.size), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const T* first = from + line / a.inner * a.size * a.inner + line % a.inner;
      to[line] = Out(f(a.size, [&](int64_t k) { return Arithmetic<T>(first[k * a.inner]); }));
    }
  });
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
