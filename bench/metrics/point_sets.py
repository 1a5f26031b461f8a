"""How alike two sets of points are, such as the features of real and of generated images."""

import numpy as np

NEAREST = 5  # neighbours that a ball reaches to


def neighbour_scores(
    real: np.ndarray, generated: np.ndarray, num_neighbours: int = NEAREST
) -> dict[str, float]:
    """Computes precision, recall, density and coverage of generated points.

        precision = share of generated points in a ball of a real one
        recall = share of real points in a ball of a generated one
        density = balls of real points that a generated point lies in, on average, / k
        coverage = share of real points whose ball holds a generated one

    The ball of a point reaches, inclusive, to its `k`-th nearest neighbour in its own set. All in
    `[0, 1]` but the density, which exceeds 1 where samples crowd the modes; equal distributions
    have density 1. Higher is better.

    Args:
        real: Features `(images, features)`.
        generated: The same, of any number of images.
        num_neighbours: `k`, less than the points of either set.

    Raises:
        ValueError: for shapes that do not fit, or too few points.

    Reference: Kynkaanniemi et al., 2019, Eq. 1 and 2 (precision, recall).
    https://arxiv.org/abs/1904.06991
    Naeem et al., 2020, Eq. 3 and 4 (density, coverage). https://arxiv.org/abs/2002.09797
    """
    from scipy.spatial.distance import cdist

    real, generated = _point_sets("neighbour_scores", real, generated)
    fewest = min(len(real), len(generated))
    if not 1 <= num_neighbours < fewest:
        raise ValueError(
            "neighbour_scores: num_neighbours must be at least 1 and less than the points of "
            f"either set. Received: num_neighbours={num_neighbours} for {fewest} points."
        )

    def radii(points):  # a point is its own nearest neighbour, at index 0
        return np.partition(cdist(points, points), num_neighbours, axis=1)[:, num_neighbours]

    distances = cdist(real, generated)
    in_real_ball = distances <= radii(real)[:, None]
    in_generated_ball = distances <= radii(generated)[None, :]
    return {
        "precision": float(in_real_ball.any(axis=0).mean()),
        "recall": float(in_generated_ball.any(axis=1).mean()),
        "density": float(in_real_ball.sum(axis=0).mean() / num_neighbours),
        "coverage": float(in_real_ball.any(axis=1).mean()),
    }


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Computes the squared Frechet distance of the Gaussians that fit two sets of points.

        ||m_1 - m_2||^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))

    with sample covariances. In units of the features, squared: it compares only with distances in
    the features of the same classifier, and from the same number of points.

    Args:
        first: `(points, features)`, two points at least.
        second: The same.

    Reference: Heusel et al., 2017, Eq. 6. https://arxiv.org/abs/1706.08500
    """
    first, second = _point_sets("frechet_distance", first, second)
    means = first.mean(axis=0), second.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(points, rowvar=False)) for points in (first, second)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # The eigenvalues of C_1 C_2 are those of the symmetric C_1^(1/2) C_2 C_1^(1/2).
    shared = np.linalg.eigvalsh(root @ covariances[1] @ root)
    traces = sum(np.trace(covariance) for covariance in covariances)
    distance = ((means[0] - means[1]) ** 2).sum() + traces
    return max(float(distance - 2 * np.sqrt(np.maximum(shared, 0)).sum()), 0.0)


def _point_sets(owner: str, first, second) -> list[np.ndarray]:
    points = [np.asarray(values, dtype="float64") for values in (first, second)]
    shapes = [values.shape for values in points]
    good = all(values.ndim == 2 and len(values) >= 2 for values in points)
    if not good or shapes[0][1] != shapes[1][1]:
        raise ValueError(
            f"{owner}: both sets must have the shape (points, features), at least two points and "
            f"the same features. Received: {shapes[0]} and {shapes[1]}."
        )
    return points
