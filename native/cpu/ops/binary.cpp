// y = f(a, b), elementwise, operands stretched along axes of size 1.
#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

template <auto f>
void binary(Context& cpu, const Call& call) {
  const View &a = call.in[0], &b = call.in[1], &y = call.out[0];
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

constexpr Row kRows[] = {
    {Op::kAdd, binary<[](auto a, auto b) { return wrap(a) + wrap(b); }>},
    {Op::kSub, binary<[](auto a, auto b) { return wrap(a) - wrap(b); }>},
    {Op::kMul, binary<[](auto a, auto b) { return wrap(a) * wrap(b); }>},
    {Op::kDiv, binary<[](float a, float b) { return a / b; }>},
    {Op::kMaximum, binary<[](auto a, auto b) { return a < b ? b : a; }>},
    {Op::kMinimum, binary<[](auto a, auto b) { return b < a ? b : a; }>},
};

}  // namespace

std::span<const Row> binary_ops() { return kRows; }

}  // namespace lophi::cpu
