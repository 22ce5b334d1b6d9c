// y = a + b, broadcast. One thread per element. c2 c3: shape; c4 c5, c6 c7: strides of a and b in elements; eight axes.
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
#if TYPE == INT32
  y.Store(i * 4, a.Load(at_a * 4) + b.Load(at_b * 4));
#else
  store_float(y, starts0.z, i, TYPE, load_float(a, starts0.x, at_a, TYPE) + load_float(b, starts0.y, at_b, TYPE));
#endif
}
