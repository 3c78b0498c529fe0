"""Ridge regression in one pass over the data, for the readouts of echo state networks.

Only a triangle or a square matrix of about `features` rows is kept, in float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from custom_layers.engine.checks import require_integer, require_number

Array = np.ndarray[Any, np.dtype[np.floating[Any]]]

_EPSILON = float(np.finfo(np.float64).eps)
_LOSSLESS = 100.0
"""Products are used if `alpha` exceeds their rounding error by this factor."""
_BLOCK = 1024
"""Smallest number of rows to process at once."""


class RidgeSolution(NamedTuple):
    """Result of `RidgeAccumulator.solve`.

    Attributes:
        weights: `(features, targets)`.
        bias: `(targets,)`, zero without an intercept.
        mean_square: Mean square of the residuals over all rows, `(targets,)`.
    """

    weights: Array
    bias: Array
    mean_square: Array


class RidgeAccumulator:
    """Linear regression with a penalty on the squared weights, over rows that come in chunks.

    Minimises `sum_n |w^T x_n + b - y_n|^2 + alpha |w|^2`; the bias `b` is not penalised. Rows are
    accumulated in float64 in one of two ways:

    - QR: new rows are appended to the triangular factor of the earlier ones and factorised again.
      The factor has the singular values of all rows, so one singular value decomposition of it
      solves for every `alpha`, including 0. If features are linearly dependent and `alpha` is 0,
      the weights are the shortest solution.
    - Products, several times faster: sums of products of the columns, then a Cholesky factorisation
      for every `alpha`. Products square the singular values. The loss of accuracy is like a change
      of `alpha` by about the float64 rounding error `2.2e-16` times the sum of the squared
      features. Products are used as long as `smallest_alpha` is 100 times that; with too many rows,
      the sums so far are converted for QR. On echo states of Mackey-Glass this changed the weights
      by at most a fifth of the effect of rounding the states to float32.

    Rows are shifted by the mean of the first block, and a column of ones takes the rest of the
    mean, so that a large mean costs no digits. The size of the chunks does not matter.

    Args:
        features: Number of features, at least 1.
        targets: Number of targets, at least 1.
        fit_intercept: Whether to fit a bias. Defaults to `True`.
        smallest_alpha: Smallest `alpha` that `solve` will be called with. Defaults to `0.0`, which
            always uses QR.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> ridge = RidgeAccumulator(features=2, targets=1)
    >>> ridge.add(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[3.0], [4.0]]))
    >>> ridge.add(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[1.0], [2.0]]))
    >>> weights, bias, mean_square = ridge.solve(alpha=0.0)
    >>> print(np.round(weights[:, 0], 6), np.round(bias, 6))
    [ 1. -2.] [3.]

    Reference:
        [Björck, 1996](https://doi.org/10.1137/1.9781611971484), on updating factorisations and on
        the normal equations.
    """

    def __init__(
        self,
        features: int,
        targets: int,
        fit_intercept: bool = True,
        smallest_alpha: float = 0.0,
    ) -> None:
        require_number("smallest_alpha", smallest_alpha, least=0)
        self.features = require_integer("features", features)
        self.targets = require_integer("targets", targets)
        self.fit_intercept = fit_intercept
        self.smallest_alpha = smallest_alpha
        self.rows = 0
        """Number of rows added."""
        # A row is [1 | features | targets]: factorisations include the targets.
        self._x = slice(int(fit_intercept), int(fit_intercept) + features)
        self._y = slice(self._x.stop, self._x.stop + targets)
        columns = self._y.stop
        self._block = np.empty((max(_BLOCK, 4 * columns), columns))
        self._filled = 0
        self._shift: Array | None = None
        self._products: Array | None = np.zeros((columns, columns)) if smallest_alpha else None
        self._triangle: Array = np.empty((0, columns))
        self._decomposition: tuple[Array, Array, Array] | None = None

    def add(self, states: Any, targets: Any) -> None:
        """Add rows.

        Args:
            states: `(rows, features)`, any number of rows.
            targets: `(rows, targets)`.

        Raises:
            ValueError: If a shape is wrong or a number is not finite; nothing is added then.
        """
        states = _checked("states", states, self.features)
        targets = _checked("targets", targets, self.targets)
        if len(states) != len(targets):
            raise ValueError(
                f"`states` and `targets` must have the same number of rows, found {len(states)} "
                f"and {len(targets)}."
            )
        start = 0
        while start < len(states):
            if self._filled == len(self._block):
                self._fold()
            stop = min(len(states), start + len(self._block) - self._filled)
            rows = self._block[self._filled : self._filled + stop - start]
            rows[:, : self._x.start] = 1.0
            rows[:, self._x] = states[start:stop]
            rows[:, self._y] = targets[start:stop]
            self._filled += stop - start
            start = stop
        self.rows += len(states)

    def solve(self, alpha: float) -> RidgeSolution:
        """Weights, bias and mean squared residual for the rows so far.

        Args:
            alpha: Penalty on the sum of the squared weights, at least `smallest_alpha`.

        Raises:
            ValueError: If `alpha` is invalid or no row was added.
        """
        require_number("alpha", alpha, least=0)
        if alpha < self.smallest_alpha:
            raise ValueError(
                f"`alpha` must be at least `smallest_alpha` {self.smallest_alpha!r}, "
                f"found {alpha!r}."
            )
        if not self.rows:
            raise ValueError("There is nothing to solve: no row was added.")
        self._fold()
        if self._products is None:
            weights, offset, squares = self._solve_triangle(alpha)
        else:
            weights, offset, squares = self._solve_products(self._products, alpha)
        if self._shift is not None:
            offset += self._shift[self._y] - self._shift[self._x] @ weights
        return RidgeSolution(weights, offset, np.maximum(squares, 0.0) / self.rows)

    def _fold(self) -> None:
        """Move the rows of the block into the products or the triangle."""
        if not self._filled:
            return
        block = self._block[: self._filled]
        self._filled = 0
        if self.fit_intercept:
            if self._shift is None:
                self._shift = block.mean(axis=0)
                self._shift[0] = 0.0
            block -= self._shift
        if self._products is not None:
            products = self._products + block.T @ block
            trace = float(products.diagonal()[self._x].sum())
            if self.smallest_alpha >= _LOSSLESS * _EPSILON * trace:
                self._products = products
                return
            self._triangle = _root(self._products)
            self._products = None
        self._triangle = np.asarray(np.linalg.qr(np.vstack([self._triangle, block]), mode="r"))
        self._decomposition = None

    def _solve_triangle(self, alpha: float) -> tuple[Array, Array, Array]:
        """Weights, offset of the shifted rows and sum of the squared residuals."""
        x, y, triangle = self._x, self._y, self._triangle
        if self._decomposition is None:
            u, singular, v = np.linalg.svd(triangle[x, x], full_matrices=False)
            self._decomposition = (u.T @ triangle[x, y], singular, v)
        projected, singular, v = self._decomposition
        # As in numpy.linalg.lstsq, singular values within the rounding error count as 0.
        kept = singular > _EPSILON * self.features * singular[:1]
        inverse = np.zeros_like(singular)
        inverse[kept] = 1.0 / (singular[kept] + alpha / singular[kept])
        weights = v.T @ (inverse[:, None] * projected)
        offset: Array = np.zeros(self.targets)
        if self.fit_intercept:
            offset = (triangle[0, y] - triangle[0, x] @ weights) / triangle[0, 0]
        missed = np.ones_like(singular)
        missed[kept] = alpha / singular[kept] * inverse[kept]
        squares = np.sum((missed[:, None] * projected) ** 2, axis=0)
        return weights, offset, squares + np.sum(triangle[y.start :, y] ** 2, axis=0)

    def _solve_products(self, products: Array, alpha: float) -> tuple[Array, Array, Array]:
        """Weights, offset and squared residuals from the sums of products."""
        known, y = slice(0, self._x.stop), self._y
        penalised = products[known, known].copy()
        np.einsum("ii->i", penalised)[self._x] += alpha  # a view of the diagonal
        lower = np.linalg.cholesky(penalised)
        projected = _solve_lower(lower, products[known, y])
        solution = _solve_lower(lower.T[::-1, ::-1], projected[::-1])[::-1]
        weights = solution[self._x]
        offset = solution[0].copy() if self.fit_intercept else np.zeros(self.targets)
        squares = products.diagonal()[y] - np.sum(projected**2, axis=0)
        return weights, offset, squares - alpha * np.sum(weights**2, axis=0)


def _root(products: Array) -> Array:
    """Rows with these sums of products; columns are scaled so that small ones keep their digits."""
    scale = np.sqrt(products.diagonal())
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(products / scale / scale[:, None])
    return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T * scale


def _solve_lower(lower: Array, values: Array) -> Array:
    """Solve a lower triangular system recursively, as NumPy would factorise the matrix."""
    size = len(lower)
    if size <= 64:
        return np.linalg.solve(lower, values)
    half = size // 2
    top = _solve_lower(lower[:half, :half], values[:half])
    bottom = _solve_lower(lower[half:, half:], values[half:] - lower[half:, :half] @ top)
    return np.concatenate([top, bottom])


def _checked(name: str, values: Any, columns: int) -> np.ndarray[Any, Any]:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(f"`{name}` must have the shape (rows, {columns}), found {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"`{name}` must be real numbers, found dtype {array.dtype}.")
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(
            f"`{name}` must be finite, found {array[row, column]} in row {row}, column {column}."
        )
    return array
