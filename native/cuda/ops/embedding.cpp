#include "cuda/ops/table.h"

namespace lophi::cuda {

// A launch for each part of the table; without any, ids are reported all the same.
void embedding(Context& cuda, const Call& call) {
  const args::Embedding x(call);
  const CudaWeight& table = cuda.use(x.table);
  const int64_t tokens = x.ids.count();
  const auto look_up = [&](const WeightRows& rows) {
    const EmbeddingParams p{rows, pointer_to<int>(x.ids), pointer_to(x.y), tokens, table.rows, cuda.faults(call)};
    cuda.launch(embedding_kernel(x.y.dtype), {blocks(table.columns, 256), tokens}, p);
  };
  if (table.stacked.empty()) {
    WeightRows none{};
    none.columns = table.columns;
    look_up(none);
  }
  for (const CudaWeight::Part& part : table.stacked) look_up(part.rows);
}

}  // namespace lophi::cuda
