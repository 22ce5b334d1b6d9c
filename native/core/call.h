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

struct Weight;  // core/weight.h

struct Attribute {
  int64_t integer = 0;            // int, bool, dtype, choice
  double number = 0;              // float
  std::vector<int64_t> integers;  // ints
};

enum class Op : uint16_t;

// One call of an op whose operands have been checked.
struct Call {
  Op op;
  std::vector<View> in;                                // tensors in schema order; the last operand may be variadic
  std::vector<std::shared_ptr<const Weight>> weights;  // weights in schema order
  std::vector<View> out;
  std::vector<Attribute> attributes;
};

// The schema's strings as ops.gen.h carries them.
struct NamedSpec {
  const char* name;
  const char* spec;
};
struct Binding {
  const char* from;  // operand of the replaced op
  const char* to;    // operand or output of the fused op
};
struct FuseStep {
  Op op;
  std::vector<Binding> in, out;
};
struct OpEntry {
  const char* name;
  std::vector<NamedSpec> in, attributes, out;
  std::vector<const char*> requires_;  // comparisons over the dims
  bool in_place;
  std::vector<FuseStep> fuses;
};

}  // namespace lophi
