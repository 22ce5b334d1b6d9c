// The word in which kernels of a stream or of a plan report what they find wrong in data (core/fault.h).
#pragma once
#include "core/fault.h"
#include "dml/d3d12.h"

namespace lophi::dml {

// Cleared device memory.
std::shared_ptr<Buffer> make_fault_word(Gpu& gpu);
View view_of_fault(const std::shared_ptr<Buffer>& word);

}  // namespace lophi::dml
