// The ways to run a product with a weight, of which each GPU's fastest is found by measurement (tuner.h, ops/linear_choose.cpp).
#pragma once
#include <array>
#include <cstdint>

namespace lophi::cuda {

struct LinearVariant {
  enum Product : uint8_t { kUsual, kFew, kFloats, kMany };  // kUsual: what linear takes unless told otherwise
  Product product = kUsual;
  uint8_t resident = 0;  // kFew: blocks that share a multiprocessor; 0: as many as the kernel is made for
  int8_t tile = -1;      // kMany: a LinearManyTile
};

// For each class of rows of x.
constexpr int kRowClasses = 6;
using LinearChoices = std::array<LinearVariant, kRowClasses>;

}  // namespace lophi::cuda
