// Every packing of a weight as rows, without loss.
#pragma once
#include "core/weight.h"

namespace lophi {

// Parts that are not yet as backends take them are copied: rows of unsigned values whose groups are consecutive columns,
// zero points of a row in whole bytes. The spec has been checked. Throws where gIdx makes groups of another size.
WeightSpec repack(WeightSpec spec);

}  // namespace lophi
