"""Pythae: its models with the same networks, and epochs of its trainer.

An epoch of `BaseTrainer` is timed, without the files that its `train` writes before and after.
"""

import logging
import os
import tempfile

os.environ.setdefault("TQDM_DISABLE", "1")  # one bar for all contenders

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import AE, VAE, AEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import nn

from bench.peers import torch_contender
from bench.peers.workloads import ADAM_EPSILON, LEARNING_RATE, Data, Workload, singles


class Encoder(BaseEncoder):
    def __init__(self, network: str):
        super().__init__()
        self.network = network
        if network == "dense":
            self.body = torch_contender.Dense().encoder
        else:
            self.body = torch_contender.vae_encoder()
            self.to_mean, self.to_log_variance = nn.Linear(16, 2), nn.Linear(16, 2)

    def forward(self, x):
        hidden = self.body(x)
        if self.network == "dense":
            return ModelOutput(embedding=hidden)
        return ModelOutput(
            embedding=self.to_mean(hidden), log_covariance=self.to_log_variance(hidden)
        )


class Decoder(BaseDecoder):
    def __init__(self, network: str):
        super().__init__()
        is_dense = network == "dense"
        self.body = torch_contender.Dense().decoder if is_dense else torch_contender.vae_decoder()

    def forward(self, z):
        return ModelOutput(reconstruction=self.body(z))


class PythaeContender:
    """A model of Pythae; it has the dense autoencoder and the VAE."""

    note = ""

    def __init__(self, workload: Workload, data: Data, seed: int):
        logging.getLogger("pythae").setLevel(logging.ERROR)
        torch.manual_seed(seed)
        self.batch_size, self.epochs, self.data = workload.batch_size, workload.epochs, data
        networks = Encoder(workload.network), Decoder(workload.network)
        if workload.network == "dense":
            config = AEConfig(input_dim=(1, 28, 28), latent_dim=64)
            self.model = AE(config, *networks)
        else:
            config = VAEConfig(input_dim=(1, 28, 28), latent_dim=2, reconstruction_loss="bce")
            self.model = VAE(config, *networks)
        torch_contender.initialise(self.model, workload.network)
        x = torch_contender.channels_first(data.train)
        self.test = torch_contender.channels_first(data.test)
        self.x, self.singles = x, [torch_contender.channels_first(part) for part in singles(data)]
        self.folder = tempfile.TemporaryDirectory(prefix="peers-pythae-")
        settings = BaseTrainerConfig(
            output_dir=self.folder.name,
            per_device_train_batch_size=self.batch_size,
            learning_rate=LEARNING_RATE,
            optimizer_params={"eps": ADAM_EPSILON},
            no_cuda=not torch.cuda.is_available(),
            seed=seed,
        )
        self.trainer = BaseTrainer(
            self.model, BaseDataset(x, torch.zeros(len(x))), training_config=settings
        )
        self.trainer.prepare_training()
        self.epoch = 0

    @property
    def num_parameters(self) -> int:
        return sum(part.numel() for part in self.model.parameters())

    def train(self) -> None:
        for _ in range(self.epochs):
            self.epoch += 1
            self.trainer.train_step(self.epoch)

    def infer(self) -> None:
        self.model.eval()
        with torch.inference_mode():
            images = [self.model.reconstruct(part) for part in self.x.split(self.batch_size)]
        torch.cat(images).numpy()

    def infer_singly(self) -> None:
        self.model.eval()
        with torch.inference_mode():
            for image in self.singles:
                self.model.reconstruct(image).numpy()

    def outputs(self) -> dict[str, np.ndarray]:
        self.model.eval()
        with torch.inference_mode():
            heads = self.model.encoder(self.test)
            tensors = {"prediction": self.model.decoder(heads.embedding).reconstruction}
            if "log_covariance" in heads:
                tensors |= {"mean": heads.embedding, "log_variance": heads.log_covariance}
        return {name: torch_contender.channels_last(part) for name, part in tensors.items()}
