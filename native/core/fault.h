// What a kernel finds wrong in data. A GPU's kernel cannot throw: it clamps, reports in the fault word of its stream, and goes on;
// core makes of the word the error that the CPU throws. Nothing is ever read outside of operands because of data.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/call.h"
#include "core/path.h"

namespace lophi {

// The word of a stream: the first fault since it was cleared. Kernels see it as 32-bit words and take it by a compare-and-swap of the
// first.
struct Fault {
  uint32_t code = 0;   // kind + 256 * operand, counted in the schema's order; 0: none
  uint32_t call = 0;   // fault_site() of the call
  int32_t value = 0;   // what was found
  uint32_t limit = 0;  // what it must be below, or above
  uint32_t index = 0;  // which element or row of the operand
  uint32_t more = 0;   // what else the kind needs
  uint32_t unused[2] = {};
};

// The numbers are those of native/cuda/common.cuh and native/dml/ops/common.hlsli.
enum class FaultKind : uint32_t {
  kNone,
  kIndex,      // ERR_OUT_OF_RANGE: an element must be at least 0 and below the limit
  kNegative,   // ERR_OUT_OF_RANGE: an element must be at least 0
  kCapacity,   // ERR_CONTEXT_OVERFLOW: a position in a cache of `limit` tokens
  kAscending,  // ERR_OUT_OF_RANGE: an element must be above that before it, the limit
  kFinite,     // ERR_OUT_OF_RANGE: the largest number of a row must be finite; `value` is that number's bits
  kPage,       // ERR_OUT_OF_RANGE: an element of a table of rows of `more` must be a page of a cache of `limit`
  kRow,        // ERR_OUT_OF_RANGE: an element must be `more` to `limit`, both allowed
};

constexpr uint32_t fault_code(FaultKind kind, int operand) {
  return static_cast<uint32_t>(kind) + 256 * static_cast<uint32_t>(operand);
}

// The number by which a kernel names its call: its op and path.
uint32_t fault_site(const Call& call);

// The error for a word, with the place of its call: "... (in layer.7 on cuda:0)".
CallError fault_error(const Fault& fault, std::string_view device);

// The same error where the op itself may throw; whoever runs the call adds the place.
Error fault_error(std::string_view op, FaultKind kind, std::string_view operand, int64_t index, int64_t value,
                  int64_t limit = 0, int64_t more = 0);

}  // namespace lophi
