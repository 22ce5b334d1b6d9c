#pragma once
#include "dml/d3d12.h"

namespace lophi::dml {

// A q4_0 matrix split into [N, K/32] blocks of 16 bytes of nibbles and, behind them, as many float16 scales: every load is of
// whole words. Other formats cannot be used yet.
struct DmlWeight : Weight {
  WeightFormat format = WeightFormat::kFloat32;
  std::shared_ptr<Buffer> buffer;
  size_t scales = 0;  // offset of the scales in bytes
};

std::shared_ptr<const Weight> make_weight(Gpu& gpu, const WeightSpec& spec);

}  // namespace lophi::dml
