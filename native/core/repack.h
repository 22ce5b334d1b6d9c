// Floats, int4 and int8 in every packing as planes: rows of unsigned levels, groups of consecutive columns.
#pragma once
#include "core/rows.h"

namespace lophi {

// Rows [first, first + count). `order`: the column that stands at each place; null: its own.
void read_packed(const WeightPart& part, const Form& form, int64_t columns, const int32_t* order, int64_t first,
                 int64_t count, const Band& to);

}  // namespace lophi
