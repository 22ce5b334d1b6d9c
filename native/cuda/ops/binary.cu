// y = f(a, b), operands stretched along axes of size 1. A thread per element, stepping by the grid; bound by memory.
#include "cuda/broadcast.cuh"
#include "cuda/ops/binary.h"

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
    for (i64 i = thread_of_grid(); i < p.count; i += threads_of_grid()) {
      i64 at[2];
      locate(p.shape, i, at);
      store(y + i, F::of(arithmetic(a[at[0]]), arithmetic(b[at[1]])));
    }
  }
};

}  // namespace

// instances: Binary<op, dtype>
