// y = f(x). A thread per word of y; c2.x: elements. Bound by memory.
// instances: OP<op> TYPE<dtype>
#include "elementary.hlsli"

#define NEG(x) (-x)
#define EXP(x) exponential(x)
#define LOG(x) logarithm(x)
#define SQRT(x) square_root(x)
#define TANH(x) hyperbolic_tangent(x)
#define SIGMOID(x) (1 / (1 + exponential(-x)))

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  Word word = word_of(group_index(group) * 256 + thread, starts0.y, c2.x);
  for (uint i = word.begin; i < word.end; ++i) {
    const number value = load_number(x, starts0.x, i);
    put(word, i, bits_of(OP(value)));
  }
  store(y, word);
}
