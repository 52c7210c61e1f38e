"use strict";
// What is seen of one model: its plane, its sliders, the nats, the way of an image.

const Views = (() => {
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (name === "class") made.className = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  const number = (v, digits = 2) => v.toFixed(digits).replace("-", "−");
  const vectorText = (z) => `(${Array.from(z, (v) => number(v)).join(", ")})`;

  // The chart of a plane: where a place (u, v) of the canvas, 0 to 1 each, lies in z.
  function ownChart(spec, codes) {
    let centre = [0, 0], reach = 3.2;
    const axis = (k) => codes.filter((_, i) => i % 2 === k);
    if (spec.kind === "Autoencoder") {
      const ends = [0, 1].map((k) => [Math.min(...axis(k)), Math.max(...axis(k))]);
      centre = ends.map(([a, b]) => (a + b) / 2);
      reach = 0.54 * Math.max(...ends.map(([a, b]) => b - a)) || 1;
    } else {
      const sizes = codes.map(Math.abs).sort((a, b) => a - b);
      reach = Math.max(reach, 1.1 * sizes[Math.floor(0.99 * (sizes.length - 1))]);
    }
    return {
      reach,
      z: (u, v) => [centre[0] + (2 * u - 1) * reach, centre[1] + (1 - 2 * v) * reach],
      place: (z) => [
        0.5 + (z[0] - centre[0]) / (2 * reach), 0.5 - (z[1] - centre[1]) / (2 * reach)],
    };
  }

  // The plane through the codes of three images: A below on the left, B to the right of
  // it, C above it.
  function cornerChart([a, b, c]) {
    const margin = 0.35, whole = 1 + 2 * margin;
    return {
      z(u, v) {
        const s = whole * u - margin, t = whole * (1 - v) - margin;
        return a.map((a_k, k) => a_k + s * (b[k] - a_k) + t * (c[k] - a_k));
      },
      corners: [[0, 0], [1, 0], [0, 1]].map(([s, t]) =>
        [(s + margin) / whole, 1 - (t + margin) / whole]),
    };
  }

  class Plane {
    constructor(canvas, model, look, labels, colours, codes) {
      Object.assign(this, { canvas, model, look, labels, colours, codes });
      this.flat = model.K === 2;
      if (this.flat) this.chart = ownChart(model.spec, codes);
    }

    setCorners(codes) {
      this.chart = cornerChart(codes);
      this.base = null;
    }

    // What no pointer changes: small images E[x|z] all over, the prior, the test images.
    drawBase(size) {
      const base = document.createElement("canvas"), context = Draw.sharp(base, size, size);
      const tiles = this.flat ? 15 : 9, tile = document.createElement("canvas");
      context.fillStyle = Draw.css(Draw.colour("paper"));
      context.fillRect(0, 0, size, size);
      context.imageSmoothingEnabled = false;
      context.globalAlpha = this.flat ? 0.28 : 0.9;
      const side = size / tiles, [rows, columns] = this.look.shape;
      const scale = (0.94 * side) / Math.max(rows, columns);
      for (let i = 0; i < tiles; i++)
        for (let j = 0; j < tiles; j++) {
          const z = this.chart.z((i + 0.5) / tiles, (j + 0.5) / tiles);
          Draw.image(tile, this.model.mean(this.model.decode(z)), this.look);
          const [w, h] = [columns * scale, rows * scale];
          context.drawImage(tile, (i + 0.5) * side - w / 2, (j + 0.5) * side - h / 2, w, h);
        }
      context.globalAlpha = 1;
      if (this.flat) this.drawCodes(context, size);
      return base;
    }

    drawCodes(context, size) {
      if (this.model.variational) {
        context.setLineDash([4, 4]);
        context.strokeStyle = Draw.css(Draw.colour("soft"), 0.8);
        for (const r of [1, 2, 3]) {
          context.beginPath();
          context.arc(size / 2, size / 2, (r / (2 * this.chart.reach)) * size, 0, 7);
          context.stroke();
        }
        context.setLineDash([]);
      }
      context.font = "600 11px system-ui, sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      for (let i = 0; i < this.codes.length / 2; i++) {
        const [u, v] = this.chart.place([this.codes[2 * i], this.codes[2 * i + 1]]);
        const label = this.labels ? this.labels[i] : 4;
        context.fillStyle = Draw.classColour(
          this.colours[((label % 10) + 10) % 10]);
        if (this.labels) context.fillText(String(label), u * size, v * size);
        else context.fillRect(u * size - 1.5, v * size - 1.5, 3, 3);
      }
    }

    // state: pointer, pins and line in places; way of the image.
    draw({ pointer, pins, line }, way) {
      const size = this.canvas.clientWidth || 320;
      if (!this.base || this.size !== size) [this.base, this.size] = [this.drawBase(size), size];
      const context = Draw.sharp(this.canvas, size, size);
      context.drawImage(this.base, 0, 0, size, size);
      const mark = Draw.css(Draw.colour("mark")), ink = Draw.css(Draw.colour("ink"));
      const dot = ([u, v], radius, fill) => {
        context.beginPath();
        context.arc(u * size, v * size, radius, 0, 7);
        context.fillStyle = fill;
        context.fill();
        context.lineWidth = 1.5;
        context.strokeStyle = Draw.css(Draw.colour("paper"));
        context.stroke();
      };
      if (this.flat) this.drawPosterior(context, way, size, dot);
      else this.chart.corners.forEach(([u, v], i) => {
        dot([u, v], 11, mark);
        context.fillStyle = Draw.css(Draw.colour("paper"));
        context.font = "700 13px system-ui, sans-serif";
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.fillText("ABC"[i], u * size, v * size + 1);
      });
      if (line) {
        context.beginPath();
        line.forEach(([u, v]) => context.lineTo(u * size, v * size));
        context.lineWidth = 2.5;
        context.strokeStyle = ink;
        context.stroke();
        line.forEach((end) => dot(end, 4, ink));
      }
      pins.forEach((pin) => dot(pin, 5, ink));
      const [x, y] = pointer.map((p) => p * size);
      context.strokeStyle = ink;
      context.lineWidth = 1.5;
      context.beginPath();
      for (const [a, b] of [[-12, -4], [4, 12]]) {
        context.moveTo(x + a, y);
        context.lineTo(x + b, y);
        context.moveTo(x, y + a);
        context.lineTo(x, y + b);
      }
      context.stroke();
    }

    // The ellipses of q(z|x) at one and two σ, its mean, and the z that ε draws from it.
    drawPosterior(context, { mu, sigma, z }, size, dot) {
      const at = this.chart.place(mu), mark = Draw.colour("mark");
      if (sigma) {
        const [a, b] = Array.from(sigma, (s) => (s / (2 * this.chart.reach)) * size);
        for (const r of [2, 1]) {
          context.beginPath();
          context.ellipse(at[0] * size, at[1] * size, r * a, r * b, 0, 0, 7);
          context.fillStyle = Draw.css(mark, 0.18);
          context.fill();
          context.lineWidth = 1.8;
          context.strokeStyle = Draw.css(mark);
          context.stroke();
        }
        dot(this.chart.place(z), 4, Draw.css(mark));
      } else dot(at, 6, Draw.css(mark));
      context.beginPath(); // a ring, for an ellipse may be too small to be found
      context.arc(at[0] * size, at[1] * size, 22, 0, 7);
      context.strokeStyle = Draw.css(mark, 0.6);
      context.stroke();
    }

    // In words, for whoever does not see the picture.
    describe(z) {
      if (!this.flat) return "";
      if (!this.labels) return `z = ${vectorText(z)}`;
      let best = Infinity, label = "";
      for (let i = 0; i < this.codes.length / 2; i++) {
        const d = Math.hypot(this.codes[2 * i] - z[0], this.codes[2 * i + 1] - z[1]);
        if (d < best) [best, label] = [d, this.labels[i]];
      }
      return `z = ${vectorText(z)}, nearest test image: a ${label}`;
    }
  }

  // One slider for each latent dimension, the largest KL first; `moved(k, value)`.
  function sliders(box, { K, spec }, moved) {
    const order = Array.from({ length: K }, (_, k) => k);
    if (spec.klOf) order.sort((a, b) => spec.klOf[b] - spec.klOf[a]);
    const inputs = [];
    for (const k of order) {
      const dead = spec.klOf && !spec.active[k];
      const kl = spec.klOf ? `${number(spec.klOf[k])} nats` : "";
      inputs[k] = element("input", {
        type: "range", min: -4, max: 4, step: 0.05, "aria-label": `z ${k + 1} ${kl}${dead ? ", not used" : ""}`,
        oninput: (event) => moved(k, Number(event.target.value)),
      });
      if (!spec.klOf) Object.assign(inputs[k], range(spec, k));
      const label = element("label", dead ? { class: "dead" } : {}, `z`, kl, inputs[k]);
      label.firstChild.replaceWith(element("span", {}, "z", element("sub", {}, String(k + 1))));
      box.append(label);
    }
    return (z) => inputs.forEach((input, k) => { input.value = z[k]; });
  }

  // An autoencoder's codes have no prior: the slider goes as far as the codes do.
  function range(spec, k) {
    const codes = Engine.unpack(spec.codes, "float32").filter((_, i) => i % spec.K === k);
    return { min: Math.min(...codes), max: Math.max(...codes), step: "any" };
  }

  // Rows of bars, [name, words, [[kind, from, to]]], in nats: from zero, or enlarged, the
  // part from low to high.
  function bars(box, rows, low, high) {
    const ends = rows.flatMap(([, , parts]) => parts.flatMap(([, a, b]) => [a, b]));
    low ??= Math.min(0, ...ends);
    high ??= Math.max(0, ...ends) || 1;
    const at = (v) => `${Math.min(100, Math.max(0, (100 * (v - low)) / (high - low))).toFixed(3)}%`;
    box.append(...rows.flatMap(([name, label, parts]) => {
      const track = element("div", { class: "track", role: "img", "aria-label": label });
      for (const [kind, a, b] of parts) {
        const span = element("span", { class: kind });
        span.style.left = at(Math.min(a, b));
        if (kind !== "draw") span.style.width = `calc(${at(Math.max(a, b))} - ${at(Math.min(a, b))})`;
        track.append(span);
      }
      return [element("span", {}, name), track];
    }));
  }

  // name: [[key colour, words, value, title]]
  function table(box, rows) {
    box.replaceChildren(...rows.map(([key, words, value]) => {
      const head = element("th", { scope: "row" }, words);
      if (key) head.prepend(element("span", { class: `key ${key}` }));
      return element("tr", {}, head, element("td", {}, value));
    }));
  }

  // The boxes of the way; `update(way)` fills them. `lines` says which line computes one.
  function wayOf(lists, view, newNoise, showLine) {
    const { model, look } = view, { spec, K } = model;
    const what = { Binomial: "logits", Bernoulli: "logits" }[spec.likelihood.class];
    const image = (c, v) => Draw.image(c, v, look);
    const grid = (n) => { const c = Math.ceil(Math.sqrt(n)); return [Math.ceil(n / c), c]; };
    const mean = what ? `E[x|z] = ${spec.likelihood.n > 1 ? "n " : ""}sigmoid(y)` : "E[x|z] = y";
    const noise = element("button", { onclick: newNoise }, "New ε");
    const all = [
      ["x", "x", (c, w) => image(c, w.x), `the image, D = ${spec.D} pixels`],
      ["h", "h", (c, w) => Draw.signed(c, w.h, grid(w.h.length)), "features: h = encoder(x)"],
      ["q", "mu", (c, w) => Draw.vector(c, w.mu), `mean of q(z|x), K = ${K}`],
      ["q", "logvar", (c, w) => Draw.vector(c, w.logvar), "log σ² of q(z|x)"],
      ["noise", "σ ⊙ ε", (c, w) => Draw.vector(c, w.sigma.map((s, k) => s * w.eps[k])), "ε ~ N(0, I), the only chance", noise],
      ["z", "z", (c, w) => Draw.vector(c, w.z), model.variational ? "z = mu + σ ⊙ ε" : `the code, K = ${K}`],
      ["y", "y", (c, w) => Draw.signed(c, w.y, look.shape), `y = decoder(z)${what ? ": " + what : ""}`],
      ["mean", "E[x|z]", (c, w) => image(c, w.mean), mean],
      ["rec", "rec", (w) => w.rec, "−log p(x|z) in nats"],
      ["kl", "kl", (w) => w.kl, "KL(q(z|x) ‖ N(0, I))"],
      ["nelbo", "nelbo", (w) => w.nelbo, "rec + kl, at this ε"],
    ];
    const own = model.variational ? all : all.filter(([, title]) =>
      !["mu", "logvar", "σ ⊙ ε", "kl", "nelbo"].includes(title));
    const sums = { rec: "", kl: "+", nelbo: "=" };
    const updates = own.map(([box, title, draw, words, extra], i) => {
      const item = element("li", { "data-before": sums[box] ?? (i ? "→" : "") }, element("h4", {}, title));
      const value = box in sums;
      const shown = value
        ? element("p", { class: "value" })
        : element("canvas", { role: "img", "aria-label": `${title}: ${words}` });
      if (["q", "noise", "z"].includes(box)) shown.className = "vector";
      item.append(shown, element("p", {}, words));
      if (extra) item.append(extra);
      const line = view.lines[box];
      if (line) item.append(element("button", { onclick: () => showLine(line[0], line[1]) },
        `${line[0]}:${line[1]}`));
      if (line?.[2]) item.append(element("p", { title: line[3] }, `Chapter ${line[2]}`));
      lists[value ? 1 : 0].append(item);
      return (w) => (value ? (shown.textContent = number(draw(w))) : draw(shown, w));
    });
    return (way) => updates.forEach((update) => update(way));
  }

  return { element, number, vectorText, Plane, sliders, bars, table, wayOf };
})();
