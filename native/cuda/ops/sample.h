// What the kernels of sample.cu take.
#pragma once
#include "cuda/params.h"

namespace lophi::cuda {

struct SampleParams {
  const void* logits;     // (rows, vocabulary)
  const float* params;    // (rows, 8)
  const unsigned* seeds;  // (rows, 2)
  const int* position;    // (rows)
  int* histories;         // (rows, window)
  int* id;                // (rows)
  float* logprob;         // (rows)
  float* changed;         // (rows, vocabulary), scratch: logits less penalties
  long long rows, vocabulary, window;
  Faults faults;
};

}  // namespace lophi::cuda
