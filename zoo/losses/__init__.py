"""Loss terms: pure functions that return one float32 value per sample, shape `(batch,)`.

The reduction over the event axes is part of the name: a `mean_...` is a mean over pixels, an
`..._nll` or a `kl_...` is a sum over the event in nats. Only `zoo/training/model.py` averages
over the batch. All inputs are cast to float32 first, so that they are exact under mixed precision.
"""

from zoo.losses.combinations import mask_loss as mask_loss
from zoo.losses.combinations import mask_loss_names as mask_loss_names
from zoo.losses.densities import bernoulli_nll as bernoulli_nll
from zoo.losses.densities import categorical_nll as categorical_nll
from zoo.losses.densities import gaussian_nll as gaussian_nll
from zoo.losses.densities import kl_bernoulli as kl_bernoulli
from zoo.losses.densities import kl_standard_normal as kl_standard_normal
from zoo.losses.densities import laplace_nll as laplace_nll
from zoo.losses.densities import log_normal as log_normal
from zoo.losses.densities import log_standard_normal as log_standard_normal
from zoo.losses.distances import distance_map as distance_map
from zoo.losses.divergences import KERNELS as KERNELS
from zoo.losses.divergences import MINIBATCH_SAMPLINGS as MINIBATCH_SAMPLINGS
from zoo.losses.divergences import WAE_SCALES as WAE_SCALES
from zoo.losses.divergences import aggregate_log_densities as aggregate_log_densities
from zoo.losses.divergences import gaussian_kernel as gaussian_kernel
from zoo.losses.divergences import inverse_multiquadratic_kernel as inverse_multiquadratic_kernel
from zoo.losses.divergences import kl_parts as kl_parts
from zoo.losses.divergences import log_mean_exp as log_mean_exp
from zoo.losses.divergences import maximum_mean_discrepancy as maximum_mean_discrepancy
from zoo.losses.divergences import minibatch_log_weights as minibatch_log_weights
from zoo.losses.mask_weights import balanced_weights as balanced_weights
from zoo.losses.masks import boundary as boundary
from zoo.losses.masks import dice as dice
from zoo.losses.masks import focal as focal
from zoo.losses.masks import focal_tversky as focal_tversky
from zoo.losses.masks import jaccard as jaccard
from zoo.losses.masks import lovasz as lovasz
from zoo.losses.masks import mask_binary_crossentropy as mask_binary_crossentropy
from zoo.losses.masks import mask_categorical_crossentropy as mask_categorical_crossentropy
from zoo.losses.masks import mask_crossentropy as mask_crossentropy
from zoo.losses.masks import tversky as tversky
from zoo.losses.pixels import beta_squared_error as beta_squared_error
from zoo.losses.pixels import binary_crossentropy as binary_crossentropy
from zoo.losses.pixels import detached_squared_error as detached_squared_error
from zoo.losses.pixels import heteroscedastic_squared_error as heteroscedastic_squared_error
from zoo.losses.pixels import mean_absolute_error as mean_absolute_error
from zoo.losses.pixels import mean_huber as mean_huber
from zoo.losses.pixels import mean_over_event as mean_over_event
from zoo.losses.pixels import mean_squared_error as mean_squared_error
from zoo.losses.pixels import sum_over_event as sum_over_event
from zoo.losses.structure import ms_ssim as ms_ssim
from zoo.losses.structure import ssim as ssim
