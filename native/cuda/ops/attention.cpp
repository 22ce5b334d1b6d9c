#include "core/attention.h"

#include "cuda/ops/attention.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {
namespace {

// The variants follow the order of the instances.
int cache_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return 1;
    case DType::kBfloat16:
      return 2;
    case DType::kInt8:
      return 3;
    default:
      return 0;
  }
}

template <class T>
T* pointer_or_null(const View* view) {
  return view ? pointer_to<T>(*view) : nullptr;
}

}  // namespace

void attention(Context& cuda, const Call& call) {
  const args::Attention x(call);
  check_scales(x);
  const AttentionSizes s(x);
  if (!s.tokens || !s.d) return;
  const AttentionParams p{pointer_to(x.qkv),
                          pointer_to(x.keys),
                          pointer_to(x.values),
                          pointer_to<int>(x.position),
                          pointer_or_null<int>(x.pages),
                          pointer_or_null<int>(x.rows),
                          pointer_or_null<float>(x.key_scales),
                          pointer_or_null<float>(x.value_scales),
                          pointer_to(x.y),
                          s.tokens,
                          s.heads,
                          s.groups,
                          s.d,
                          s.page,
                          s.pages,
                          s.width,
                          s.window,
                          s.sequences,
                          s.table,
                          s.rows_each(),
                          s.scale,
                          cuda.faults(call)};
  const int cache = cache_of(x.keys.dtype);
  cuda.launch(attention_append_kernel(static_cast<AttentionAppendVariant>(cache), x.qkv.dtype),
              {blocks(2 * s.groups, 8), s.tokens}, p);
  cuda.launch(attention_kernel(static_cast<AttentionVariant>(cache), x.qkv.dtype), {s.heads, s.tokens, 128}, p);
}

}  // namespace lophi::cuda
