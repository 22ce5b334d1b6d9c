// Ops that belong to no family: on a GPU backend each is a function of its own, in the file of its name with its kernels beside it.
#pragma once

// X(enumerator of Op without its k, function)
#define LOPHI_OWN_OPS(X)               \
  X(AddRmsNorm, add_rms_norm)          \
  X(Arange, arange)                    \
  X(Argmax, argmax)                    \
  X(Attention, attention)              \
  X(Cast, cast)                        \
  X(Concat, concat)                    \
  X(Copy, copy)                        \
  X(Dequantize, dequantize)            \
  X(Embedding, embedding)              \
  X(Full, full)                        \
  X(Gather, gather)                    \
  X(Linear, linear)                    \
  X(Matmul, matmul)                    \
  X(MatmulInt4, matmul_int4)           \
  X(Quantize, quantize)                \
  X(RmsNorm, rms_norm)                 \
  X(RotaryEmbedding, rotary_embedding) \
  X(Sample, sample)                    \
  X(SiluMul, silu_mul)                 \
  X(Slice, slice)                      \
  X(Softmax, softmax)                  \
  X(TopK, top_k)                       \
  X(Transpose, transpose)              \
  X(Where, where)                      \
  X(Zeros, zeros)
