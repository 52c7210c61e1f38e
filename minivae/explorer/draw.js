"use strict";
// Pictures on canvases: images, signed values, bars of a vector.

const Draw = (() => {
  const cache = new Map();

  // A colour of style.css as [r, g, b], whichever of light and dark is on.
  function colour(name) {
    if (!cache.has(name)) {
      const text = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
      const hex = text.trim().slice(1);
      cache.set(name, [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
    }
    return cache.get(name);
  }

  const css = (rgb, alpha = 1) => `rgba(${rgb.map(Math.round).join(",")},${alpha})`;
  const mix = (a, b, t) => a.map((v, i) => v + t * (b[i] - v));

  // How bright a class's colour is drawn: lighter on a dark page.
  function classColour(hex) {
    const lift = parseFloat(
      getComputedStyle(document.documentElement).getPropertyValue("--lift"));
    const rgb = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    return css(mix(rgb, [255, 255, 255], lift));
  }

  // One canvas pixel for each value; the style sheet makes it as large as it should be.
  function paint(canvas, shape, rgbOf) {
    [canvas.height, canvas.width] = shape;
    const context = canvas.getContext("2d");
    const data = context.createImageData(shape[1], shape[0]);
    for (let d = 0; d < shape[0] * shape[1]; d++) {
      const rgb = rgbOf(d);
      for (let c = 0; c < 3; c++) data.data[4 * d + c] = rgb[c];
      data.data[4 * d + 3] = 255;
    }
    context.putImageData(data, 0, 0);
    return canvas;
  }

  // Values from limits[0] to limits[1] as ink on paper, photographs black to white.
  function image(canvas, values, { shape, limits, photograph }) {
    const low = photograph ? [0, 0, 0] : colour("paper");
    const high = photograph ? [255, 255, 255] : colour("ink");
    const range = limits[1] - limits[0] || 1;
    return paint(canvas, shape, (d) =>
      mix(low, high, Math.min(1, Math.max(0, (values[d] - limits[0]) / range))));
  }

  // Positive values in one colour, negative ones in another, the largest at full strength.
  function signed(canvas, values, shape) {
    const top = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    return paint(canvas, shape, (d) => {
      const v = (values[d] ?? 0) / top;
      return mix(colour("paper"), colour(v > 0 ? "plus" : "minus"), Math.abs(v));
    });
  }

  // A canvas whose units are CSS pixels, sharp on any screen.
  function sharp(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    return context;
  }

  // The entries of a vector as bars up and down, the scale at least from -1 to 1.
  function vector(canvas, values) {
    const width = 132, height = 96, context = sharp(canvas, width, height);
    const top = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
    const step = (width - 8) / values.length, middle = height / 2;
    context.fillStyle = css(colour("card"));
    context.fillRect(0, 0, width, height);
    values.forEach((value, k) => {
      const length = (value / top) * (middle - 4);
      context.fillStyle = css(colour(value > 0 ? "plus" : "minus"));
      const bar = Math.max(1, Math.min(step * 0.75, 22));
      context.fillRect(4 + (k + 0.5) * step - bar / 2, middle - Math.max(length, 0), bar, Math.abs(length));
    });
    context.fillStyle = css(colour("soft"));
    context.fillRect(0, middle - 0.5, width, 1);
  }

  // Images side by side in one canvas.
  function row(canvas, images, look) {
    const [rows, columns] = look.shape;
    canvas.height = rows;
    canvas.width = columns * images.length;
    const context = canvas.getContext("2d"), one = document.createElement("canvas");
    images.forEach((values, i) => context.drawImage(image(one, values, look), i * columns, 0));
  }

  return { colour, css, classColour, image, signed, sharp, vector, row, forget: () => cache.clear() };
})();
