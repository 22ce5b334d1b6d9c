// What every backend's attention makes of its operands.
#pragma once
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/ops.gen.h"

namespace lophi {

// qkv holds rows of Q (heads x d) | K (groups x d) | V (groups x d), `width` elements each. The cache has `pages` of `page` tokens; a
// sequence has up to `table` of them: those of its row of the table, or consecutive ones.
struct AttentionSizes {
  int64_t tokens, heads, groups, d, page, pages, width, window, sequences, table;
  float scale;

  explicit AttentionSizes(const args::Attention& x)
      : tokens(x.qkv.dim(0)),
        heads(x.keys.dim(3) ? x.y.dim(1) / x.keys.dim(3) : 0),
        groups(x.keys.dim(1)),
        d(x.keys.dim(3)),
        page(x.keys.dim(2)),
        pages(x.keys.dim(0)),
        width(x.qkv.dim(1)),
        window(x.window),
        sequences(x.pages  ? x.pages->dim(0)
                  : x.rows ? x.rows->dim(0) - 1
                           : 1),
        table(x.pages     ? x.pages->dim(1)
              : sequences ? pages / sequences
                          : 0),
        scale(x.scale ? static_cast<float>(x.scale) : 1.0f / std::sqrt(static_cast<float>(d))) {}

  // Rows of each sequence where no `rows` divides them.
  int64_t rows_each() const { return sequences ? (tokens + sequences - 1) / sequences : 0; }
  // The first key that the row at `position` sees.
  int64_t low(int64_t position) const { return window ? std::max<int64_t>(0, position - window + 1) : 0; }
};

// Scales are there if, and only if, the cache is int8.
inline void check_scales(const args::Attention& x) {
  const bool int8 = x.keys.dtype == DType::kInt8;
  if (int8 != (x.key_scales != nullptr) || int8 != (x.value_scales != nullptr))
    throw Error("ERR_ARGUMENT", std::string("attention: keyScales and valueScales must be ") +
                                    (int8 ? "given with a cache of int8" : "absent where the cache is not int8"));
}

}  // namespace lophi
