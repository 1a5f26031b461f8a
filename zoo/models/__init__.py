"""The models of the zoo: a table of contents. A class is imported when it is first used."""

import importlib as _importlib
import typing as _typing

from zoo.registry import table as _table

if _typing.TYPE_CHECKING:
    from zoo.models.adversarial_autoencoder import AdversarialAutoencoder as AdversarialAutoencoder
    from zoo.models.attention_unet import AttentionUNet as AttentionUNet
    from zoo.models.autoencoder import Autoencoder as Autoencoder
    from zoo.models.beta_tc_vae import BetaTCVAE as BetaTCVAE
    from zoo.models.beta_vae import BetaVAE as BetaVAE
    from zoo.models.conditional_vae import ConditionalVAE as ConditionalVAE
    from zoo.models.contractive import ContractiveAutoencoder as ContractiveAutoencoder
    from zoo.models.debiasing_vae import DebiasingVAE as DebiasingVAE
    from zoo.models.denoising import DenoisingAutoencoder as DenoisingAutoencoder
    from zoo.models.factor_vae import FactorVAE as FactorVAE
    from zoo.models.feature_autoencoder import FeatureAutoencoder as FeatureAutoencoder
    from zoo.models.info_vae import InfoVAE as InfoVAE
    from zoo.models.iwae import IWAE as IWAE
    from zoo.models.masked_autoencoder import MaskedAutoencoder as MaskedAutoencoder
    from zoo.models.memory_autoencoder import MemoryAutoencoder as MemoryAutoencoder
    from zoo.models.residual_unet import ResidualUNet as ResidualUNet
    from zoo.models.semi_supervised_m2 import SemiSupervisedM2 as SemiSupervisedM2
    from zoo.models.semi_supervised_vae import SemiSupervisedVAE as SemiSupervisedVAE
    from zoo.models.sparse import SparseAutoencoder as SparseAutoencoder
    from zoo.models.top_k_sparse import TopKSparseAutoencoder as TopKSparseAutoencoder
    from zoo.models.unet import UNet as UNet
    from zoo.models.unet_denoiser import UNetDenoiser as UNetDenoiser
    from zoo.models.unet_plus_plus import UNetPlusPlus as UNetPlusPlus
    from zoo.models.upae import UPAE as UPAE
    from zoo.models.vae import VAE as VAE
    from zoo.models.vq_vae import VQVAE as VQVAE
    from zoo.models.wae_mmd import WAEMMD as WAEMMD

_PLACES = {row.class_name: _table.module_of(name) for name, row in _table.MODELS.items()}
__all__ = sorted(_PLACES)


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"module 'zoo.models' has no attribute {name!r}")
    globals()[name] = getattr(_importlib.import_module(_PLACES[name]), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
