// Matrices that a model multiplies by: what they are made from, and what a device has of them.
#pragma once
#include <memory>
#include <vector>

#include "core/form.h"

namespace lophi {

// What a weight is made from: parts stacked along the rows.
struct WeightSpec {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<WeightPart> parts;
  bool in_place = true;  // false: nothing may be computed on in a mapped file
  bool pair_rows =
      false;  // row i and row i + rows / 2 are used together (gate and up): a tile order may put them side by side
};

// A weight on a device; backends derive from it. Immutable, shared between threads and environments.
struct Weight {
  struct Rows {
    int64_t first, count;
    WeightFormat format;
    Form form;
  };

  explicit Weight(const WeightSpec& spec);
  virtual ~Weight() = default;

  const int64_t rows, columns;
  const bool pair_rows;
  const std::vector<Rows> parts;
  size_t device_bytes = 0;                                // memory that it takes beyond the mapped file
  std::vector<std::shared_ptr<const MappedFile>> in_use;  // files that are read whenever it is used

  std::string formats() const;  // "q4_k and q6_k": for messages
};

// Throws unless every part has exactly the bytes that its format and packing ask for. Counts the rows of a part that says -1.
void check_weight(WeightSpec& spec);

}  // namespace lophi
