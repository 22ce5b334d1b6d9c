#include <algorithm>
#include <iterator>
#include <optional>

#include "cuda/ops/form.h"
#include "cuda/ops/linear.h"

namespace lophi::cuda {
namespace {

constexpr int64_t kChunk = 64,
                  kRows = 128;  // columns of a tile, and rows of x of the largest block: x is padded to both
constexpr int kMaxPlanes = 3, kMinGroup = 16;

constexpr int64_t padded(int64_t count, int64_t to) { return blocks(count, to) * to; }

// Where things lie in scratch memory.
struct Layout {
  int64_t m_padded, k_padded;
  size_t scales, sums, steps, bytes;
  Layout(int64_t m, int64_t columns)
      : m_padded(padded(m, kRows)),
        k_padded(padded(columns, kChunk)),
        scales(static_cast<size_t>(kMaxPlanes * m_padded * k_padded) * 2),
        sums(scales + static_cast<size_t>(m_padded) * 4),
        steps(sums + static_cast<size_t>(k_padded / kMinGroup * m_padded) * 4),
        bytes(steps + static_cast<size_t>(k_padded / 32 * m_padded) * 4) {}
};

// The blocks of linear_many.cu: rows of x, strips of w.
struct Tile {
  LinearManyTile tile;
  int rows, strips;
  const char* name;
};
constexpr Tile kTiles[] = {{LinearManyTile::kLarge, 128, 8, "large blocks"},
                           {LinearManyTile::kMedium, 64, 8, "medium blocks"},
                           {LinearManyTile::kSmall, 64, 4, "small blocks"}};

std::optional<WeightForm> taken(const WeightRows& w) {
  const bool odd_groups = !w.floats && w.group % 32 && w.group != 16;
  if (odd_groups) return {};
  return form_of(w, [](WeightForm form) { return linear_many_kernel(form, LinearManyTile::kSmall) >= 0; });
}

// 1024 + zero as float16, in both halves: 1024 is the bits 0x6400, and steps are of 1.
constexpr unsigned bias_of(const WeightRows& w) {
  const int zero = w.codebook ? 128 : w.shift == WeightRows::kNone ? w.zero : 0;
  return static_cast<unsigned>(0x6400 + zero) * 0x10001;
}

// The largest blocks that are enough for the device; the last ones there are of every form.
const Tile& usual_tile(WeightForm form, int64_t m, int64_t strips, int multiprocessors) {
  const Tile* found = std::ranges::find_if(kTiles, [&](const Tile& tile) {
    return linear_many_kernel(form, tile.tile) >= 0 &&
           blocks(m, tile.rows) * blocks(strips, tile.strips) * 4 >= int64_t{multiprocessors} * 3;
  });
  return found == std::end(kTiles) ? *std::prev(found) : *found;
}

}  // namespace

bool takes_many(const LinearParams& linear) {
  return taken(linear.w) && linear.m >= 1 && linear.w.columns >= 1 && linear.w.count >= 1;
}

size_t linear_many_scratch(const LinearParams& linear) { return Layout(linear.m, linear.w.columns).bytes; }

const char* linear_many_name(LinearVariant variant) {
  return std::ranges::find(kTiles, static_cast<LinearManyTile>(variant.tile), &Tile::tile)->name;
}

void linear_many_variants(const LinearParams& linear, int multiprocessors, std::vector<LinearVariant>& to) {
  const auto form = taken(linear.w);
  // one row by tensor cores is never the fastest
  if (!form || linear.m < 2) return;
  const int64_t strips = blocks(linear.w.count, 16);
  const auto of = [](LinearManyTile tile) { return LinearVariant{LinearVariant::kMany, 0, static_cast<int8_t>(tile)}; };
  const LinearManyTile usual = usual_tile(*form, linear.m, strips, multiprocessors).tile;
  to.push_back(of(usual));
  for (const Tile& tile : kTiles)
    if (tile.tile != usual && linear_many_kernel(*form, tile.tile) >= 0) to.push_back(of(tile.tile));
}

void linear_many(Context& cuda, const LinearParams& linear, DType dtype, unsigned char* memory, LinearVariant variant) {
  const WeightRows& w = linear.w;
  const auto form = taken(w);
  const Layout at(linear.m, w.columns);
  auto* plane = reinterpret_cast<unsigned short*>(memory);
  auto* scales = reinterpret_cast<float*>(memory + at.scales);
  auto* sums = reinterpret_cast<float*>(memory + at.sums);
  auto* steps = linear.int8 ? reinterpret_cast<float*>(memory + at.steps) : nullptr;

  const bool bfloat = *form == WeightForm::kBf16, affine = !w.floats && w.shift != WeightRows::kNone;
  const bool exact = !linear.int8 && dtype == (bfloat ? DType::kBfloat16 : DType::kFloat16);
  const int planes = exact || steps ? 1 : bfloat ? 3 : 2, group = w.group == 16 ? 16 : 32;
  cuda.launch(linear_prepare_kernel(dtype), {at.m_padded},
              LinearPrepareParams{linear.x, w.order, plane, scales, affine ? sums : nullptr, linear.m, w.columns,
                                  at.m_padded, at.k_padded, steps, planes, bfloat, affine ? group : 0, !w.floats});

  const int64_t strips = blocks(w.count, 16);
  const LinearManyParams params{linear,      plane,  scales, affine ? sums : nullptr, steps,     at.m_padded,
                                at.k_padded, strips, planes, static_cast<int>(dtype), bias_of(w)};
  const Tile* told = variant.product == LinearVariant::kMany
                         ? std::ranges::find(kTiles, static_cast<LinearManyTile>(variant.tile), &Tile::tile)
                         : std::end(kTiles);
  const Tile& tile = told != std::end(kTiles) ? *told : usual_tile(*form, linear.m, strips, cuda.multiprocessors());
  cuda.launch(linear_many_kernel(*form, tile.tile), {blocks(linear.m, tile.rows), blocks(strips, tile.strips)}, params);
}

}  // namespace lophi::cuda
