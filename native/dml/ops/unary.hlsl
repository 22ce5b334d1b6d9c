// y = f(x). One thread per element; c2.x: elements.
// instances: OP<op> TYPE<dtype>
// Only what HLSL computes to the last bits: its exp and log are off by up to 4e-6.
#define NEG(x) (-x)
#define SQRT(x) sqrt(x)

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint i = group_index(group) * 256 + thread;
  if (i >= c2.x) return;
  const number value = load_number(x, starts0.x, i);
  store_number(y, starts0.y, i, OP(value));
}
