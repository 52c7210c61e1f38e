"use strict";
// The figures of the book that move. A chapter says where: <div data-moving="jensen">.
// Without this script, and in the notebooks, the still picture above the place is all.

const Moving = (() => {
  const LOG_2PI = Math.log(2 * Math.PI);

  // The numbers, as the chapters compute them ------------------------------------------

  function grid(low, high, n) {
    return Array.from({ length: n }, (_, i) => low + (i * (high - low)) / (n - 1));
  }

  function logNormal(z, mu, sigma) {
    return -0.5 * (LOG_2PI + 2 * Math.log(sigma) + ((z - mu) / sigma) ** 2);
  }

  // Chapter 2, (2.1): two weights, the first with probability q.
  function jensen(w1, w2, q) {
    const mean = q * w1 + (1 - q) * w2;
    const logMean = Math.log(mean);
    const meanLog = q * Math.log(w1) + (1 - q) * Math.log(w2);
    return { mean, logMean, meanLog, gap: logMean - meanLog };
  }

  // Chapter 2: the circle, log p(x, z) with the variance c = 0.25.
  function logJoint(x, z) {
    const g = [2 * Math.sin(1.5 * z), 2 * Math.cos(1.5 * z)];
    return logNormal(x[0], g[0], 0.5) + logNormal(x[1], g[1], 0.5) + logNormal(z, 0, 1);
  }

  function logEvidence(x) {
    const nodes = grid(-8, 8, 401), step = nodes[1] - nodes[0];
    return Math.log(nodes.reduce((sum, z) => sum + Math.exp(logJoint(x, z)), 0) * step);
  }

  // (2.2) on a lattice of ε
  function elbo(x, mu, sigma) {
    const eps = grid(-9, 9, 361), step = eps[1] - eps[0];
    return eps.reduce((sum, e) => {
      const z = mu + sigma * e, weight = Math.exp(logNormal(e, 0, 1)) * step;
      return sum + weight * (logJoint(x, z) - logNormal(z, mu, sigma));
    }, 0);
  }

  // Chapter 4, (4.6) and (4.8) to (4.11): a posterior that only the KL moves, at time t.
  const kl = (mu, sigma) => 0.5 * (mu ** 2 + sigma ** 2 - 1) - Math.log(sigma);

  function flow(mu0, sigma0, t) {
    const mu = mu0 * Math.exp(-t);
    const sigma = 1 / Math.sqrt(1 + (1 / sigma0 ** 2 - 1) * Math.exp(-t / 2));
    return { mu, sigma, kl: kl(mu, sigma), dmu: mu, dlogvar: (sigma ** 2 - 1) / 2 };
  }

  // Chapter 5: the loss of one pixel, its mean over q, and over samples.
  const f = (z) => 0.5 * (0.8 - Math.tanh(2 * z)) ** 2;

  function exactLoss(mu, sigma) {
    const z = grid(mu - 10, mu + 10, 4001), step = z[1] - z[0];
    return z.reduce((sum, v) => sum + Math.exp(logNormal(v, mu, sigma)) * f(v), 0) * step;
  }

  const sampledLoss = (mu, sigma, eps) =>
    eps.reduce((sum, e) => sum + f(mu + sigma * e), 0) / eps.length;

  function draw(n) {
    const one = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    return Array.from({ length: n }, one);
  }

  // Drawing ----------------------------------------------------------------------------

  function element(tag, attributes = {}, ...children) {
    const svg = ["svg", "path", "circle", "line", "text", "rect"].includes(tag);
    const made = svg
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // An SVG with axes; places are given in the data's own numbers.
  function plot([x0, x1], [y0, y1], xName, yName) {
    const W = 340, H = 260, left = 56, bottom = 40, top = 12, right = 14;
    const X = (x) => left + ((x - x0) / (x1 - x0)) * (W - left - right);
    const Y = (y) => H - bottom - ((y - y0) / (y1 - y0)) * (H - bottom - top);
    const svg = element("svg", { viewBox: `0 0 ${W} ${H}`, role: "img" });
    const add = (tag, attributes, ...rest) => svg.append(element(tag, attributes, ...rest));
    const frame = `M${left} ${top}V${H - bottom}H${W - right}`;
    const tick = (v) => String(Number(v.toPrecision(2))).replace("-", "−");
    for (const i of [0, 1, 2]) {
      const [x, y] = [x0 + (i * (x1 - x0)) / 2, y0 + (i * (y1 - y0)) / 2];
      add("text", { x: X(x), y: H - bottom + 15, "text-anchor": "middle" }, tick(x));
      add("text", { x: left - 5, y: Y(y) + 4, "text-anchor": "end" }, tick(y));
    }
    add("text", { x: (left + W) / 2, y: H - 8, "text-anchor": "middle" }, xName);
    const middle = (H - bottom + top) / 2;
    add("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, yName);
    add("path", { d: frame, class: "frame" });
    // What leaves the picture is left out, and a new stroke begins where it comes back.
    function line(points, kind) {
      let pen = "M", d = "";
      for (const [x, y] of points) {
        const inside = y >= y0 && y <= y1;
        if (inside) d += `${pen}${X(x).toFixed(2)} ${Y(y).toFixed(2)}`;
        pen = inside ? "L" : "M";
      }
      add("path", { d, class: kind });
    }
    return {
      svg,
      line,
      dot: (x, y, kind, r = 5) => add("circle", { cx: X(x), cy: Y(y), r, class: kind }),
      words: (x, y, text, kind, anchor = "start") =>
        add("text", { x: X(x), y: Y(y), class: kind, "text-anchor": anchor }, text),
    };
  }

  const number = (v, digits = 3) => v.toFixed(digits).replace("-", "−");

  // Sliders [name, min, max, value], a picture of their values and a line of words.
  function figure(box, sliders, show, extra = []) {
    const picture = element("div", { class: "picture" }), words = element("output", {});
    const inputs = sliders.map(([name, min, max, value]) => {
      const input = element("input", { type: "range", min, max, step: "any", value, "aria-label": name });
      input.addEventListener("input", update);
      return input;
    });
    function update() {
      const { plots, numbers, text } = show(...inputs.map((input) => Number(input.value)));
      plots.forEach(({ svg }) => svg.setAttribute("aria-label", text));
      picture.replaceChildren(...plots.map(({ svg }) => svg));
      words.textContent = text;
      box.dataset.numbers = JSON.stringify(numbers); // what the tests read
    }
    const controls = sliders.map(([name], i) => element("label", {}, name, inputs[i]));
    box.replaceChildren(picture, element("div", { class: "controls" }, ...controls, ...extra), words);
    box.refresh = update;
    update();
  }

  // A page of its own, with the explorer's code.
  function frame(box, name, title) {
    const root = document.documentElement.dataset.content_root ?? "./";
    box.replaceChildren(element("iframe", { src: `${root}_static/${name}`, loading: "lazy", title }));
  }

  // The figures ------------------------------------------------------------------------

  const FIGURES = {
    jensen(box) {
      figure(box, [["w₁", 0.05, 1, 0.6], ["w₂", 0.05, 1, 0.2], ["q(z = 1)", 0.02, 0.98, 0.5]], (w1, w2, q) => {
        const n = jensen(w1, w2, q);
        const p = plot([0, 1], [-3, 0], "weight w = p(x, z) / q(z)", "log w, nats");
        p.line(grid(0.05, 1, 200).map((w) => [w, Math.log(w)]), "black");
        p.line([w1, w2].map((w) => [w, Math.log(w)]), "blue");
        p.line([[n.mean, n.meanLog], [n.mean, n.logMean]], "red thick");
        for (const w of [w1, w2]) p.dot(w, Math.log(w), "blue");
        p.dot(n.mean, n.logMean, "black", 3.5);
        return { plots: [p], numbers: n,
          text: `log E[w] = log p(x) = ${number(n.logMean)}, E[log w] = ELBO = ${number(n.meanLog)}, the gap: ${number(n.gap)} nats` };
      });
    },

    elbo(box) {
      const places = [[1.4, 0.9], [0, -2]];
      const choice = element("select", { "aria-label": "the point x" },
        element("option", {}, "x = (1.4, 0.9)"), element("option", {}, "x = (0, −2), the bottom"));
      choice.addEventListener("change", () => box.refresh());
      figure(box, [["μ", -3.4, 3.4, 0.1], ["σ", 0.05, 2.5, 0.18]], (mu, sigma) => {
        const x = places[choice.selectedIndex], logP = logEvidence(x), bound = elbo(x, mu, sigma);
        const n = { logP, elbo: bound, gap: logP - bound };
        const zs = grid(-3.4, 3.4, 300);
        const left = plot([-3.4, 3.4], [0, 2.4], "latent z", "density");
        left.line([[-3.4, 0], ...zs.map((z) => [z, Math.exp(logJoint(x, z) - logP)]), [3.4, 0]], "green fill");
        left.line(zs.map((z) => [z, Math.exp(logNormal(z, mu, sigma))]), "blue");
        left.words(-3.2, 2.2, "posterior", "green");
        left.words(-3.2, 2.0, "q", "blue");
        const right = plot([-3.4, 3.4], [-12, 0], "mean μ of q, at this σ", "nats");
        right.line([[-3.4, logP], [3.4, logP]], "black");
        right.line(grid(-3.4, 3.4, 120).map((m) => [m, elbo(x, m, sigma)]), "blue");
        right.line([[mu, logP], [mu, Math.max(bound, -12)]], "red thick");
        if (bound > -12) right.dot(mu, bound, "blue");
        right.words(-3.2, logP + 0.3, "log p(x)", "black");
        return { plots: [left, right], numbers: n,
          text: `log p(x) = ${number(logP)}, ELBO = ${number(bound)}, the gap, KL(q ‖ p(z|x)): ${number(n.gap)} nats` };
      }, [choice]);
    },

    flow(box) {
      const start = [["μ at the start", -3, 3, -2.2], ["log₂ σ at the start", -2.3, 2.3, -2], ["time t", 0, 10, 1]];
      figure(box, start, (mu0, log2, t) => {
        const sigma0 = 2 ** log2, n = flow(mu0, sigma0, t), times = grid(0, 10, 200);
        const left = plot([-3.2, 3.2], [-2.4, 2.4], "mean μ", "log₂ σ");
        for (const level of [0.1, 0.5, 1, 2, 4]) { // where KL = level: up on the right, down
          const half = (v) => Math.sqrt(2 * (level - kl(0, 2 ** v)));
          const rows = grid(-2.4, 2.4, 400).filter((v) => half(v) >= 0);
          const down = rows.map((v) => [-half(v), v]).reverse();
          const close = rows[0] > -2.4 ? [[half(rows[0]), rows[0]]] : [];
          left.line([...rows.map((v) => [half(v), v]), ...down, ...close], "frame");
        }
        const place = (at) => { const f = flow(mu0, sigma0, at); return [f.mu, Math.log2(f.sigma)]; };
        left.line(times.map(place), "red");
        left.dot(...place(0), "red", 3.5);
        left.dot(...place(t), "blue");
        left.dot(0, 0, "black", 3.5);
        left.words(0.12, -0.35, "the prior", "black");
        const right = plot([0, 10], [0, Math.max(1, kl(mu0, sigma0))], "time t", "KL, nats");
        right.line(times.map((at) => [at, flow(mu0, sigma0, at).kl]), "red");
        right.dot(t, n.kl, "blue");
        return { plots: [left, right], numbers: n,
          text: `μ = ${number(n.mu)}, σ = ${number(n.sigma)}, KL = ${number(n.kl)} nats; its derivative in μ: ${number(n.dmu)}, in log σ²: ${number(n.dlogvar)}` };
      });
    },

    noise(box) {
      const mu = -0.3, fixed = draw(24), again = element("button", { type: "button" }, "Fresh ε");
      again.addEventListener("click", () => { fixed.splice(0, 24, ...draw(24)); box.refresh(); });
      figure(box, [["σ", 0.05, 1.5, Math.exp(-0.45)]], (sigma) => {
        const widths = grid(0.05, 1.5, 60), fresh = draw(24);
        const n = { exact: exactLoss(mu, sigma), eps: fixed, fixed: sampledLoss(mu, sigma, fixed) };
        const left = plot([0, 1.6], [-6, 6], "σ", "z = μ + σ ε");
        for (const e of fixed) left.line([[0.05, mu + 0.05 * e], [1.5, mu + 1.5 * e]], "blue thin");
        for (const e of fixed) left.dot(sigma, mu + sigma * e, "blue", 3);
        for (const e of fresh) left.dot(sigma + 0.05, mu + sigma * e, "red", 2.5);
        const right = plot([0, 1.6], [0, 1.6], "σ", "mean of f(z), 24 samples");
        right.line(widths.map((s) => [s, sampledLoss(mu, s, draw(24))]), "red");
        right.line(widths.map((s) => [s, exactLoss(mu, s)]), "black");
        right.line(widths.map((s) => [s, sampledLoss(mu, s, fixed)]), "blue");
        right.dot(sigma, n.fixed, "blue");
        right.words(0.05, 1.5, "the same ε for every σ", "blue");
        right.words(0.05, 1.4, "fresh ε for every σ", "red");
        right.words(0.05, 1.3, "the integral", "black");
        return { plots: [left, right], numbers: n,
          text: `σ = ${number(sigma, 2)}: the integral is ${number(n.exact)}, these 24 samples say ${number(n.fixed)}` };
      }, [again]);
    },

    planes: (box) => frame(box, "planes.html", "The planes of an autoencoder and a VAE, to be touched"),
    plane: (box) => frame(box, "plane.html", "A VAE's latent plane, to be touched"),
  };

  addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll("[data-moving]")) FIGURES[box.dataset.moving](box);
  });

  return { jensen, flow, logEvidence, elbo, exactLoss, sampledLoss, figures: FIGURES };
})();
