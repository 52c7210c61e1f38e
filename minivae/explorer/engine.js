"use strict";
// The models of minivae in JavaScript: one image at a time, forward only, in float64,
// with the very weights of the file. Held against NumPy to 1e-9 by the tests.

const Engine = (() => {
  const ARRAYS = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array };
  const LOG_2PI = Math.log(2 * Math.PI);

  // base64 of little-endian numbers to a typed array.
  function unpack(text, type) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new ARRAYS[type](bytes.buffer);
  }

  const sigmoid = (x) => {
    const t = Math.exp(-Math.abs(x)); // in (0, 1], whatever the sign of x
    return (x >= 0 ? 1 : t) / (1 + t);
  };
  const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  // f of each entry; a loop, for Float64Array.from is ten times slower.
  function map(x, f) {
    const y = new Float64Array(x.length);
    for (let i = 0; i < y.length; i++) y[i] = f(x[i]);
    return y;
  }
  const each = (f) => () => (x) => map(x, f);

  // The sides of what a convolution, or a transposed one, makes of spec.shape.
  const convolved = ({ shape, kernel, stride, padding }) =>
    shape.slice(0, 2).map((n) => (n + 2 * padding - kernel) / stride + 1);
  const transposed = ({ shape, kernel, stride, padding }) =>
    shape.slice(0, 2).map((n) => (n - 1) * stride + kernel - 2 * padding);

  // The bias in every pixel of an image, channels last.
  function spread(b, [rows, columns]) {
    const y = new Float64Array(rows * columns * b.length);
    for (let p = 0; p < rows * columns; p++) y.set(b, p * b.length);
    return y;
  }

  // f(pixel of the image, place in the map, entry of the kernel) wherever they meet.
  function overlap({ kernel, stride, padding }, [rows, columns], [high, wide], f) {
    for (let r = 0; r < high; r++)
      for (let c = 0; c < wide; c++)
        for (let i = 0; i < kernel; i++)
          for (let j = 0; j < kernel; j++) {
            const row = r * stride + i - padding, column = c * stride + j - padding;
            if (row >= 0 && row < rows && column >= 0 && column < columns)
              f(row * columns + column, r * wide + c, i * kernel + j);
          }
  }

  // Each makes a function of x from a layer's arguments, its name and its parameters.
  const LAYERS = {
    Linear(spec, name, params) {
      const W = params(name + ".W"), b = params(name + ".b"), n = spec.n_out;
      return (x) => {
        const y = new Float64Array(b);
        for (let i = 0; i < spec.n_in; i++) {
          const x_i = x[i], row = i * n;
          if (x_i !== 0) for (let j = 0; j < n; j++) y[j] += x_i * W[row + j];
        }
        return y;
      };
    },
    // At each place of the kernel, its products with the pixels that it covers.
    Conv2d(spec, name, params) {
      const W = params(name + ".W"), b = params(name + ".b");
      const C = spec.shape[2], out = spec.channels, size = convolved(spec);
      return (x) => {
        const y = spread(b, size);
        overlap(spec, spec.shape, size, (image, map, w) => {
          for (let c = 0; c < C; c++)
            for (let o = 0; o < out; o++)
              y[map * out + o] += x[image * C + c] * W[(w * C + c) * out + o];
        });
        return y;
      };
    },
    // Each x multiplies the kernel, which is added to the image.
    ConvTranspose2d(spec, name, params) {
      const W = params(name + ".W"), b = params(name + ".b");
      const C = spec.shape[2], out = spec.channels, size = transposed(spec);
      return (x) => {
        const y = spread(b, size);
        overlap(spec, size, spec.shape, (image, map, w) => {
          for (let o = 0; o < out; o++)
            for (let c = 0; c < C; c++)
              y[image * out + o] += x[map * C + c] * W[(w * out + o) * C + c];
        });
        return y;
      };
    },
    Tanh: each(Math.tanh),
    Sigmoid: each(sigmoid),
    ReLU: each((x) => Math.max(x, 0)),
    Softplus: each(softplus),
    Scale: (spec) => (x) => map(x, (v) => spec.factor * v),
    Sequential(spec, name, params) {
      const layers = spec.layers.map((s, i) => LAYERS[s.class](s, `${name}.${i}`, params));
      return (x) => layers.reduce((h, layer) => layer(h), x);
    },
  };

  function sum(n, f) {
    let total = 0;
    for (let d = 0; d < n; d++) total += f(d);
    return total;
  }

  // log p(x|z) in nats, constants included, and E[x|z], both from the decoder's y.
  const LIKELIHOODS = {
    Binomial({ n }) {
      const logChoose = [0]; // log C(n, k) = log C(n, k - 1) + log((n - k + 1) / k)
      for (let k = 1; k <= n; k++)
        logChoose.push(logChoose[k - 1] + Math.log((n - k + 1) / k));
      const choose = (x) => (n > 1 ? logChoose[x] : 0);
      return {
        logProb: (x, y) =>
          sum(y.length, (d) => x[d] * y[d] - n * softplus(y[d]) + choose(x[d])),
        mean: (y) => y.map((v) => n * sigmoid(v)),
      };
    },
    Bernoulli: () => LIKELIHOODS.Binomial({ n: 1 }),
    Gaussian({ log_c }) {
      const c = Math.exp(log_c);
      return {
        logProb: (x, y) =>
          -sum(y.length, (d) => (x[d] - y[d]) ** 2) / (2 * c) -
          (y.length / 2) * (LOG_2PI + log_c),
        mean: (y) => y,
      };
    },
    Laplace({ log_b }) {
      const b = Math.exp(log_b);
      return {
        logProb: (x, y) =>
          -sum(y.length, (d) => Math.abs(x[d] - y[d])) / b -
          y.length * (Math.log(2) + log_b),
        mean: (y) => y,
      };
    },
  };

  // log N(z; mu, exp(logvar)), summed over the latent dimensions.
  function logNormal(z, mu, logvar) {
    return sum(z.length, (k) =>
      -0.5 * (LOG_2PI + logvar[k] + (z[k] - mu[k]) ** 2 * Math.exp(-logvar[k])));
  }

  // KL( N(mu, σ²) ‖ N(0, 1) ) of each latent dimension.
  function kl(mu, logvar) {
    return mu.map((m, k) => 0.5 * (m * m + Math.exp(logvar[k]) - 1 - logvar[k]));
  }

  // A model of `collect`, ready to compute.
  function load(spec) {
    const theta = unpack(spec.theta, spec.dtype);
    const params = (name) => theta.subarray(...spec.layout[name]);
    const K = spec.K, zeros = new Float64Array(K);
    const encoder = LAYERS.Sequential(spec.encoder, "encoder", params);
    const decode = LAYERS.Sequential(spec.decoder, "decoder", params);
    const head = (name) => {
      const n_in = params(name + ".W").length / K;
      return LAYERS.Linear({ n_in, n_out: K }, name, params);
    };
    const variational = spec.kind !== "Autoencoder";
    const heads = variational
      ? { mu: head("mu_head"), logvar: head("logvar_head") }
      : { mu: head("code_head") };
    const likelihood = LIKELIHOODS[spec.likelihood.class](spec.likelihood);

    function encode(x) {
      const h = encoder(x), mu = heads.mu(h);
      return { h, mu, logvar: variational ? heads.logvar(h) : null };
    }

    // Every step from x to rec and kl, with the noise eps. An autoencoder has none:
    // its z is the code, and it has no kl and no bound.
    function way(x, eps) {
      const { h, mu, logvar } = encode(x);
      const sigma = variational ? logvar.map((v) => Math.exp(v / 2)) : null;
      const z = variational ? mu.map((m, k) => m + sigma[k] * eps[k]) : mu;
      const y = decode(z);
      const rec = -likelihood.logProb(x, y);
      const kls = variational ? kl(mu, logvar) : null;
      const klSum = variational ? kls.reduce((a, b) => a + b) : null;
      const nelbo = variational ? rec + klSum : null;
      const mean = likelihood.mean(y);
      return { x, h, mu, logvar, sigma, eps, z, y, mean, rec, kls, kl: klSum, nelbo };
    }

    return {
      spec, K, variational, encode, decode, way,
      mean: likelihood.mean,
      logProb: likelihood.logProb,
      logPrior: (z) => logNormal(z, zeros, zeros),
    };
  }

  // Standard-normal numbers from a seed: mulberry32, then Box and Muller.
  function normals(seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
    };
    const one = () =>
      Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    return (n) => Float64Array.from({ length: n }, one);
  }

  return { unpack, load, logNormal, normals, layers: LAYERS, likelihoods: LIKELIHOODS };
})();

if (typeof module !== "undefined") module.exports = Engine;
