#pragma once
#include "core/call.h"
#include "cuda/params.h"

namespace lophi::cuda {

// Shapes of two operands read as `out`.
Broadcast broadcast(std::span<const int64_t> a, std::span<const int64_t> b, std::span<const int64_t> out);

}  // namespace lophi::cuda
