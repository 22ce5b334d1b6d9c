// y = f(a, b), operands stretched along axes of size 1. One thread per element. c2 c3: shape; c4 c5, c6 c7: strides of a and b in
// elements; eight axes.
// instances: OP<op> TYPE<dtype>
#define ADD(a, b) (a + b)
#define SUB(a, b) (a - b)
#define MUL(a, b) (a * b)
#define DIV(a, b) (a / b)
#define MAXIMUM(a, b) (a < b ? b : a)
#define MINIMUM(a, b) (b < a ? b : a)

RWByteAddressBuffer a : register(u0);
RWByteAddressBuffer b : register(u1);
RWByteAddressBuffer y : register(u2);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint i = group_index(group) * 256 + thread;
  if (i >= c2.x * c2.y * c2.z * c2.w * c3.x * c3.y * c3.z * c3.w) return;
  uint rest = i, at_a = 0, at_b = 0;
#define AXIS(dim, stride_a, stride_b) \
  at_a += rest % dim * stride_a;      \
  at_b += rest % dim * stride_b;      \
  rest /= dim;
  AXIS(c3.w, c5.w, c7.w)
  AXIS(c3.z, c5.z, c7.z)
  AXIS(c3.y, c5.y, c7.y)
  AXIS(c3.x, c5.x, c7.x)
  AXIS(c2.w, c4.w, c6.w)
  AXIS(c2.z, c4.z, c6.z)
  AXIS(c2.y, c4.y, c6.y)
  AXIS(c2.x, c4.x, c6.x)
  const number left = load_number(a, starts0.x, at_a), right = load_number(b, starts0.y, at_b);
  store_number(y, starts0.z, i, OP(left, right));
}
