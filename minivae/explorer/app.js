"use strict";
// The page's state, and what happens when it is touched.

(() => {
  const { element, number, vectorText } = Views;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const trouble = (text) => {
    byId("trouble").textContent = text;
    byId("trouble").hidden = false;
  };
  if (!document.createElement("canvas").getContext?.("2d"))
    return trouble("This browser has no canvas to draw on: expected one with <canvas>.");

  const first = data.models[0], [rows, columns] = first.shape, D = first.D;
  const FINE = 4; // strokes of the pen are kept on a grid so many times finer
  const state = {
    index: 0, ink: new Float32Array(D * FINE * FINE), pen: 1, cell: null,
    pointer: [0.5, 0.5], pins: [], line: null, seed: 1,
  };
  const views = data.models.map(makeView);

  function makeView(spec, i) {
    const model = Engine.load(spec), root = byId("model").content.cloneNode(true).firstElementChild;
    const look = { shape: spec.shape, limits: spec.limits, photograph: spec.photograph };
    const pixels = Engine.unpack(spec.pixels, spec.pixelType);
    const images = Array.from({ length: pixels.length / D }, (_, n) =>
      Float64Array.from(pixels.subarray(n * D, (n + 1) * D)).map((v) => v / spec.divisor));
    const codes = Array.from(Engine.unpack(spec.codes, "float32"));
    const view = { spec, model, root, look, images, codes, lines: data.code.lines[spec.kind] };
    view.find = (name) => root.querySelector(`.${name}`);
    view.find("name").textContent = spec.title;
    view.find("facts").textContent = facts(spec);
    view.plane = new Views.Plane(
      view.find("plane"), model, look, spec.labels, data.colours, codes);
    view.corners = [0, 1, 2].map((n) => Math.min(n, images.length - 1)).map((n) => images[n]);
    return view;
  }

  function facts(spec) {
    const width = (l) => l.n_out ?? (l.channels && `${l.channels}c`);
    const widths = (stack) => stack.layers.map(width).filter(Boolean);
    const net = [spec.D, ...widths(spec.encoder), spec.K, ...widths(spec.decoder)].join("–");
    const likelihood = spec.likelihood.class + (spec.likelihood.n > 1 ? `(${spec.likelihood.n})` : "");
    return `${spec.kind}, ${net}, ${likelihood}, ${spec.dtype}${spec.note ? ", " + spec.note : ""}`;
  }

  // The image ------------------------------------------------------------------------

  // What is drawn, 0 to 1 in each pixel, as a model takes it.
  function fromInk({ ink }) {
    const area = FINE * FINE;
    return Float64Array.from({ length: D }, (_, d) => {
      let f = 0;
      for (let s = 0; s < area; s++) f += state.ink[d * area + s] / area;
      if (!ink.steps) return ink.low + f * (ink.high - ink.low);
      return Math.ceil(f * ink.steps - 0.5) / (ink.steps / ink.high);
    });
  }

  function choose(index) {
    state.index = index;
    const { images, spec: { ink } } = views[0], area = FINE * FINE;
    images[index].forEach((v, d) =>
      state.ink.fill((v - ink.low) / (ink.high - ink.low), d * area, (d + 1) * area));
    changed();
  }

  // The disc of the pen around (x, y), in pixels of the image.
  function stroke(x, y) {
    const radius = Math.max(0.45, 0.055 * Math.max(rows, columns));
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++)
        for (let s = 0; s < FINE * FINE; s++) {
          const dy = r + (Math.floor(s / FINE) + 0.5) / FINE - y;
          const dx = c + ((s % FINE) + 0.5) / FINE - x;
          if (Math.hypot(dx, dy) < radius)
            state.ink[(r * columns + c) * FINE * FINE + s] = state.pen;
        }
    state.index = null;
  }

  function changed() {
    for (const view of views) {
      view.x = state.index === null ? fromInk(view.spec) : view.images[state.index];
      view.evidence = null;
      view.job?.stop();
    }
    clearTimeout(state.timer);
    state.timer = setTimeout(() => views.forEach(startEvidence), 200);
    drawBoard();
    const options = byId("strip").children;
    for (const [i, option] of [...options].entries())
      option.setAttribute("aria-selected", String(i === state.index));
    if (state.index !== null) byId("strip").setAttribute("aria-activedescendant", options[state.index].id);
    byId("image-note").textContent = state.index === null
      ? "Drawn by hand. Fill the frame, as the test images do; the numbers below are of this drawing."
      : `Test image ${state.index + 1}${labelled(state.index)}. Choose another, or draw on it.`;
    redo();
  }

  const labelled = (i) => (first.labels ? `, labelled ${first.labels[i]}` : "");

  function drawBoard() {
    Draw.image(byId("board"), views[0].x, views[0].look);
    byId("board").setAttribute("aria-label", state.index === null
      ? "Drawing board with a drawing" : `Drawing board with test image ${state.index + 1}${labelled(state.index)}`);
    if (state.cell && document.activeElement === byId("board")) {
      const context = byId("board").getContext("2d");
      context.fillStyle = Draw.css(Draw.colour("mark"), 0.75);
      context.fillRect(...state.cell, 1, 1);
    }
  }

  // Everything that depends on the image or on ε.
  function redo() {
    for (const view of views) {
      const eps = Engine.normals(state.seed)(view.model.K);
      view.way = view.model.way(view.x, eps);
      Draw.image(view.find("given"), view.x, view.look);
      Draw.image(view.find("back"), view.way.mean, view.look);
      view.showWay(view.way);
      showNats(view);
      if (view.slide) { // more than two dimensions: the sliders follow the image
        view.slid = Array.from(view.way.z);
        view.slide(view.slid);
      }
      drawSpace(view);
    }
  }

  // The nats ---------------------------------------------------------------------------

  function startEvidence(view) {
    if (!view.model.variational) return;
    const job = Evidence.evidence(view.model, view.x);
    let stopped = false;
    view.job = { stop: () => { stopped = true; } };
    (function slice() {
      if (stopped) return;
      const end = performance.now() + 12;
      do {
        const { done, value } = job.next();
        if (done) {
          view.evidence = value;
          return showNats(view);
        }
      } while (performance.now() < end);
      setTimeout(slice);
    })();
  }

  const plusMinus = (error) =>
    error === Infinity ? "not found" : error < 0.005 ? "± < 0.01" : `± ${number(error)}`;

  // [value, error] of log p(x), by the package and by the page, where there are such.
  function logProbabilities({ spec, evidence }) {
    const rows = [], i = state.index;
    if (spec.likelihood.grey) return rows;
    if (i !== null && i < spec.logP.length)
      rows.push([spec.logP[i], spec.logPError[i], `by the package, ${spec.method}`]);
    if (evidence)
      rows.push([evidence.value, evidence.error, `by this page, ${
        evidence.method === "lattice" ? "a grid where the posterior is" : "500 importance samples"}`]);
    return rows;
  }

  function showNats(view) {
    const { way, evidence, spec } = view;
    const rec = evidence ? evidence.rec : way.rec;
    view.find("bars").replaceChildren();
    if (!view.model.variational) {
      Views.bars(view.find("bars"), [["rec", `rec ${number(rec)} nats`, [["rec", 0, rec]]]]);
      Views.table(view.find("numbers"), [["rec", "rec = −log p(x|z)", number(rec)]]);
      view.find("remark").textContent =
        "An autoencoder has no prior and no kl: rec is no bound on log p(x), and there is no p(x).";
      return;
    }
    const nelbo = rec + way.kl, found = logProbabilities(view);
    const best = found.reduce((a, b) => (a && a[1] <= b[1] ? a : b), null);
    const known = best && best[1] < Infinity;
    const rows = [["nelbo", `rec ${number(rec)} plus kl ${number(way.kl)} is nelbo ${number(nelbo)} nats`,
      [["rec", 0, rec], ["kl", rec, nelbo], ["draw", way.nelbo, way.nelbo]]]];
    if (known)
      rows.push(["−log p", `minus log p of x ${number(-best[0])} nats, gap ${number(nelbo + best[0])}`,
        [["logp", 0, -best[0]], ["gap", -best[0], nelbo]]]);
    else rows.push(["−log p", "not known yet", []]);
    Views.bars(view.find("bars"), rows);
    if (known) {
      const gap = nelbo + best[0], end = Math.max(nelbo, -best[0], way.nelbo);
      const width = Math.max(1.3 * way.kl, 3 * Math.abs(gap), 1.2 * (end - nelbo), 1);
      view.find("bars").append(element("p", { class: "hint" }, `The last ${number(width, 1)} nats, enlarged:`));
      const again = rows.map(([name, , parts]) => [name, "the same, enlarged", parts]);
      Views.bars(view.find("bars"), again, end - width, end);
    }
    const numbers = [
      ["rec", "rec, the mean over q(z|x)", evidence ? `${number(rec)} ${plusMinus(evidence.recError)}` : "…"],
      ["kl", "kl", number(way.kl)],
      [null, "nelbo = rec + kl", evidence ? number(nelbo) : "…"],
      ...found.map(([value, error, how]) =>
        ["logp", `−log p(x) ${how}`, error === Infinity ? "not found" : `${number(-value)} ${plusMinus(error)}`]),
    ];
    if (evidence && known) numbers.push(["gap", "the gap, KL(q(z|x) ‖ p(z|x))", number(nelbo + best[0])]);
    numbers.push([null, "nelbo with this one ε (the thin line)", number(way.nelbo)]);
    Views.table(view.find("numbers"), numbers);
    view.find("remark").textContent = remark(spec, evidence);
  }

  function remark(spec, evidence) {
    const said = [];
    if (spec.kind === "IWAE")
      said.push("Trained on the importance-weighted bound; nelbo here is the looser one of a single sample.");
    if (spec.likelihood.grey)
      said.push("Cross-entropy on grey pixels is no likelihood: these nats compare with no one's.");
    if (evidence?.method === "sampling")
      said.push("Importance sampling finds log p(x) from below" + (evidence.error > 0.3
        ? "; here few samples carry the sum, and it may be nats too low." : "."));
    if (evidence?.error === Infinity)
      said.push("The posterior lies outside of [−9, 9]², where this page looks.");
    return said.join(" ");
  }

  // Latent space -----------------------------------------------------------------------

  function drawSpace(view) {
    const { model, plane } = view;
    if (model.K > 1) {
      const z = plane.chart.z(...state.pointer);
      plane.draw(state, view.way);
      view.find("where").textContent = plane.describe(z);
      if (!view.slide) showUnder(view, z);
      const along = view.find("along");
      along.hidden = !state.line;
      if (state.line) {
        const [[u0, v0], [u1, v1]] = state.line;
        const images = Array.from({ length: 9 }, (_, i) => i / 8).map((t) =>
          model.mean(model.decode(plane.chart.z(u0 + t * (u1 - u0), v0 + t * (v1 - v0)))));
        Draw.row(view.find("line"), images, view.look);
      }
      showPins(view);
    }
    if (view.slide) showUnder(view, view.slid);
  }

  function showUnder(view, z) {
    Draw.image(view.find("under"), view.model.mean(view.model.decode(z)), view.look);
    view.find("under").setAttribute("aria-label", `E[x|z] at z = ${vectorText(z)}`);
  }

  function showPins(view) {
    const key = JSON.stringify(state.pins) + view.cornersAt;
    if (view.pinned === key) return;
    view.pinned = key;
    view.find("pins").replaceChildren(...state.pins.map((pin) => {
      const z = view.plane.chart.z(...pin), canvas = element("canvas", { role: "img", "aria-label": `E[x|z] at ${vectorText(z)}` });
      Draw.image(canvas, view.model.mean(view.model.decode(z)), view.look);
      return element("figure", {}, canvas, element("figcaption", {}, z.length === 2 ? vectorText(z) : ""));
    }));
  }

  // The pointer went to (u, v) of a plane, in all planes at once.
  function point(u, v) {
    state.pointer = [u, v].map((p) => Math.min(1, Math.max(0, p)));
    for (const view of views) {
      if (view.slide && view.model.K > 1) {
        view.slid = Array.from(view.plane.chart.z(...state.pointer));
        view.slide(view.slid);
      }
      drawSpace(view);
    }
  }

  const pin = () => { state.pins = [...state.pins, state.pointer].slice(-8); };

  function listenToPlane(canvas) {
    let start = null, dragged = false;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    canvas.addEventListener("pointerdown", (event) => {
      [start, dragged] = [place(event), false];
      canvas.setPointerCapture?.(event.pointerId);
      point(...start);
    });
    canvas.addEventListener("pointermove", (event) => {
      const here = place(event);
      if (start && Math.hypot(here[0] - start[0], here[1] - start[1]) > 0.015) dragged = true;
      if (dragged) state.line = [start, here.map((p) => Math.min(1, Math.max(0, p)))];
      point(...here);
    });
    const end = () => {
      if (start && !dragged) pin();
      start = null;
      point(...state.pointer);
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", () => { start = null; });
    canvas.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.08 : 0.015, [u, v] = state.pointer;
      const to = { ArrowLeft: [u - step, v], ArrowRight: [u + step, v],
        ArrowUp: [u, v - step], ArrowDown: [u, v + step] }[event.key];
      if (event.key === "Enter") pin();
      else if (event.key === "Escape") [state.pins, state.line, state.begun] = [[], null, null];
      else if (event.key.toLowerCase() === "l") state.begun = state.begun ? null : state.pointer;
      else if (!to) return;
      event.preventDefault();
      if (to) state.pointer = to.map((p) => Math.min(1, Math.max(0, p)));
      if (state.begun) state.line = [state.begun, state.pointer];
      point(...state.pointer);
    });
  }

  function setUpSpace(view) {
    const { model, spec } = view, canvas = view.find("plane");
    const deep = model.K !== 2;
    view.find("sliding").hidden = !deep;
    view.find("flat").hidden = model.K === 1;
    view.find("under-name").textContent = deep ? "E[x|z] of the sliders" : "E[x|z] under the pointer";
    view.find("back-name").textContent = model.variational ? "E[x|z], z drawn from q(z|x)" : "E[x|z], z the code of x";
    for (const [name, what] of [["given", "the image x"], ["back", "its reconstruction"]])
      view.find(name).setAttribute("aria-label", what);
    if (deep)
      view.slide = Views.sliders(view.find("sliders"), model, (k, value) => {
        view.slid[k] = value;
        drawSpace(view);
      });
    if (model.K === 1) return;
    canvas.setAttribute("aria-label", `${spec.title}: a plane of latent space. Arrow keys move the pointer, Enter pins, L begins and ends a line.`);
    view.find("plane-name").textContent = deep ? "A plane through three images" : "The latent plane";
    view.find("plane-hint").textContent = deep
      ? "Move over it; the sliders follow. Click to pin a point, drag for a line."
      : `Test images at ${model.variational ? "mu, circles at 1, 2 and 3 σ of the prior" : "their codes"}. Move over it; click to pin a point, drag for a line.`;
    if (deep) {
      view.find("corners").append(...[0, 1, 2].map((n) => element("button", {
        onclick: () => { view.corners[n] = view.x; setCorners(view); point(...state.pointer); },
      }, element("canvas", { "aria-hidden": "true" }), `Take the image as ${"ABC"[n]}`)));
      setCorners(view);
    }
    listenToPlane(canvas);
  }

  function setCorners(view) {
    const { model } = view;
    view.plane.setCorners(view.corners.map((x) => Array.from(model.encode(x).mu)));
    view.cornersAt = (view.cornersAt ?? 0) + 1;
    view.find("corners").querySelectorAll("canvas").forEach((canvas, n) =>
      Draw.image(canvas, view.corners[n], view.look));
  }

  // Board, strip, code -------------------------------------------------------------------

  function setUpBoard() {
    const board = byId("board");
    board.style.aspectRatio = `${columns} / ${rows}`;
    let last = null;
    const place = (event) => {
      const box = board.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * columns, ((event.clientY - box.top) / box.height) * rows];
    };
    const draw = (event) => {
      const here = place(event), from = last ?? here;
      const steps = 1 + Math.ceil(4 * Math.hypot(here[0] - from[0], here[1] - from[1]));
      for (let i = 1; i <= steps; i++)
        stroke(...[0, 1].map((k) => from[k] + (i / steps) * (here[k] - from[k])));
      last = here;
      changed();
    };
    board.addEventListener("pointerdown", (event) => {
      board.setPointerCapture?.(event.pointerId);
      state.cell = last = null;
      draw(event);
    });
    board.addEventListener("pointermove", (event) => { if (last) draw(event); });
    for (const end of ["pointerup", "pointercancel"])
      board.addEventListener(end, () => { last = null; });
    board.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] }[event.key];
      if (!by) return;
      event.preventDefault();
      const [c, r] = state.cell ?? [columns >> 1, rows >> 1];
      state.cell = [Math.min(columns - 1, Math.max(0, c + by[0])), Math.min(rows - 1, Math.max(0, r + by[1]))];
      if (event.key === " ") {
        stroke(state.cell[0] + 0.5, state.cell[1] + 0.5);
        changed();
      } else drawBoard();
    });
    board.addEventListener("blur", () => { state.cell = null; drawBoard(); });
    const pens = [byId("erase"), byId("draw")];
    pens.forEach((button, pen) => button.addEventListener("click", () => {
      state.pen = pen;
      pens.forEach((b, i) => b.setAttribute("aria-pressed", String(i === pen)));
    }));
    byId("clear").addEventListener("click", () => {
      state.ink.fill(0);
      state.index = null;
      pens[1].click();
      changed();
    });
  }

  function fillStrip() {
    const { images, look } = views[0];
    byId("strip").replaceChildren(...images.map((x, i) => Draw.image(element("canvas", {
      role: "option", id: `image-${i}`, "aria-label": `test image ${i + 1}${labelled(i)}`,
      onclick: () => choose(i),
    }), x, look)));
  }

  function setUpStrip() {
    const strip = byId("strip");
    fillStrip();
    strip.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const last = strip.children.length - 1;
      choose(Math.min(last, Math.max(0, (state.index ?? -by) + by)));
      strip.children[state.index].scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  }

  function showLine(file, line) {
    const listing = byId("listing");
    listing.replaceChildren(...data.code.files[file].split("\n").map((text, i) =>
      element("span", i + 1 === line ? { class: "here" } : {}, `${String(i + 1).padStart(4)}  ${text}`)));
    for (const button of byId("files").children)
      button.setAttribute("aria-pressed", String(button.textContent === file));
    if (!line) return;
    const here = listing.children[line - 1];
    byId("code").scrollIntoView({ block: "nearest" });
    listing.scrollTop = here.offsetTop - listing.offsetTop - listing.clientHeight / 2;
    listing.focus({ preventScroll: true });
  }

  function redraw() {
    Draw.forget();
    for (const view of views) {
      view.plane.base = view.pinned = null;
      if (view.slide && view.model.K > 1) setCorners(view);
    }
    fillStrip();
    changed();
  }

  // Start ----------------------------------------------------------------------------------

  document.title = `${data.models.map((m) => m.title).join(" and ")}: minivae explorer`;
  byId("title").textContent = data.models.map((m) => m.title).join(" and ");
  byId("lead").textContent = `Trained on ${first.data}, ${rows}×${columns} pixels. Choose a test image or draw one, and watch what becomes of it, in nats.`;
  byId("main").hidden = false;
  byId("models").className = views.length === 2 ? "two" : "one";
  byId("models").append(...views.map((view) => view.root));
  views[0].find("name").hidden = views.length === 1;
  for (const view of views) {
    setUpSpace(view);
    view.showWay = Views.wayOf(view.root.querySelectorAll(".way"), view, () => { state.seed += 1; redo(); }, showLine);
  }
  byId("files").append(...Object.keys(data.code.files).map((name) =>
    element("button", { onclick: () => showLine(name, 0) }, name)));
  showLine(Object.keys(data.code.files)[0], 0);
  setUpBoard();
  setUpStrip();
  choose(0);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("resize", () => views.forEach(drawSpace));
})();
