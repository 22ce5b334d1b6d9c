// y = f(a, b), operands stretched along axes of size 1. A thread per element, stepping by the grid; bound by memory.
#include "cuda/common.cuh"

namespace {

// int wraps around, which C++ leaves undefined.
struct Add {
  DEVICE static float of(float a, float b) { return a + b; }
  DEVICE static int of(int a, int b) { return static_cast<int>(static_cast<unsigned>(a) + static_cast<unsigned>(b)); }
};
struct Sub {
  DEVICE static float of(float a, float b) { return a - b; }
  DEVICE static int of(int a, int b) { return static_cast<int>(static_cast<unsigned>(a) - static_cast<unsigned>(b)); }
};
struct Mul {
  DEVICE static float of(float a, float b) { return a * b; }
  DEVICE static int of(int a, int b) { return static_cast<int>(static_cast<unsigned>(a) * static_cast<unsigned>(b)); }
};
struct Div {
  DEVICE static float of(float a, float b) { return a / b; }
};
struct Maximum {
  template <class A>
  DEVICE static A of(A a, A b) {
    return a < b ? b : a;
  }
};
struct Minimum {
  template <class A>
  DEVICE static A of(A a, A b) {
    return b < a ? b : a;
  }
};

template <class F, class T>
struct Binary {
  using Params = lophi::cuda::BinaryParams;
  DEVICE static void run(const Params& p) {
    const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
    T* y = static_cast<T*>(p.y);
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < p.count; i += step) {
      i64 at_a = p.rank ? 0 : i, at_b = at_a;
      i64 rest = i;
      for (int axis = p.rank - 1; axis >= 0; --axis) {
        const i64 at = rest % p.dims[axis];
        rest /= p.dims[axis];
        at_a += at * p.a_strides[axis];
        at_b += at * p.b_strides[axis];
      }
      store(y + i, F::of(arithmetic(a[at_a]), arithmetic(b[at_b])));
    }
  }
};

}  // namespace

// instances: Binary<op, dtype>
