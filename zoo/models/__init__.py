"""The models of the zoo: a table of contents."""

from zoo.models.autoencoder import Autoencoder as Autoencoder
from zoo.models.contractive import ContractiveAutoencoder as ContractiveAutoencoder
from zoo.models.denoising import DenoisingAutoencoder as DenoisingAutoencoder
from zoo.models.sparse import SparseAutoencoder as SparseAutoencoder
from zoo.models.upae import UPAE as UPAE
from zoo.models.vae import VAE as VAE
from zoo.models.vae import BetaVAE as BetaVAE
