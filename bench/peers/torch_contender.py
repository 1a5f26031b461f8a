"""A plain PyTorch loop: eager, or compiled by `torch.compile`, in float32 or bfloat16.

Batches are slices of a shuffled index into a tensor, which is faster than a `DataLoader` over the
same tensor.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench.peers.workloads import (
    ADAM_EPSILON,
    LEARNING_RATE,
    UNET_WIDTHS,
    Data,
    Workload,
    singles,
)


class Sigmoid(nn.Module):
    """In float32, as ours is: in bfloat16 probabilities from 0.998 on would be 1."""

    def forward(self, x):
        return torch.sigmoid(x.float())


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(64, 784), Sigmoid(), nn.Unflatten(1, (1, 28, 28)))

    def forward(self, x):
        return {"prediction": self.decoder(self.encoder(x))}

    def loss(self, x, target):
        return functional.mse_loss(self(x)["prediction"], x)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = vae_encoder()
        self.to_mean, self.to_log_variance = nn.Linear(16, 2), nn.Linear(16, 2)
        self.decoder = vae_decoder()

    def forward(self, x):
        hidden = self.encoder(x)
        mean, log_variance = self.to_mean(hidden), self.to_log_variance(hidden)
        code = mean
        if self.training:
            code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return {"prediction": self.decoder(code), "mean": mean, "log_variance": log_variance}

    def loss(self, x, target):
        outputs = self(x)
        mean, log_variance = outputs["mean"], outputs["log_variance"]
        pixels = functional.binary_cross_entropy(outputs["prediction"], x, reduction="sum")
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return (pixels + kl) / len(x)


def vae_encoder() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(7 * 7 * 64, 16), nn.ReLU()),
    )


def vae_decoder() -> nn.Module:
    up = {"stride": 2, "padding": 1, "output_padding": 1}
    return nn.Sequential(
        *(nn.Linear(2, 7 * 7 * 64), nn.ReLU(), nn.Unflatten(1, (64, 7, 7))),
        *(nn.ConvTranspose2d(64, 64, 3, **up), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 32, 3, **up), nn.ReLU()),
        *(nn.Conv2d(32, 1, 3, padding=1), Sigmoid()),
    )


class UPAE(nn.Module):
    def __init__(self):
        super().__init__()
        settings = {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False}
        widths = (16, 32, 64, 64)
        parts = []
        for before, width in zip((1, *widths), widths, strict=False):
            parts += [nn.Conv2d(before, width, **settings), nn.BatchNorm2d(width), nn.ReLU()]
        parts += [nn.Flatten(), nn.Linear(1024, 2048), nn.BatchNorm1d(2048), nn.ReLU()]
        parts += [nn.Linear(2048, 16), nn.Linear(16, 2048), nn.BatchNorm1d(2048), nn.ReLU()]
        parts += [nn.Linear(2048, 1024), nn.Unflatten(1, (64, 4, 4))]
        for before, width in ((64, 64), (64, 32), (32, 16)):
            parts += [
                nn.ConvTranspose2d(before, width, **settings),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.network = nn.Sequential(*parts, nn.ConvTranspose2d(16, 2, **settings))

    def forward(self, x):
        mean, log_variance = self.network(2 * x - 1).chunk(2, dim=1)
        return {"prediction": mean, "mean": mean, "log_variance": log_variance}

    def loss(self, x, target):
        outputs = self(x)
        error = (2 * x - 1 - outputs["mean"]).square()
        return (torch.exp(-outputs["log_variance"]) * error + outputs["log_variance"]).mean()


class UNet(nn.Module):
    def __init__(self):
        super().__init__()

        def convolutions(before, width):
            parts = []
            for channels in (before, width):
                parts += [
                    nn.Conv2d(channels, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
            return nn.Sequential(*parts)

        outer = UNET_WIDTHS[:-1]
        self.down = nn.ModuleList(map(convolutions, (1, *outer[:-1]), outer))
        self.bottom = convolutions(outer[-1], UNET_WIDTHS[-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in reversed(outer)
        )
        self.merge = nn.ModuleList(convolutions(2 * width, width) for width in reversed(outer))
        self.head = nn.Conv2d(outer[0], 1, 1)

    def logits(self, x):
        skips = []
        for part in self.down:
            skips.append(part(x))
            x = functional.max_pool2d(skips[-1], 2)
        x = self.bottom(x)
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        return self.head(x)

    def forward(self, x):
        return {"prediction": torch.sigmoid(self.logits(x))}

    def loss(self, x, target):
        return functional.binary_cross_entropy_with_logits(self.logits(x), target)


def compute_in_bfloat16(module: nn.Module) -> None:
    """Has a network run under autocast; its loss, outside of it, gets float32, as ours does."""
    name = "logits" if hasattr(module, "logits") else "forward"
    plain = getattr(module, name)

    def run(x):
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            outputs = plain(x)
        if isinstance(outputs, dict):
            return {key: value.float() for key, value in outputs.items()}
        return outputs.float()

    setattr(module, name, run)


NETWORKS = {"dense": Dense, "vae": VAE, "upae": UPAE, "unet": UNet}


def initialise(module: nn.Module, network: str) -> None:
    """Draws weights as Keras does: Glorot uniform, or He normal for the U-Net but its head."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            if network == "unet" and part is not getattr(module, "head", None):
                nn.init.kaiming_normal_(part.weight)
            else:
                nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


