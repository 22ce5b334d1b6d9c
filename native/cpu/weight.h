// A weight as the CPU computes on it: rows in place, in the mapped file, or read into memory of its own.
#pragma once
#include <memory>
#include <vector>

#include "core/pool.h"
#include "core/weight.h"
#include "cpu/isa.h"

namespace lophi::cpu {

struct CpuWeight : Weight {
  struct Part {
    WeightRows rows;
    int64_t first_row = 0, count = 0;
    const int32_t* order = nullptr;                   // the column that stands at each place; null: its own
    std::vector<std::shared_ptr<const void>> owners;  // of what these point to

    int64_t end_row() const { return first_row + count; }
    WeightRows from(int64_t row) const;  // counted in the weight
  };
  using Weight::Weight;
  std::vector<Part> stacked;
};

std::shared_ptr<const Weight> make_weight(BlockPool& memory, WeightSpec spec);

}  // namespace lophi::cpu
