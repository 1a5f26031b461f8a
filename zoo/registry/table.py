"""The models of the zoo, one row each: the one place that says where a model is and what it is.

A model is added by its file in `zoo/models`, a row here, and its search space. Its name, task and
page are read from this table, by the class too: see `zoo.registry.entries.listed`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    """Where a model is and what it is for.

    Attributes:
        class_name: Name of its class.
        paper: Address of the paper or page that the model comes from.
        task: What data it is trained on, one of `zoo.training.model.TASKS`.
        least_updates: Updates at Adam 1e-3 and batches of 64 that its defaults need to get below
            40 % of the mean image's error on small images; 0: those of five short epochs do.
    """

    class_name: str
    paper: str
    task: str = "reconstruction"
    least_updates: int = 0


MODELS: dict[str, Row] = {
    "adversarial_autoencoder": Row("AdversarialAutoencoder", "https://arxiv.org/abs/1511.05644"),
    "attention_unet": Row("AttentionUNet", "https://arxiv.org/abs/1804.03999", "segmentation"),
    "autoencoder": Row("Autoencoder", "https://www.science.org/doi/10.1126/science.1127647"),
    "beta_tc_vae": Row("BetaTCVAE", "https://arxiv.org/abs/1802.04942"),
    "beta_vae": Row("BetaVAE", "https://openreview.net/forum?id=Sy2fzU9gl"),
    "conditional_vae": Row("ConditionalVAE", "https://papers.nips.cc/paper/5775", "conditional"),
    "contractive": Row("ContractiveAutoencoder", "https://icml.cc/2011/papers/455_icmlpaper.pdf"),
    "debiasing_vae": Row("DebiasingVAE", "https://doi.org/10.1145/3306618.3314243", "debiasing"),
    "denoising": Row("DenoisingAutoencoder", "https://www.jmlr.org/papers/v11/vincent10a.html"),
    "feature_autoencoder": Row(
        "FeatureAutoencoder", "https://arxiv.org/abs/2012.07122", "features"
    ),
    "factor_vae": Row("FactorVAE", "https://arxiv.org/abs/1802.05983"),
    "info_vae": Row("InfoVAE", "https://arxiv.org/abs/1706.02262"),
    "iwae": Row("IWAE", "https://arxiv.org/abs/1509.00519"),
    "masked_autoencoder": Row(
        "MaskedAutoencoder", "https://arxiv.org/abs/2111.06377", least_updates=3_000
    ),
    "memory_autoencoder": Row("MemoryAutoencoder", "https://arxiv.org/abs/1904.02639"),
    "residual_unet": Row("ResidualUNet", "https://arxiv.org/abs/1711.10684", "segmentation"),
    "semi_supervised_m2": Row(
        "SemiSupervisedM2", "https://arxiv.org/abs/1406.5298", "semi_supervised"
    ),
    "semi_supervised_vae": Row(
        "SemiSupervisedVAE", "https://arxiv.org/abs/1406.5298", "semi_supervised"
    ),
    "sparse": Row(
        "SparseAutoencoder", "https://web.stanford.edu/class/cs294a/sparseAutoencoder_2011new.pdf"
    ),
    "top_k_sparse": Row("TopKSparseAutoencoder", "https://arxiv.org/abs/2406.04093"),
    "unet": Row("UNet", "https://arxiv.org/abs/1505.04597", "segmentation"),
    "unet_denoiser": Row("UNetDenoiser", "https://arxiv.org/abs/1608.03981"),
    "unet_plus_plus": Row("UNetPlusPlus", "https://arxiv.org/abs/1807.10165", "segmentation"),
    "upae": Row("UPAE", "https://arxiv.org/abs/2006.13462"),
    "vae": Row("VAE", "https://arxiv.org/abs/1312.6114"),
    "vq_vae": Row("VQVAE", "https://arxiv.org/abs/1711.00937"),
    "wae_mmd": Row("WAEMMD", "https://arxiv.org/abs/1711.01558"),
}
# Layers and metrics of the zoo that `.keras` files name.
LAYERS: dict[str, str] = {
    "BatchNormalization": "zoo.layers.batch_normalization",
    "Dictionary": "zoo.models.top_k_sparse",
    "GradientGrid": "zoo.layers.features",
    "LocalGradients": "zoo.layers.features",
    "NetworkPreprocessing": "zoo.layers.features",
    "GaussianSampler": "zoo.layers.sampling",
    "SeededDropout": "zoo.layers.sampling",
    "SelfAttention": "zoo.layers.transformer",
    "TransformerBlock": "zoo.layers.transformer",
    "VectorQuantizer": "zoo.layers.quantizer",
    "Prepared": "zoo.networks.encoders",
    "Memory": "zoo.layers.memory",
    "OnClassNumbers": "zoo.training.mask_metrics",
    "WithoutVoid": "zoo.training.mask_metrics",
}


def module_of(name: str) -> str:
    """Returns the module that holds a model of the table: its file has its name."""
    return f"zoo.models.{name}"
