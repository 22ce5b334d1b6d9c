#include "cuda/ops/table.h"

namespace lophi::cuda {

void rotary_embedding(Context& cuda, const Call& call) {
  const args::RotaryEmbedding x(call);
  const int64_t tokens = x.x.dim(0), width = x.x.dim(1);
  const RotaryEmbeddingParams p{pointer_to(x.x),
                                pointer_to<float>(x.cos),
                                pointer_to<float>(x.sin),
                                pointer_to<int>(x.position),
                                pointer_to(x.y),
                                tokens,
                                width,
                                x.head_dim,
                                x.cos.dim(1),
                                x.heads ? x.heads * x.head_dim : width,
                                x.cos.dim(0),
                                cuda.faults(call)};
  cuda.launch(rotary_embedding_kernel(x.y.dtype), {blocks(width, 256), tokens}, p);
}

}  // namespace lophi::cuda
