// Replaces calls of a plan by the fused op that the schema, or the backend, declares for them (`fuses`). One matcher for all
// backends: it follows the data, so that steps need be no neighbours and may stand in different paths.
#pragma once
#include <span>

#include "core/backend.h"

namespace lophi {

// `kept`: views that are read after the plan, so a fused op must still write them. Only calls that the device runs are made.
void fuse(Plan& plan, std::span<const View> kept, const Device& device);

}  // namespace lophi
