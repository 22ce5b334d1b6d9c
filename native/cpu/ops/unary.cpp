// y = f(x), elementwise.
#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

template <auto f>
void unary(Context& cpu, const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  with_number(x.dtype, [&]<class T>(T) {
    const T* from = data_as<T>(x);
    T* to = data_as<T>(y);
    cpu.pool.run(y.count(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = T(f(Arithmetic<T>(from[i])));
    });
  });
}

constexpr Row kRows[] = {
    {Op::kNeg, unary<[](auto x) { return wrap(x) * wrap(decltype(x){-1}); }>},
    {Op::kExp, unary<[](float x) { return std::exp(x); }>},
    {Op::kLog, unary<[](float x) { return std::log(x); }>},
    {Op::kSqrt, unary<[](float x) { return std::sqrt(x); }>},
    {Op::kTanh, unary<[](float x) { return std::tanh(x); }>},
    {Op::kSigmoid, unary<[](float x) { return 1.0f / (1.0f + std::exp(-x)); }>},
};

}  // namespace

std::span<const Row> unary_ops() { return kRows; }

}  // namespace lophi::cpu
