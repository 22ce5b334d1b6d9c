#include "core/fault.h"
#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void rotary_embedding(Context& cpu, const Call& call) {
  const args::RotaryEmbedding x(call);
  const int64_t width = x.x.dim(1), head = x.head_dim, half = x.cos.dim(1);
  const int64_t tokens = x.x.dim(0), all = width / head, rotated = x.heads ? x.heads : all;
  const int32_t* position = data_as<int32_t>(x.position);
  for (int64_t t = 0; t < tokens; ++t)
    if (position[t] < 0 || position[t] >= x.cos.dim(0))
      throw fault_error("rotaryEmbedding", FaultKind::kIndex, "position", t, position[t], x.cos.dim(0));
  cpu.pool.run(tokens, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, width)), [&](int64_t begin, int64_t end) {
    std::vector<float> in, out;
    for (int64_t t = begin; t < end; ++t) {
      const float* from = float_row(cpu.isa, x.x, t * width, width, in);
      float* to = float_target(x.y, t * width, width, out);
      const int64_t at = position[t] * half;
      const float *cos = data_as<float>(x.cos) + at, *sin = data_as<float>(x.sin) + at;
      if (to != from) std::memcpy(to, from, static_cast<size_t>(width) * sizeof(float));
      for (int64_t h = 0; h < rotated; ++h) {
        float *a = to + h * head, *b = a + half;
        for (int64_t i = 0; i < half; ++i) {
          const float u = a[i], v = b[i];
          a[i] = u * cos[i] - v * sin[i];
          b[i] = v * cos[i] + u * sin[i];
        }
      }
      store_row(cpu.isa, x.y, t * width, width, to);
    }
  });
}

}  // namespace lophi::cpu
