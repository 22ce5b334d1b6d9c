// y = x in another dtype. Bound by memory.
#include "cuda/elements.cuh"
#include "cuda/ops/cast.h"

namespace {

template <class To>
struct Cast {
  using Params = lophi::cuda::CastParams;
  template <class From>
  DEVICE static void of(const Params& p) {
    const From* x = static_cast<const From*>(p.x);
    each(static_cast<To*>(p.y), p.count, [=](i64 i) { return value_at(x, i); });
  }
  DEVICE static void run(const Params& p) {
    switch (p.from) {
      case kFloat32:
        return of<float>(p);
      case kFloat16:
        return of<Half>(p);
      case kBfloat16:
        return of<Bfloat>(p);
      case kInt8:
        return of<i8>(p);
      case kUint8:
        return of<u8>(p);
      case kInt4:
        return of<Int4>(p);
      case kUint4:
        return of<Uint4>(p);
      case kInt32:
        return of<int>(p);
      case kUint32:
        return of<unsigned>(p);
    }
  }
};

}  // namespace

// instances: Cast<dtype>
