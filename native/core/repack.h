// Every packing of a weight as rows, without loss.
#pragma once
#include "core/host.h"

namespace lophi {

// Parts that are not yet as backends take them are copied: rows of unsigned values whose groups are consecutive columns,
// zero points of a row in whole bytes. The spec has been checked. Works on all cores for as long as memory takes; throws
// where gIdx makes groups of another size, and what `allocate` throws.
WeightSpec repack(WeightSpec spec, const HostAllocate& allocate);

}  // namespace lophi
