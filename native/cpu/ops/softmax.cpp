#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void softmax(Context& cpu, const Call& call) {
  const args::Softmax x(call);
  const Axis a = axis_of(x.x, x.axis);
  with_number(x.x.dtype, [&]<class T>(T) {
    const T* from = data_as<T>(x.x);
    T* to = data_as<T>(x.y);
    cpu.pool.run(a.outer * a.inner, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, a.size)),
                 [&](int64_t begin, int64_t end) {
                   std::vector<float> line(static_cast<size_t>(a.size));
                   for (int64_t l = begin; l < end; ++l) {
                     const int64_t first = l / a.inner * a.size * a.inner + l % a.inner;
                     for (int64_t k = 0; k < a.size; ++k) line[k] = static_cast<float>(from[first + k * a.inner]);
                     const float sum = cpu.isa.exp_sum(line.data(), cpu.isa.max(line.data(), a.size), a.size);
                     for (int64_t k = 0; k < a.size; ++k) to[first + k * a.inner] = T(line[k] / sum);
                   }
                 });
  });
}

}  // namespace lophi::cpu
