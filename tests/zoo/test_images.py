"""The convolutions in front of recurrent stacks."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from zoo._images import convolutional_encoder

pytestmark = pytest.mark.backend


@pytest.mark.parametrize("normalization", ["batch", "group", "none"])
def test_sizes_are_rounded_up_and_images_do_not_mix(normalization):
    model = convolutional_encoder(
        channels=2, filters=(4, 6), pools=[(2, 2), (1, 2)], normalization=normalization
    )
    images = np.random.default_rng(0).uniform(size=(3, 5, 9, 2)).astype("float32")
    together = ops.convert_to_numpy(model(images))
    assert together.shape == (3, 3, 3, 6)
    alone = ops.convert_to_numpy(model(images[1:2]))
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "options", [{"filters": ()}, {"pools": [(2, 2)]}, {"filters": (4, 0), "pools": [(1, 1)] * 2}]
)
def test_stages_that_do_not_fit_are_refused(options):
    with pytest.raises(ValueError, match="filters"):
        convolutional_encoder(channels=1, **options)
