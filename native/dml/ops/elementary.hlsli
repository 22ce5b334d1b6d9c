// Functions to the last bits in plain arithmetic: what hardware and drivers make of HLSL's own exp, log and tanh is off by up to 4e-6, and of
// its quotients and roots by a unit in the last place. Coefficients of Cephes.

float infinity() { return asfloat(0x7f800000); }

float power_of_2(int exponent) { return asfloat(uint(exponent + 127) << 23); }

float exponential(float x) {
  if (is_nan(x)) return x;
  // beyond these it is 0 or infinity
  precise const float bounded = clamp(x, -104.0, 89.0);
  precise const float n = round(bounded * 1.44269504);
  precise const float r = bounded - n * 0.693359375 - n * -2.12194440e-4;
  precise float y = 1.9875691500e-4 * r + 1.3981999507e-3;
  y = y * r + 8.3334519073e-3;
  y = y * r + 4.1665795894e-2;
  y = y * r + 1.6666665459e-1;
  y = y * r + 5.0000001201e-1;
  y = y * (r * r) + r + 1;
  const int half = (int)n / 2;  // in two steps: 2^n alone may be no number
  return y * power_of_2(half) * power_of_2((int)n - half);
}

float logarithm(float x) {
  if (is_nan(x) || (asuint(x) == 0x7f800000)) return x;
  if ((asuint(x) & 0x7fffffff) == 0) return -infinity();
  if (asint(x) < 0) return asfloat(0x7fc00000);
  uint bits = asuint(x);
  int exponent = 0;
  if (bits < 0x00800000) {  // not a normal number, which arithmetic may take for 0
    bits = asuint((float)bits);
    exponent = -149;
  }
  // x = 2^exponent * (1 + f), 1 + f from sqrt(1/2) to sqrt(2)
  exponent += int(bits - 0x3f3504f3) >> 23;
  precise const float f = asfloat(bits - (uint(int(bits - 0x3f3504f3) >> 23) << 23)) - 1;
  precise float y = 7.0376836292e-2 * f - 1.1514610310e-1;
  y = y * f + 1.1676998740e-1;
  y = y * f - 1.2420140846e-1;
  y = y * f + 1.4249322787e-1;
  y = y * f - 1.6668057665e-1;
  y = y * f + 2.0000714765e-1;
  y = y * f - 2.4999993993e-1;
  y = y * f + 3.3333331174e-1;
  y = y * f * (f * f) + exponent * -2.12194440e-4 - 0.5 * (f * f);
  y = f + y;
  return y + exponent * 0.693359375;
}

float hyperbolic_tangent(float x) {
  precise float y = -5.70498872745e-3;
  const float size = abs(x), square = x * x;
  if (size < 0.625) {
    y = y * square + 2.06390887954e-2;
    y = y * square - 5.37397155531e-2;
    y = y * square + 1.33314422036e-1;
    y = y * square - 3.33332819422e-1;
    y = y * square * x + x;
    return y;
  }
  if (is_nan(x)) return x;
  y = 1 - 2 / (exponential(2 * size) + 1);
  return x < 0 ? -y : y;
}

// a * b = product + what is returned; no part may overflow.
float rest_of_product(float a, float b, float product) {
  precise const float wide_a = a * 4097, wide_b = b * 4097;
  precise const float high_a = wide_a - (wide_a - a), high_b = wide_b - (wide_b - b);
  precise const float low_a = a - high_a, low_b = b - high_b;
  precise const float rest = high_a * high_b - product + high_a * low_b + low_a * high_b + low_a * low_b;
  return rest;
}
bool splits(float value) { return abs(value) < 1e30 && abs(value) > 1e-15; }

float square_root(float x) {
  const float root = sqrt(x);
  if (!splits(x)) return root;
  precise const float product = root * root;
  precise const float rest = x - product - rest_of_product(root, root, product);
  precise const float nearer = root + rest / (2 * root);
  return nearer;
}

float quotient(float a, float b) {
  const float q = a / b;
  if (!splits(a) || !splits(b) || !splits(q)) return q;
  precise const float product = q * b;
  precise const float rest = a - product - rest_of_product(q, b, product);
  precise const float nearer = q + rest / b;
  return nearer;
}
