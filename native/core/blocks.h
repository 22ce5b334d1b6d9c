// GGUF's blocks of 32 and 256 values as planes.
#pragma once
#include "core/rows.h"

namespace lophi {

// Rows [first, first + count) of a part in one of GGUF's block formats.
void read_blocks(const WeightPart& part, int64_t columns, int64_t first, int64_t count, const Band& to);

}  // namespace lophi
