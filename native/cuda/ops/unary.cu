// y = f(x). A thread per element, stepping by the grid; bound by memory.
#include "cuda/common.cuh"

namespace {

// int wraps around, which C++ leaves undefined.
struct Neg {
  DEVICE static float of(float x) { return -x; }
  DEVICE static int of(int x) { return static_cast<int>(0u - static_cast<unsigned>(x)); }
};
struct Exp {
  DEVICE static float of(float x) { return expf(x); }
};
struct Log {
  DEVICE static float of(float x) { return logf(x); }
};
struct Sqrt {
  DEVICE static float of(float x) { return sqrtf(x); }
};
struct Tanh {
  DEVICE static float of(float x) { return tanhf(x); }
};
struct Sigmoid {
  DEVICE static float of(float x) { return 1.0f / (1.0f + expf(-x)); }
};

template <class F, class T>
struct Unary {
  using Params = lophi::cuda::UnaryParams;
  DEVICE static void run(const Params& p) {
    const T* x = static_cast<const T*>(p.x);
    T* y = static_cast<T*>(p.y);
    for (i64 i = thread_of_grid(); i < p.count; i += threads_of_grid()) store(y + i, F::of(arithmetic(x[i])));
  }
};

}  // namespace

// instances: Unary<op, dtype>
