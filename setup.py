"""Packaging. The TensorFlow build is an extra, so that no install pulls the other one:

pip install "keras-autoencoder-zoo[cpu]"   tensorflow-cpu (plain tensorflow on macOS and on Arm)
pip install "keras-autoencoder-zoo[gpu]"   tensorflow with CUDA, Linux with an NVIDIA GPU
"""

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "zoo/version.py").read_text())[1]

TENSORFLOW = ">=2.19,<2.23"
HAS_CPU_BUILD = "sys_platform != 'darwin' and platform_machine in 'x86_64 AMD64'"
HAS_NO_CPU_BUILD = "sys_platform == 'darwin' or platform_machine not in 'x86_64 AMD64'"

EXTRAS = {
    "cpu": [
        f"tensorflow-cpu{TENSORFLOW}; {HAS_CPU_BUILD}",
        f"tensorflow{TENSORFLOW}; {HAS_NO_CPU_BUILD}",
    ],
    "gpu": [f"tensorflow[and-cuda]{TENSORFLOW}; sys_platform == 'linux'"],
    "onnx": ["tf2onnx>=1.17,<2", "onnx>=1.17,<2"],
    "openvino": ["openvino>=2025,<2028"],
    "test": [
        "pytest>=8,<10",
        "pytest-benchmark>=5,<6",
        "pytest-xdist>=3.6,<4",
        "onnxruntime>=1.20,<2",
        "axe-core-python>=0.1,<0.2",
    ],
    "docs": [
        "furo>=2025.7,<2027",
        "myst-parser>=4,<6",
        "nbformat>=5.10,<6",
        "sphinx>=8.1,<10",
        "sphinx-copybutton>=0.5.2,<0.6",
    ],
    "ray": ["ray>=2.40,<3"],
    "tensorboard": ["tensorboard>=2.19,<3"],
    "mlflow": ["mlflow-skinny>=3,<4", "sqlalchemy>=2,<3", "alembic>=1.14,<2"],
    "wandb": ["wandb>=0.19.10,<1"],
    "tuner": ["keras-tuner>=1.4.8,<1.5"],
    "blackbox": ["pyarrow>=17,<28"],
    "optuna": ["keras-tuner>=1.4.8,<1.5", "optuna>=5,<6", "cmaes>=0.12,<1"],
}
EXTRAS["test"] += [
    *EXTRAS["docs"],
    *EXTRAS["onnx"],
    *EXTRAS["ray"],
    *EXTRAS["tuner"],
    *EXTRAS["optuna"][1:],
    *EXTRAS["blackbox"],
]
EXTRAS["dev"] = [*EXTRAS["test"], "ruff>=0.14,<0.18"]

setup(
    name="keras-autoencoder-zoo",
    version=VERSION,
    description="Autoencoders and U-Nets for Keras 3, measured on your images",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords=[
        *("keras", "tensorflow", "autoencoder", "variational autoencoder", "u-net"),
        *("anomaly detection", "denoising", "segmentation", "benchmark", "hyperparameter search"),
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
    entry_points={
        "console_scripts": [
            "zoo = zoo.__main__:main",
            "zoo-bench = bench.__main__:main",
            "zoo-tune = tuner.__main__:main",
        ]
    },
    python_requires=">=3.11",
    package_data={
        "bench": [
            "data/embedded/*",
            "experiments/*.yaml",
            "peers/requirements.txt",
            "report/templates/*",
            "reproduce/published.yaml",
            "site/static/*",
        ],
        "tuner": ["benchmark/tables/*", "report/templates/*"],
        "zoo": ["weights/index.json", "weights/*/*.npz"],
    },
    packages=find_packages(include=["zoo", "zoo.*", "bench", "bench.*", "tuner", "tuner.*"]),
    install_requires=[
        "filelock>=3.13,<5",
        "jinja2>=3.1,<4",
        "keras>=3.11,<3.17",
        "markupsafe>=2.1,<4",
        "matplotlib>=3.9,<4",
        "numpy>=2.0,<3",
        "pillow>=10,<14",
        "pydantic>=2.9,<3",
        "pyyaml>=6,<7",
        "rich>=13.7,<16",
        "scikit-image>=0.24,<0.27",
        "scikit-learn>=1.5,<1.10",
        "scipy>=1.15,<2",
        "threadpoolctl>=3.1,<4",
    ],
    extras_require=EXTRAS,
)
