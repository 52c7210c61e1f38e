"use strict";
// log p(x) and the ELBO of one image in the page, each with an estimate of its error.
//
// One or two latent dimensions: log p(x) is a sum over a lattice that is refined where
// the posterior is, wherever that may be; E_q[log p(x|z)] one over q's own coordinates.
// More dimensions: importance sampling from q.

const Evidence = (() => {
  const LIMIT = 9; // the lattice covers [-9, 9]^K, as `quadrature.log_prob` does
  const FIRST = { 1: 0.125, 2: 0.5 }; // its first step
  const TOLERANCE = 1e-3; // nats: with a smaller estimate of the error it stops
  const LEVELS = 9; // at most so many halvings of the step
  const NEGLIGIBLE = 25; // nats below the largest term
  const KEPT = 1000; // at most so many nodes are refined, the largest first
  const Q = { half: 10, step: 0.75, tolerance: 1e-2 }; // q's lattice: 7.5 σ each way
  const SAMPLES = 500;

  const BASE = 2 ** 20; // a node is one number: (i + BASE/2)·BASE + (j + BASE/2)
  const key = (i, j) => (i + BASE / 2) * BASE + j + BASE / 2;
  const column = (node) => Math.floor(node / BASE) - BASE / 2;
  const row = (node) => (node % BASE) - BASE / 2;

  // The (up to) nine nodes around one, itself among them.
  function around(K, i, j) {
    const nodes = [];
    for (let a = -1; a <= 1; a++)
      for (let b = K === 1 ? 0 : -1; b <= (K === 1 ? 0 : 1); b++)
        nodes.push(key(i + a, j + b));
    return nodes;
  }

  // The first lattice, whose decoded nodes serve every image.
  function* firstLattice(model) {
    if (!model.lattice) {
      const lattice = [], step = FIRST[model.K], n = Math.round(LIMIT / step);
      const m = model.K === 1 ? 0 : n;
      for (let i = -n; i <= n; i++)
        for (let j = -m; j <= m; j++) {
          const z = [i * step, j * step].slice(0, model.K);
          lattice.push({ node: key(i, j), y: model.decode(z), prior: model.logPrior(z) });
          yield;
        }
      model.lattice = lattice;
    }
    return model.lattice;
  }

  function* logProbability(model, x) {
    const K = model.K;
    let step = FIRST[K], joints = new Map(), lost = 0, best;
    for (const { node, y, prior } of yield* firstLattice(model))
      joints.set(node, model.logProb(x, y) + prior);
    for (let level = 0; ; level++) {
      const here = sumUp(joints, step, K);
      here.error += lost;
      if (!(best?.error <= here.error)) best = here;
      if ((level > 1 && best.error < TOLERANCE) || level === LEVELS) return best;
      const { kept, left } = worthwhile(joints, here, K), finer = new Map();
      lost -= Math.log1p(-Math.min(left, 0.999));
      for (const node of kept) {
        const i = 2 * column(node), j = 2 * row(node);
        finer.set(key(i, j), joints.get(node));
        for (const child of around(K, i, j))
          if (!finer.has(child)) finer.set(child, null);
      }
      step /= 2;
      for (const [node, known] of finer)
        if (known === null) {
          const z = [column(node) * step, row(node) * step].slice(0, K);
          finer.set(node, model.logProb(x, model.decode(z)) + model.logPrior(z));
          yield;
        }
      joints = finer;
    }
  }

  // log Σ step^K exp(joint). The error: the largest difference to the sums over half of
  // the nodes (every second column, every second row, the black squares of a chessboard;
  // a posterior may be narrow in one direction and wide in the others), and the mass at
  // the box's border.
  function sumUp(joints, step, K) {
    let top = -Infinity, at = 0;
    for (const [node, joint] of joints) if (joint > top) [top, at] = [joint, node];
    let total = 0, border = 0;
    const halves = K === 1 ? [0] : [0, 0, 0];
    for (const [node, joint] of joints) {
      const w = Math.exp(joint - top), i = column(node), j = row(node);
      total += w;
      [i, j, i + j].slice(0, halves.length).forEach((index, h) => {
        if (index % 2 === 0) halves[h] += 2 * w;
      });
      if (Math.max(Math.abs(i), Math.abs(j)) * step >= LIMIT) border += w / step;
    }
    const error =
      border > 0.1 * total ? Infinity : disagreement(halves, total) + border / total;
    return { value: top + Math.log(total) + K * Math.log(step), error, top, at, total };
  }

  function disagreement(halves, total) {
    return Math.max(...halves.map((half) => Math.abs(Math.log(half / total))));
  }

  // The nodes near which the sum may have terms that count, and the share that is left
  // out. Between two nodes log p(x, z) may rise as much as it falls around the largest.
  function worthwhile(joints, { top, at, total }, K) {
    const near = around(K, column(at), row(at)).map((n) => joints.get(n) ?? top);
    const slack = NEGLIGIBLE + top - near.reduce((a, b) => Math.min(a, b));
    const worth = [...joints].filter(([, joint]) => joint > top - slack);
    worth.sort((a, b) => b[1] - a[1]);
    const left = worth.slice(KEPT).reduce((s, [, joint]) => s + Math.exp(joint - top), 0);
    return { kept: worth.slice(0, KEPT).map(([node]) => node), left: left / total };
  }

  // E_q[log p(x|z)] over z = mu + σ ε, ε on a lattice of standard-normal weights, finer
  // until its halves agree.
  function* reconstruction(model, x) {
    const { mu, logvar } = model.encode(x), K = model.K;
    for (let { half, step } = Q; ; half *= 2, step /= 2) {
      const m = K === 1 ? 0 : half, sums = K === 1 ? [0] : [0, 0, 0];
      let total = 0;
      for (let i = -half; i <= half; i++)
        for (let j = -m; j <= m; j++) {
          const eps = [i * step, j * step].slice(0, K);
          const z = eps.map((e, k) => mu[k] + Math.exp(logvar[k] / 2) * e);
          const weight = Math.exp(model.logPrior(eps)) * step ** K;
          const term = weight * model.logProb(x, model.decode(z));
          total += term;
          [i, j, i + j].slice(0, sums.length).forEach((index, h) => {
            if (index % 2 === 0) sums[h] += 2 * term;
          });
          yield;
        }
      const recError = Math.max(...sums.map((sum) => Math.abs(sum - total)));
      if (recError < Q.tolerance || step < 0.1) return { rec: -total, recError };
    }
  }

  function* byLattice(model, x) {
    const { value, error } = yield* logProbability(model, x);
    return { value, error, ...(yield* reconstruction(model, x)), method: "lattice" };
  }

  // log (1/S) Σ w with w = p(x, z) / q(z|x): a lower bound in expectation. The error is
  // that of the mean of w by the delta method; few heavy weights make it too small.
  function* bySampling(model, x, seed) {
    const { mu, logvar } = model.encode(x), draw = Engine.normals(seed);
    const logWeights = [], logProbs = [];
    for (let s = 0; s < SAMPLES; s++) {
      const eps = draw(model.K);
      const z = mu.map((m, k) => m + Math.exp(logvar[k] / 2) * eps[k]);
      const logProb = model.logProb(x, model.decode(z));
      logProbs.push(logProb);
      logWeights.push(logProb + model.logPrior(z) - Engine.logNormal(z, mu, logvar));
      yield;
    }
    const top = logWeights.reduce((a, b) => Math.max(a, b));
    const weights = moments(logWeights.map((w) => Math.exp(w - top)));
    const rec = moments(logProbs);
    return {
      value: top + Math.log(weights.mean),
      error: weights.error / weights.mean,
      rec: -rec.mean,
      recError: rec.error,
      method: "sampling",
    };
  }

  // The mean of some numbers, and its standard error.
  function moments(values) {
    const n = values.length, mean = values.reduce((a, b) => a + b) / n;
    const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
    return { mean, error: Math.sqrt(squares / (n - 1) / n) };
  }

  // A generator that yields between decodings, so that the page stays awake. It returns
  // {value, error} of log p(x), {rec, recError} of the mean of -log p(x|z) under q, and
  // the method, "lattice" or "sampling".
  function evidence(model, x, seed = 1) {
    return model.K <= 2 ? byLattice(model, x) : bySampling(model, x, seed);
  }

  function now(job) {
    for (;;) {
      const { done, value } = job.next();
      if (done) return value;
    }
  }

  return { evidence, now };
})();

if (typeof module !== "undefined") module.exports = Evidence;
