"""Convolutions: a product with patches, and its adjoint, which scatters them back.

Let A cut an image into its windows of kernel x kernel pixels, one row for each place of
the kernel. A convolution is the product of that table with the weights W, and as A is
linear, all gradients follow from its adjoint Aᵀ, which adds each window back where it
was cut from:

    y = (A x) W,      ∂L/∂W = (A x)ᵀ dy,      ∂L/∂x = Aᵀ (dy Wᵀ).

The *transposed convolution* is the last formula used forward: it makes a larger image from
a small one. It is the adjoint of the convolution, not its inverse.

Between layers an image is a row of numbers like any other, channels last: the pixel
(row i, column j, channel c) has the index (i·columns + j)·channels + c. The layers here
know the shape of their image, so no other module needs to know of images.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minivae.errors import check_array, check_choice, check_sizes, check_whole
from minivae.layers import ACTIVATIONS, Linear, Weighted


def patches(images, kernel, stride):
    """A x: the windows of the images, one row each.

    Parameters
    ----------
    images : ndarray, shape (B, rows, columns, C)
    kernel, stride : int
        Windows of kernel x kernel pixels, `stride` apart in both directions.

    Returns
    -------
    ndarray, shape (B · rows' · columns', kernel · kernel · C)
        With rows' = (rows - kernel) // stride + 1, and columns' likewise.
    """
    check_array("images", images, (None,) * 4)
    kernel, stride = check_whole("kernel", kernel, 1), check_whole("stride", stride, 1)
    B, rows, columns, C = images.shape
    flat = images.reshape(B, rows, columns * C)
    windows = sliding_window_view(flat, (kernel, kernel * C), axis=(1, 2))
    windows = windows[:, ::stride, :: stride * C]
    return windows.reshape(math.prod(windows.shape[:3]), kernel * kernel * C)


def scatter(maps, W, stride):
    """Aᵀ (y Wᵀ): every y is multiplied by the kernel, and added where its window was.

    The table y Wᵀ is made and added one column of windows, one (i, j) of the kernel, at
    a time: whole, it would not fit into the processor's cache.

    Parameters
    ----------
    maps : ndarray, shape (B, rows, columns, C')
    W : ndarray, shape (kernel, kernel, C, C')
    stride : int

    Returns
    -------
    ndarray, shape (B, (rows - 1) · stride + kernel, (columns - 1) · stride + kernel, C)
    """
    check_array("maps", maps, (None,) * 4)
    check_array("W", W, (None,) * 4)
    B, rows, columns, channels = maps.shape
    kernel, _, C, _ = W.shape
    check_array("W", W, (kernel, kernel, C, channels), maps.dtype)
    stride = check_whole("stride", stride, 1)
    high, wide = (rows - 1) * stride + kernel, (columns - 1) * stride + kernel
    images = np.zeros((B, high, wide, C), maps.dtype)
    y = maps.reshape(B * rows * columns, channels)
    for i in range(kernel):
        for j in range(kernel):
            seen = images[:, i::stride, j::stride][:, :rows, :columns]
            seen += (y @ W[i, j].T).reshape(seen.shape)
    return images


class _Convolution(Weighted):
    """What both layers share: W connects a large `image` with small `maps`.

    Attributes
    ----------
    shape, out_shape : tuple of int
        (rows, columns, channels) of what comes in and of what goes out.
    direction : {1, -1}
        From the image to the maps, or from the maps to the image.
    image, maps : tuple of int
        `shape` and `out_shape`, in the direction's order.
    """

    def __init__(self, shape, channels, kernel=4, stride=2, padding=1, init="glorot"):
        super().__init__(init)
        self.shape = check_sizes("shape", shape, (28, 28, 1))
        if len(shape) != 3:
            raise ValueError(f"shape: expected (rows, columns, channels), got {shape!r}")
        self.kernel = check_whole("kernel", kernel, minimum=1)
        self.stride = check_whole("stride", stride, minimum=1)
        self.padding = check_whole("padding", padding, minimum=0)
        if self.stride > self.kernel:
            raise ValueError(
                f"stride: expected at most the kernel, {kernel}, got {stride}: the pixels"
                " between the windows would be lost"
            )
        if self.padding >= self.kernel:
            raise ValueError(
                f"padding: expected less than the kernel, {kernel}, got {padding}: some"
                " windows would hold nothing but padding"
            )
        channels = check_whole("channels", channels, minimum=1)
        rows, columns, _ = self.shape
        self.out_shape = self._size("rows", rows), self._size("columns", columns), channels
        self.n_in, self.n_out = math.prod(self.shape), math.prod(self.out_shape)
        self.config = {"shape": list(self.shape), "channels": channels, "init": init}
        self.config |= {n: getattr(self, n) for n in ("kernel", "stride", "padding")}
        self.image, self.maps = (self.shape, self.out_shape)[:: self.direction]
        k, C, C_maps = self.kernel, self.image[2], self.maps[2]
        # a number of the maps is tied to a window of pixels; a pixel of the image, away
        # from the border, to as many places of the kernel as cover it, in all the maps
        ties = k**2 * C, (k / self.stride) ** 2 * C_maps
        self.fan_in, self.fan_out = ties[:: self.direction]
        self.shapes = {"W": (k, k, C, C_maps), "b": (channels,)}

    def bind(self, params, grads, prefix=""):
        super().bind(params, grads, prefix)
        # The same memory as tables: a row for each number in a window.
        self.W2, self.dW2 = (a.reshape(-1, self.maps[2]) for a in (self.W, self.dW))

    def cut(self, images):
        """Rows of images, padded with zeros, as a table of windows."""
        rows, columns, C = self.image
        p = self.padding
        padded = np.zeros((len(images), rows + 2 * p, columns + 2 * p, C), images.dtype)
        padded[:, p : p + rows, p : p + columns] = images.reshape(len(images), *self.image)
        return patches(padded, self.kernel, self.stride)

    def paste(self, maps):
        """Rows of images, padding cropped, from a table of the maps, a row each place."""
        rows, columns, _ = self.image
        p = self.padding
        padded = scatter(maps.reshape(-1, *self.maps), self.W, self.stride)
        images = padded[:, p : p + rows, p : p + columns]
        return images.reshape(len(images), math.prod(self.image))


class Conv2d(_Convolution):
    """y = (A x) W + b: at each place of the kernel, its products with what it covers.

    With the table A x of the windows (see the top of this file) and dy = ∂L/∂y, a row
    for each image and place,

        ∂L/∂W = (A x)ᵀ dy,    ∂L/∂b = Σ_rows dy,    ∂L/∂x = Aᵀ (dy Wᵀ).

    The kernel is not flipped, so strictly this is a cross-correlation; the custom is to
    call it a convolution (Dumoulin & Visin 2016, arXiv 1603.07285).

    Parameters
    ----------
    shape : tuple of int
        (rows, columns, channels) of an image of x.
    channels : int
        Channels of an image of y, whose shape is `out_shape`.
    kernel, stride, padding : int
        rows' = (rows + 2 padding - kernel) / stride + 1, and columns' likewise, which
        must come out whole. 4, 2 and 1 halve an image of even sides.
    init : {"glorot", "he"}
        As in `Linear`, where n_in counts the products that one y is the sum of,
        kernel² · channels, and n_out those that one x goes into, away from the border.
        W has shape (kernel, kernel, channels in, channels out).

    Raises
    ------
    ValueError
        If the kernel is larger than the padded image, or a pixel would be lost: between
        windows, or at the border where the last window ends before it.
    """

    direction = 1

    def _size(self, side, n):
        k, s, p = self.kernel, self.stride, self.padding
        room = n + 2 * p - k
        if room < 0:
            raise ValueError(
                f"kernel: expected at most {n + 2 * p}, the {side} of the padded image,"
                f" got {k}"
            )
        if room % s:
            raise ValueError(
                f"shape: expected {side} that kernel {k}, stride {s} and padding {p} fit,"
                f" such as {n - room % s + s}, got {n}: the last pixels would be lost"
            )
        return room // s + 1

    def forward(self, x):
        """Return y, shape (B, n_out), for x of shape (B, n_in)."""
        check_array("x", x, (None, self.n_in), self.W.dtype)
        windows = self.cut(x)
        y = windows @ self.W2
        y += self.b
        return self.keep(y.reshape(len(x), self.n_out), windows)

    def backward(self, dy, need_dx=True):
        """Write dW and db; return dx, shape (B, n_in), or None if it is not needed."""
        windows = self.kept(dy)
        dy = dy.reshape(-1, self.maps[2])
        np.matmul(windows.T, dy, out=self.dW2)  # ∂L/∂W = (A x)ᵀ dy
        dy.sum(axis=0, out=self.db)  # ∂L/∂b = Σ_rows dy
        return self.paste(dy) if need_dx else None  # ∂L/∂x = Aᵀ (dy Wᵀ)


class ConvTranspose2d(_Convolution):
    """y = Aᵀ (x Wᵀ) + b: each x multiplies the kernel, which is added to the image.

    The adjoint of the `Conv2d` with the same W, which takes y's shape to x's: forward
    and backward have changed places.

        ∂L/∂W = (A dy)ᵀ x,    ∂L/∂b = Σ_rows dy,    ∂L/∂x = (A dy) W.

    Parameters
    ----------
    shape, channels
        As in `Conv2d`.
    kernel, stride, padding : int
        rows' = (rows - 1) · stride + kernel - 2 padding, and columns' likewise.
        4, 2 and 1 double an image.
    init : {"glorot", "he"}
        As in `Conv2d`; one y is the sum of (kernel / stride)² · channels products.
        W has shape (kernel, kernel, channels *out*, channels *in*).
    """

    direction = -1

    def _size(self, side, n):
        size = (n - 1) * self.stride + self.kernel - 2 * self.padding
        if size < 1:
            raise ValueError(
                f"padding: expected less than half of {size + 2 * self.padding}, the {side}"
                f" of the image before it is cropped, got {self.padding}"
            )
        return size

    def forward(self, x):
        """Return y, shape (B, n_out), for x of shape (B, n_in)."""
        check_array("x", x, (None, self.n_in), self.W.dtype)
        y = self.paste(x).reshape(-1, self.image[2])
        y += self.b
        return self.keep(y.reshape(len(x), self.n_out), x)

    def backward(self, dy, need_dx=True):
        """Write dW and db; return dx, shape (B, n_in), or None if it is not needed."""
        x = self.kept(dy)
        windows = self.cut(dy)
        np.matmul(windows.T, x.reshape(-1, self.maps[2]), out=self.dW2)  # (A dy)ᵀ x
        dy.reshape(-1, self.image[2]).sum(axis=0, out=self.db)  # ∂L/∂b = Σ_rows dy
        return (windows @ self.W2).reshape(x.shape) if need_dx else None  # (A dy) W


def conv_stacks(shape, K, channels=(32, 64), activation="tanh"):
    """The layers of an encoder and of the decoder that mirrors it, as two lists.

    `shape` is (rows, columns) or (rows, columns, channels). The encoder has a `Conv2d` of
    4x4 pixels and stride 2 for each entry of `channels`, which halves rows and columns.
    The decoder begins with a Linear from K numbers to the smallest image, and ends with
    the bare y, which can take any value.
    """
    check_choice("activation", activation, tuple(ACTIVATIONS))
    init = "he" if activation == "relu" else "glorot"
    check_whole("K", K, minimum=1)
    shape = check_sizes("shape", shape, (28, 28))
    if len(shape) not in (2, 3):
        wanted = "(rows, columns) or (rows, columns, channels)"
        raise ValueError(f"shape: expected {wanted}, got {shape!r}")
    if not check_sizes("channels", channels, (32, 64)):
        raise ValueError("channels: expected at least one number, got none")
    encoder, shapes = [], [(*shape, 1)[:3]]
    for c in channels:
        encoder += [Conv2d(shapes[-1], c, init=init), ACTIVATIONS[activation]()]
        shapes.append(encoder[-2].out_shape)
    decoder = [Linear(K, math.prod(shapes[-1]), init), ACTIVATIONS[activation]()]
    for small, large in zip(shapes[:0:-1], shapes[-2::-1], strict=True):
        decoder += [ConvTranspose2d(small, large[2], init=init), ACTIVATIONS[activation]()]
    return encoder, decoder[:-1]
