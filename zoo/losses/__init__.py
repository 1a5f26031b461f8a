"""Loss terms: pure functions that return one float32 value per sample, shape `(batch,)`.

The reduction over the event axes is part of the name: a `mean_...` is a mean over pixels, an
`..._nll` or a `kl_...` is a sum over the event in nats. Only `zoo/base.py` averages over the batch.
All inputs are cast to float32 first, so that they are exact under mixed precision.
"""

from zoo.losses.densities import bernoulli_nll as bernoulli_nll
from zoo.losses.densities import gaussian_nll as gaussian_nll
from zoo.losses.densities import kl_bernoulli as kl_bernoulli
from zoo.losses.densities import kl_standard_normal as kl_standard_normal
from zoo.losses.densities import laplace_nll as laplace_nll
from zoo.losses.densities import log_normal as log_normal
from zoo.losses.densities import log_standard_normal as log_standard_normal
from zoo.losses.pixels import binary_crossentropy as binary_crossentropy
from zoo.losses.pixels import heteroscedastic_squared_error as heteroscedastic_squared_error
from zoo.losses.pixels import mean_absolute_error as mean_absolute_error
from zoo.losses.pixels import mean_huber as mean_huber
from zoo.losses.pixels import mean_over_event as mean_over_event
from zoo.losses.pixels import mean_squared_error as mean_squared_error
from zoo.losses.pixels import sum_over_event as sum_over_event
