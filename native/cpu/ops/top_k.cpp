#include <numeric>

#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

// NaN stands behind everything, so that the order is one.
float rank_of(float value) { return value == value ? value : -std::numeric_limits<float>::infinity(); }

}  // namespace

void top_k(Context& cpu, const Call& call) {
  const args::TopK x(call);
  const int64_t n = x.x.dim(-1), k = x.k;
  with_number(x.x.dtype, [&]<class T>(T) {
    const T* from = data_as<T>(x.x);
    T* values = data_as<T>(x.values);
    int32_t* indices = data_as<int32_t>(x.indices);
    cpu.pool.run(x.x.count() / n, 1, [&](int64_t begin, int64_t end) {
      std::vector<int32_t> order(static_cast<size_t>(n));
      for (int64_t row = begin; row < end; ++row) {
        const T* line = from + row * n;
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + k, order.end(), [line](int32_t a, int32_t b) {
          const float va = rank_of(line[a]), vb = rank_of(line[b]);
          return va != vb ? va > vb : a < b;
        });
        for (int64_t i = 0; i < k; ++i) {
          indices[row * k + i] = order[i];
          values[row * k + i] = line[order[i]];
        }
      }
    });
  });
}

}  // namespace lophi::cpu
