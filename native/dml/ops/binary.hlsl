// y = f(a, b), operands stretched along axes of size 1. A thread per word of y; c2, c3: shape; c4: elements, axes of a, axes of b. Bound by
// memory.
// instances: OP<op> TYPE<dtype>
#include "broadcast.hlsli"
#include "elementary.hlsli"

#define ADD(a, b) (a + b)
#define SUB(a, b) (a - b)
#define MUL(a, b) (a * b)
#define DIV(a, b) quotient(a, b)
#define MAXIMUM(a, b) (a < b ? b : a)
#define MINIMUM(a, b) (b < a ? b : a)

RWByteAddressBuffer a : register(u0);
RWByteAddressBuffer b : register(u1);
RWByteAddressBuffer y : register(u2);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  Word word = word_of(group_index(group) * 256 + thread, starts0.z, c4.x);
  for (uint i = word.begin; i < word.end; ++i) {
    const number left = load_number(a, starts0.x, locate(i, c4.y));
    const number right = load_number(b, starts0.y, locate(i, c4.z));
    put(word, i, bits_of(OP(left, right)));
  }
  store(y, word);
}