class TorchContender:
    """A PyTorch module.

    Args:
        compiled: Whether `torch.compile` does the step and the inference.
        in_bfloat16: Whether the network runs under autocast.
    """

    def __init__(
        self,
        workload: Workload,
        data: Data,
        seed: int,
        compiled: bool = False,
        in_bfloat16: bool = False,
    ):
        torch.manual_seed(seed)
        self.batch_size, self.epochs = workload.batch_size, workload.epochs
        self.x, self.test, self.masks = (
            channels_first(part) for part in (data.train, data.test, data.train_masks)
        )
        self.module = NETWORKS[workload.network]()
        initialise(self.module, workload.network)
        if in_bfloat16:
            compute_in_bfloat16(self.module)
        self.optimizer = torch.optim.Adam(
            self.module.parameters(), lr=LEARNING_RATE, eps=ADAM_EPSILON
        )
        self.loss, self.forward, self.forward_one = self.module.loss, self.module, self.module
        if compiled:
            self.loss, self.forward = torch.compile(self.module.loss), torch.compile(self.module)
            # Else one image would share the slower graph of batches of any size.
            self.forward_one = torch.compile(self.module, dynamic=False)
        self.singles = [channels_first(image) for image in singles(data)]
        self.note = f"{torch.get_num_threads()} threads"

    @property
    def num_parameters(self) -> int:
        return sum(part.numel() for part in self.module.parameters())

    def train(self) -> None:
        for _ in range(self.epochs):
            self._epoch()

    def _epoch(self) -> None:
        self.module.train()
        order = torch.randperm(len(self.x))
        total = torch.zeros(())
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            target = None if self.masks is None else self.masks[rows]
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(self.x[rows], target)
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        total.item()

    def infer(self) -> None:
        self.module.eval()
        with torch.inference_mode():
            images = [self.forward(part)["prediction"] for part in self.x.split(self.batch_size)]
        torch.cat(images).numpy()

    def infer_singly(self) -> None:
        self.module.eval()
        with torch.inference_mode():
            for image in self.singles:
                self.forward_one(image)["prediction"].numpy()

    def outputs(self) -> dict[str, np.ndarray]:
        self.module.eval()
        with torch.inference_mode():
            tensors = self.module(self.test)
        return {name: channels_last(part) for name, part in tensors.items()}


def channels_first(images: np.ndarray | None) -> torch.Tensor | None:
    return None if images is None else torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def channels_last(tensor: torch.Tensor) -> np.ndarray:
    return (tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor).numpy()
