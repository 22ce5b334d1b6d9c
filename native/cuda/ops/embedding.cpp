#include "cuda/ops/table.h"

namespace lophi::cuda {

void embedding(Context& cuda, const Call& call) {
  const args::Embedding x(call);
  const auto& table = static_cast<const CudaWeight&>(x.table);
  const int64_t tokens = x.ids.count();
  const EmbeddingParams p{pointer_to<unsigned char>(*table.data),
                          pointer_to<int>(x.ids),
                          pointer_to(x.y),
                          tokens,
                          table.rows,
                          table.columns,
                          static_cast<int>(table.format),
                          cuda.faults(call)};
  cuda.launch(embedding_kernel(x.y.dtype), {blocks(table.columns, 256), tokens}, p);
}

}  // namespace lophi::cuda
