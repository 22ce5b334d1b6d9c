// Injected failures for tests: LOPHI_FAIL="alloc:3" fails the third allocation of the process, "lost:5" loses the device
// at the fifth call, "descriptor:2" gives the second DirectML tensor a size that is too small, "thread:2" has no memory for
// the second thread; several are separated by commas. Read once; free of cost when unset.
#pragma once

namespace lophi {

enum class Failure { kAlloc, kLost, kDescriptor, kThread };

bool is_asked(Failure failure);  // whether it will ever be true

// True when this occurrence of the failure was asked for. From then on kLost stays true.
bool should_fail(Failure failure);

}  // namespace lophi
