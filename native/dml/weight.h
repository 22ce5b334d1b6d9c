#pragma once
#include <array>
#include <vector>

#include "core/rows.h"
#include "dml/d3d12.h"

namespace lophi::dml {

// Canonical rows of all parts in one buffer, every row at a whole word; a tile order of its own is yet to come.
struct DmlWeight : Weight {
  struct Part {
    std::array<uint32_t, kSections> offset, stride;  // bytes
    uint32_t order;                                  // offset of int32 [K], the column at each place; 0: its own
    std::array<int, 3> shaders;                      // of linear, by the dtype of x
  };
  using Weight::Weight;
  std::shared_ptr<Buffer> buffer;
  std::vector<Part> stacked;  // beside `parts`
};

// Reads band by band into the upload heap; one band is copied while the next is read.
std::shared_ptr<const Weight> make_weight(Gpu& gpu, const WeightSpec& spec);

}  // namespace lophi::dml
