"""Batches that do not draw all rows alike."""

import numpy as np
import pytest

from zoo.inputs.samplers import LabelledShare, LatentResampling, resampling_probabilities


def rows_of(source):
    """Returns the row numbers of an epoch: each image holds its own number."""
    source.on_epoch_begin()
    return [source[index][0].reshape(-1).astype(int) for index in range(len(source))]


class TestLabelledShare:
    y = np.where(np.arange(100) < 7, np.arange(100) % 3, -1)
    x = np.arange(100.0).reshape(100, 1)

    def test_every_batch_has_the_share_and_every_unlabelled_row_comes_once(self):
        source = LabelledShare(self.x, self.y, batch_size=10, labelled_share=0.3)
        batches = rows_of(source)
        assert all(np.sum(rows < 7) == 3 for rows in batches)
        seen = np.concatenate(batches)
        assert len(source) == 14  # 93 unlabelled rows, 7 in a batch
        assert set(seen[seen >= 7]) == set(range(7, 100))

    def test_labelled_rows_take_turns(self):
        seen = np.concatenate(rows_of(LabelledShare(self.x, self.y, batch_size=10)))
        counts = np.bincount(seen[seen < 7])
        assert counts.max() - counts.min() <= 1

    def test_labels_go_with_their_images(self):
        source = LabelledShare(self.x, self.y, batch_size=10)
        for index in range(len(source)):
            x, y = source[index]
            np.testing.assert_array_equal(y, self.y[x.reshape(-1).astype(int)])

    def test_seed_and_epoch_decide_the_order(self):
        first, again, other = (
            LabelledShare(self.x, self.y, batch_size=10, seed=seed) for seed in (1, 1, 2)
        )
        epoch = rows_of(first)
        np.testing.assert_array_equal(epoch, rows_of(again))
        assert not np.array_equal(epoch, rows_of(other))
        assert not np.array_equal(epoch, rows_of(first))  # the next epoch

    def test_needs_rows_of_both_kinds(self):
        with pytest.raises(ValueError, match=r"0 labelled and 100 unlabelled"):
            LabelledShare(self.x, np.full(100, -1), batch_size=10)
        with pytest.raises(ValueError, match="rows of both kinds in a batch"):
            LabelledShare(self.x, self.y, batch_size=4, labelled_share=0.01)


class TestProbabilities:
    def test_by_hand_for_one_unit(self):
        """9 codes in the first half, 1 in the second: densities 1.8 and 0.2 on [0, 1]."""
        codes = np.array([[0.0], *[[0.2]] * 8, [1.0]])
        found = resampling_probabilities(codes, num_bins=2, smoothing=0.2)
        ratio = (1.8 + 0.2) / (0.2 + 0.2)
        np.testing.assert_allclose(found[:9], found[0])
        assert found[9] / found[0] == pytest.approx(ratio)
        assert found.sum() == pytest.approx(1.0)

    def test_two_units_by_loops(self):
        generator = np.random.default_rng(0)
        codes = generator.normal(size=(50, 2))
        inverse = np.empty((50, 2))
        for unit in range(2):
            density, edges = np.histogram(codes[:, unit], bins=10, density=True)
            edges[0], edges[-1] = -np.inf, np.inf
            smoothed = (density + 0.01) / (density + 0.01).sum()
            for row in range(50):
                bin_number = np.digitize(codes[row, unit], edges) - 1
                inverse[row, unit] = 1 / smoothed[bin_number]
        largest = (inverse / inverse.sum(axis=0)).max(axis=1)
        product = inverse.prod(axis=1)
        for combine, expected in (("max", largest), ("product", product)):
            found = resampling_probabilities(codes, smoothing=0.01, combine=combine)
            np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-9)

    def test_much_smoothing_changes_nothing(self):
        codes = np.random.default_rng(1).normal(size=(40, 3))
        for combine in ("max", "product"):
            found = resampling_probabilities(codes, smoothing=1e9, combine=combine)
            np.testing.assert_allclose(found, 1 / 40, rtol=1e-6)

    def test_many_units_do_not_overflow(self):
        codes = np.random.default_rng(2).normal(size=(30, 500))
        found = resampling_probabilities(codes, smoothing=1e-9, combine="product")
        assert np.isfinite(found).all()
        assert found.sum() == pytest.approx(1.0)

    def test_a_constant_unit_says_nothing(self):
        codes = np.random.default_rng(3).normal(size=(30, 1))
        with_constant = np.concatenate([codes, np.full((30, 1), 5.0)], axis=1)
        np.testing.assert_allclose(
            resampling_probabilities(with_constant, combine="product"),
            resampling_probabilities(codes, combine="product"),
        )

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="codes must be finite"):
            resampling_probabilities(np.array([[np.nan]]))
        with pytest.raises(ValueError, match="smoothing must be a number"):
            resampling_probabilities(np.ones((3, 1)), smoothing=0.0)
        with pytest.raises(ValueError, match="Did you mean 'max'"):
            resampling_probabilities(np.ones((3, 1)), combine="maxi")


class TestLatentResampling:
    def source(self, **arguments):
        """Codes are the images themselves: 90 common positives, 10 rare ones, 100 negatives."""
        x = np.concatenate([np.linspace(0, 0.1, 90), np.linspace(0.9, 1, 10), np.zeros(100)])
        y = np.repeat([1, 0], 100)
        return LatentResampling(lambda images: images, x[:, None], y, batch_size=20, **arguments)

    def test_half_of_a_batch_is_positive_and_none_comes_twice_in_it(self):
        source = self.source()
        source.on_epoch_begin()
        for rows in source.rows:
            positive = rows[rows < 100]
            assert len(positive) == 10
            assert len(set(positive)) == 10

    def test_rare_positives_come_more_often_and_negatives_alike(self):
        source = self.source()
        rows = np.concatenate([source.draw_epoch() for _ in range(20)]).reshape(-1)
        assert np.mean(rows[rows < 100] >= 90) > 0.25  # 0.1 of the data
        counts = np.bincount(rows[rows >= 100] - 100, minlength=100)
        assert counts.max() - counts.min() <= 20

    def test_codes_are_read_anew_in_each_epoch(self):
        calls = []
        source = self.source()
        source.encode = lambda images: calls.append(len(images)) or images
        for _ in range(3):
            source.on_epoch_begin()
        assert calls == [100, 100, 100]

    def test_needs_both_classes(self):
        with pytest.raises(ValueError, match=r"4 positive and 0 negative"):
            LatentResampling(lambda x: x, np.ones((4, 1)), np.ones(4), batch_size=2)
