// y = a + b, broadcast. A thread per element, stepping by the grid; bound by memory.
#include "cuda/common.cuh"

namespace {

using lophi::cuda::Broadcast;

DEVICE int plus(int a, int b) { return static_cast<int>(static_cast<unsigned>(a) + static_cast<unsigned>(b)); }
DEVICE void add_to(int* y, int a, int b) { *y = plus(a, b); }
template <class T>
DEVICE void add_to(T* y, T a, T b) {
  store(y, to_float(a) + to_float(b));
}

template <class T>
DEVICE void add(const T* a, const T* b, T* y, i64 count, const Broadcast& shape) {
  const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
  for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    i64 at_a = shape.rank ? 0 : i, at_b = at_a;
    i64 rest = i;
    for (int axis = shape.rank - 1; axis >= 0; --axis) {
      const i64 at = rest % shape.dims[axis];
      rest /= shape.dims[axis];
      at_a += at * shape.a[axis];
      at_b += at * shape.b[axis];
    }
    add_to(y + i, a[at_a], b[at_b]);
  }
}

}  // namespace

KERNEL(add_float32)(const float* a, const float* b, float* y, i64 count, Broadcast shape) {
  add(a, b, y, count, shape);
}
KERNEL(add_float16)(const Half* a, const Half* b, Half* y, i64 count, Broadcast shape) { add(a, b, y, count, shape); }
KERNEL(add_bfloat16)
(const Bfloat* a, const Bfloat* b, Bfloat* y, i64 count, Broadcast shape) { add(a, b, y, count, shape); }
KERNEL(add_int32)(const int* a, const int* b, int* y, i64 count, Broadcast shape) { add(a, b, y, count, shape); }
