#include "core/attention.h"

#include <optional>

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

constexpr size_t kOperands = 8;  // of attention

template <class T>
T* pointer_or_null(const View* view) {
  return view ? pointer_to<T>(*view) : nullptr;
}

bool aligned(const View& view) { return view.offset % 16 == 0; }  // memory is, by 256

// How attention_flash.cu is launched.
struct Flash {
  AttentionFlashHead head;
  int splits, rows;         // blocks that share the keys of a tile; the most rows of a tile
  int64_t tiles, partials;  // blocks over rows; floats of what the splits leave
};

constexpr int kFlashKeys = kFlashWarps * kFlashStep;  // that the warps of a block take at once
// Blocks that keep a GPU busy. The grid follows from the capacity alone: blocks that find no keys of theirs leave at once.
constexpr int64_t kFlashBlocks = 512;

std::optional<Flash> flash_of(const args::Attention& x, const AttentionSizes& s) {
  if (x.keys.dtype != DType::kFloat16 || s.page < 1 || s.page % 16 || s.tokens < 1 || s.table < 1) return {};
  if ((s.d != 64 && s.d != 96 && s.d != 128) || !aligned(x.keys) || !aligned(x.values)) return {};
  const int64_t shared = s.heads / s.groups, rows = s.tokens * shared;
  if (s.page * s.table >= 1 << 30 || s.width * s.tokens >= 1 << 30) return {};
  Flash flash{s.d == 64   ? AttentionFlashHead::kD64
              : s.d == 96 ? AttentionFlashHead::kD96
                          : AttentionFlashHead::kD128,
              1, static_cast<int>(std::min<int64_t>(kFlashRows, rows)),
              rows / kFlashRows + std::min(s.sequences, s.tokens) + (x.rows ? 1 : 0), 0};
  if (flash.tiles > 65535) return {};
  const int64_t each = flash.tiles * s.groups, most = blocks(s.page * s.table, kFlashKeys);
  if (each < FaultWord::kCounters)
    flash.splits = static_cast<int>(std::clamp<int64_t>(kFlashBlocks / each, 1, std::min<int64_t>(most, 64)));
  flash.partials = each * flash.splits * flash.rows * (s.d + 2);
  return flash;
}

}  // namespace

// Blocks that share the keys of a row in attention.cu.
int splits_of(const AttentionSizes& s) {
  const int64_t rows = s.tokens * s.heads, most = blocks(s.page * s.table, kFlashKeys);
  if (rows >= FaultWord::kCounters || s.d > 128 || most < 2) return 1;
  return static_cast<int>(
      std::clamp<int64_t>(kFlashBlocks / std::max<int64_t>(1, rows), 1, std::min<int64_t>(most, 64)));
}

size_t attention_scratch(const Call& call) {
  const args::Attention x(call);
  const AttentionSizes s(x);
  if (!s.tokens || !s.d) return 0;
  const auto flash = flash_of(x, s);
  const int splits = splits_of(s);
  const int64_t plain = splits > 1 ? s.tokens * s.heads * splits * (s.d + 2) : 0;
  return static_cast<size_t>(std::max(plain, flash && flash->splits > 1 ? flash->partials : 0)) * sizeof(float);
}

// Of ropeAttention (ops/fused.cpp): the fast kernel appends, and turns exactly what attention takes for queries and keys.
bool takes_rope(const Call& call) {
  const args::Attention x(call);
  const AttentionSizes s(x);
  const int64_t dim = call.attributes[2].integer, heads = call.attributes[3].integer;
  return s.tokens <= kFreshTokens && flash_of(x, s) && dim == s.d && heads == s.heads + s.groups &&
         2 * call.in[kOperands].dim(1) <= dim;
}

// Of ropeAttention too, which has operands and attributes more.
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
  const auto append = [&] {
    cuda.launch(attention_append_kernel(static_cast<AttentionAppendVariant>(cache), x.qkv.dtype),
                {blocks(2 * s.groups, 8), s.tokens}, p);
  };
  const auto flash = flash_of(x, s);
  if (flash) {
    const bool fresh = s.tokens <= kFreshTokens;
    if (!fresh) append();
    AttentionFlashParams params{p,       flash->splits, flash->rows, fresh, nullptr, nullptr,
                                nullptr, nullptr,       nullptr,     0,     0};
    if (call.in.size() > kOperands) {
      const View &cos = call.in[kOperands], &sin = call.in[kOperands + 1], &angles = call.in[kOperands + 2];
      params.cos = pointer_to<float>(cos);
      params.sin = pointer_to<float>(sin);
      params.angles = pointer_to<int>(angles);
      params.angle_rows = cos.dim(0);
      params.half = static_cast<int>(cos.dim(1));
    }
    if (flash->splits > 1) {
      params.partial = pointer_to<float>(call.scratch);
      params.counters = cuda.counters();
    }
    const auto shared = static_cast<size_t>(kFlashWarps * flash->rows * s.d) * sizeof(float);
    cuda.launch(attention_flash_kernel(flash->head, x.qkv.dtype),
                {s.groups * flash->splits, flash->tiles, kFlashWarps * 32, shared}, params);
    return;
  }
  append();
  AttentionSplitParams params{p, splits_of(s), nullptr, nullptr};
  if (params.splits > 1) {
    params.partial = pointer_to<float>(call.scratch);
    params.counters = cuda.counters();
  }
  cuda.launch(attention_kernel(static_cast<AttentionVariant>(cache), x.qkv.dtype),
              {s.heads * params.splits, s.tokens, 256}, params);
}

}  // namespace lophi::cuda
