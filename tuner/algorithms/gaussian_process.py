"""A Gaussian process over few points: what a search expects of settings that it has not tried."""

import math

import numpy as np

_LENGTH, _LENGTH_SPREAD = 1.0, 1.0
_NOISE, _NOISE_SPREAD = 0.02, 1.0
_LENGTHS, _NOISES = (0.05, 150.0), (1e-4, 1.0)
_MAX_STEPS = 50
_REACH = 2.0


class GaussianProcess:
    """A process with a length for each dimension, and noise.

        k(x, y) = (1 + r + r^2 / 3) exp(-r),  r^2 = 5 sum_j((x_j - y_j)^2 / length_j^2)

    The lengths and the noise are the most probable ones, where their logarithms are normal
    beforehand: with few points a length for each dimension would else follow chance.

    Args:
        points: `(count, dimensions)`, in the unit cube.
        values: `(count,)`.
        noises: `(count,)`, how many times the noise each value has; None: once.

    Reference: Rasmussen & Williams, 2006, Eqs. 2.25, 2.26, 4.17, 5.9.
    https://gaussianprocess.org/gpml
    """

    def __init__(self, points: np.ndarray, values: np.ndarray, noises: np.ndarray | None = None):
        self.points = points
        self.noises = np.ones(len(values)) if noises is None else noises
        self.middle, self.scale = values.mean(), values.std() or 1.0
        self.values = (values - self.middle) / self.scale
        self.lengths, self.noise = self._most_probable()
        self._solve()

    def fantasise(self, points: np.ndarray) -> None:
        """Takes the mean at these points for what was measured there."""
        mean = (self.predict(points)[0] - self.middle) / self.scale
        self.points = np.concatenate([self.points, points])
        self.values = np.concatenate([self.values, mean])
        self.noises = np.concatenate([self.noises, np.ones(len(points))])
        self._solve()

    @property
    def observed(self) -> np.ndarray:
        """The values, the fantasised ones too, `(count,)`."""
        return self.middle + self.scale * self.values

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise, in the unit of the values."""
        return float(self.scale * math.sqrt(self.noise))

    def predict(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and standard deviation, without noise, `(len(points),)` each."""
        from scipy.linalg import solve_triangular

        kernel = self._kernel(points)
        reached = solve_triangular(self._factor, kernel.T, lower=True)
        variance = np.maximum(1.0 - (reached**2).sum(axis=0), 1e-10)
        mean = kernel @ self._solved
        return self.middle + self.scale * mean, self.scale * np.sqrt(variance)

    def _kernel(self, points: np.ndarray) -> np.ndarray:
        from scipy.spatial.distance import cdist

        return _matern(math.sqrt(5) * cdist(points / self.lengths, self.points / self.lengths))

    def _solve(self) -> None:
        from scipy.linalg import cho_solve

        kernel = self._kernel(self.points) + self.noise * np.diag(self.noises)
        self._factor = np.linalg.cholesky(kernel)
        self._solved = cho_solve((self._factor, True), self.values)

    def _most_probable(self) -> tuple[np.ndarray, float]:
        from scipy.optimize import minimize

        dimensions = self.points.shape[1]
        start = np.log([*[_LENGTH] * dimensions, _NOISE])
        spread = np.array([*[_LENGTH_SPREAD] * dimensions, _NOISE_SPREAD])
        squares = (self.points[:, None] - self.points[None]) ** 2

        def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = _minus_log_likelihood(logs, squares, self.values, self.noises)
            away = (logs - start) / spread
            return value + (away**2).sum() / 2, gradient + away / spread

        bounds = [tuple(np.log(_LENGTHS))] * dimensions + [tuple(np.log(_NOISES))]
        optimum = minimize(loss, start, jac=True, bounds=bounds, options={"maxiter": _MAX_STEPS})
        return np.exp(optimum.x[:-1]), float(np.exp(optimum.x[-1]))


def without_cliffs(values: np.ndarray) -> np.ndarray:
    """Returns values of which none is far above the middle one.

        min(value, median + 2 (median - least))

    A training that diverges tells that its settings are bad, not by how much. As it is, it would
    make up the scale of all values, and the differences of good ones would be noise.

    Args:
        values: `(count,)` or `(count, columns)`, each column by itself; lower is better.
    """
    middle = np.median(values, axis=0)
    return np.minimum(values, middle + _REACH * (middle - values.min(axis=0)))


def _matern(r: np.ndarray) -> np.ndarray:
    return (1 + r + r**2 / 3) * np.exp(-r)


def _minus_log_likelihood(
    logs: np.ndarray, squares: np.ndarray, values: np.ndarray, noises: np.ndarray
) -> tuple[float, np.ndarray]:
    """Returns it without its constant, and its gradient.

    Args:
        logs: Of the lengths, and of the noise.
        squares: Of the distances, `(count, count, dimensions)`.
        noises: How many times the noise each value has.
    """
    from scipy.linalg import cho_solve

    weights, noise, count = np.exp(-2 * logs[:-1]), np.exp(logs[-1]), len(values)
    r = np.sqrt(5 * (squares @ weights))
    factor = np.linalg.cholesky(_matern(r) + noise * np.diag(noises))
    inverse = cho_solve((factor, True), np.eye(count))
    solved = inverse @ values
    surplus = inverse - np.outer(solved, solved)
    by_length = 5 / 3 * (1 + r) * np.exp(-r) * surplus  # times squares * weights: by the log
    gradient = np.append(
        np.tensordot(by_length, squares, axes=2) * weights, noise * noises @ np.diag(surplus)
    )
    return values @ solved / 2 + np.log(np.diag(factor)).sum(), gradient / 2
