// Values that cross every layer: views of buffers, weights, and one checked call of an op.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace lophi {

using Shape = std::vector<int64_t>;
inline constexpr size_t kMaxRank = 8;  // axes of a tensor

inline int64_t count_of(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (int64_t dim : shape) count *= dim;
  return count;
}

std::string to_string(std::span<const int64_t> shape);  // "[2, 3]"

// Device memory, freed when the last user lets go. Backends derive from it.
struct Buffer {
  virtual ~Buffer() = default;
  size_t bytes = 0;
};

// A dense row-major tensor inside a buffer.
struct View {
  std::shared_ptr<Buffer> buffer;  // null: an absent optional operand
  size_t offset = 0;               // in bytes
  DType dtype = DType::kFloat32;
  Shape shape;

  int64_t count() const { return count_of(shape); }
  size_t bytes() const { return bytes_of(dtype, count()); }
  int64_t dim(int axis) const { return shape[axis < 0 ? shape.size() + axis : axis]; }
};

// Bytes without a type.
inline View bytes_view(std::shared_ptr<Buffer> buffer, size_t bytes) {
  return {std::move(buffer), 0, DType::kUint8, {static_cast<int64_t>(bytes)}};
}

struct Weight;  // core/weight.h

struct Attribute {
  int64_t integer = 0;            // int, bool, dtype, choice
  double number = 0;              // float
  std::vector<int64_t> integers;  // ints
};

struct OpInfo;  // core/op.h

// Code that a user, a graph or a backend brought, and the op that it is.
struct Kernel {
  explicit Kernel(std::shared_ptr<const OpInfo> runs) : op(std::move(runs)) {}
  virtual ~Kernel() = default;
  const std::shared_ptr<const OpInfo> op;
};

// One call of an op whose operands have been checked.
struct Call {
  const OpInfo* op = nullptr;
  std::shared_ptr<const Kernel> kernel;                // null: the backend's own
  std::vector<View> in;                                // tensors in schema order; the last operand may be variadic
  std::vector<std::shared_ptr<const Weight>> weights;  // weights in schema order
  std::vector<View> out;
  std::vector<Attribute> attributes;
  View scratch;  // bytes that the backend asked for (Device::scratch); no buffer where it asked for none
  int path = 0;  // where in the program it stands (core/path.h)
};

}  // namespace lophi
