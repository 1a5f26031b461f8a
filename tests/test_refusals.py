"""What cannot work is refused at once: in one line, with exit code 2, before Keras is imported."""

import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
# Command lines that cannot work, and a part of the answer. They run in a folder with a text file,
# a damaged .keras file, an empty folder, a folder of images, and the header of a saved model.
REFUSED = {
    "zoo": [
        ("reconstruct nope.keras photos --output c", "a file that exists"),
        ("reconstruct fake.keras photos --output c", "is no Keras file"),
        ("reconstruct photos vae.keras --output c", "must come before the folder"),
        ("reconstruct vae.keras nope --output c", "nope"),
        ("reconstruct vae.keras empty --output c", "empty"),
        ("score vae.keras photos --output s.txt", "must end in .csv"),
        ("card garments/vae", "neither a file nor weights are called 'garments/vae'"),
        ("reconstruct garments/vae photos --output c", "neither a file nor weights are called"),
        ("sample hf://vae --output s", "must be hf://USER/MODEL. Received: hf://vae"),
        ("segment vae.keras photos --output s", "able to segment images. Received: model 'vae'"),
        ("sample nope.keras --output s", "a file that exists. Received: nope.keras. There: "),
        ("export nope.keras exported", "a file that exists"),
        ("export vae.keras photos", "photos exists"),
        ("train vea photos --output m.keras", "Did you mean 'vae'"),
        ("train vae photos --output m.keras --resume nope.keras", "a file that exists"),
        ("train unet photos --output m.keras --resume vae.keras", "holds 'vae'"),
        ("train unet photos --output m.keras", "images/ and masks/"),
        ("train photos vae --output m.keras", "python -m zoo train vae photos --output m.keras"),
        ("train vae photos --output m.keras --preset tin", "Did you mean 'tiny'"),
        ("train vae photos --output m.keras --set latent_dm=3", "Did you mean 'latent_dim'"),
        ("train vae photos --output /proc/m.keras", "cannot be written"),
        ("score vae.keras photos --output s.csv --normals nope", "nope"),
        ("train vae photos --output m.keras --track-to t", "--track-to needs --track"),
        ("check nope", "nope"),
        ("train conditional_vae some.npz --output m.keras", "Received: -1 for 2 of 4"),
        ("check huge", "huge/1.png: cannot be read as an image (Image size (10000000000 pixels)"),
        ("check cell.csv", "cell.csv: line 2 cannot be read as a row (field larger than"),
        ("train vae cell.csv --output m.keras", "cell.csv: line 2"),
        ("score vae.keras photos --output photos", "must end in .csv"),
        ("score vae.keras cell.csv --overwrite --output cell.csv", "not be the file that is read"),
        ("score vae.keras photos --output s.csv --normals ./photos/", "others than those to judge"),
        ("score nope.keras cell.csv --output s.csv", "a file that exists"),
        ("reconstruct vae.keras photos --output photos/copies", "outside of the images' folder"),
    ],
    "bench": [
        ("inspect nope", "a file that exists"),
        ("inspect fake.keras", "is no Keras file"),
        ("inspect vae.keras digits --traversal --output m.jpg", "must be a .png file"),
        ("run --models vea --output r", "Did you mean 'vae'"),
        ("run --models mine.py:biuld --output r", "mine.py has no 'biuld'. Did you mean 'build'?"),
        ("run --models mine:build --output r", "it needs depth"),
        ("run --models nope.py:build --output r", "there is no nope.py"),
        ("run --models no.such:build --output r", "there is no module 'no.such'"),
        ("run --models fake.keras --output r", "is no Keras file"),
        ("run --models fashion_mnist/vea --output r", "Did you mean 'fashion_mnist/vae'"),
        ("run --models vae.keras:fit --output r", "vae.keras:train"),
        ("run --models vae.keras --crop 8x8 --output r", "--crop is not for models of your own"),
        ("run --dataset digit --output r", "Did you mean 'digits'"),
        ("inspect vae.keras digit --maps --layer x --output m.png", "Did you mean 'digits'"),
        ("run --dataset digits --preset smal --output r", "Did you mean 'small'"),
        ("list vea", "Did you mean 'vae'"),
        ("compare mine:build vae", "'mine:build' is a model of your own"),
        ("compare vae mine.py:build", "'mine.py:build' is a model of your own"),
        ("docs nope.md", "nope.md cannot be read: No such file or directory."),
        ("report nope", "no records at nope"),
        ("pack", "name the folder of a run"),
        ("pack nope", "no records at nope"),
        ("pack --check --output empty", "index of the weights cannot be read"),
        ("pack --check nope", "no weights match nope"),
        ("inspect garments/vae", "neither a file nor weights are called"),
        ("report txt.txt", "txt.txt"),
        ("rank nope photos", "no records at nope"),
        ("rank empty --output txt.txt", "no records at empty"),
        ("run --dataset huge --output r", "huge/1.png: cannot be read as an image (Image size"),
        ("run --dataset cell.csv --output r", "cell.csv: line 2 cannot be read as a row"),
        ("run --folds 3 --window 8 --output r", "neighbouring windows of a series are alike"),
        ("run --updates 9 --epochs 3 --output r", "both the budget"),
        ("run --dataset photos --output /proc/r", "/proc/r"),
        ("run --dataset photos --output txt.txt", "txt.txt"),
    ],
    "tuner": [
        ("export nope m.keras", "no search in nope"),
        ("show txt.txt", "no search in txt.txt"),
        ("space autoencodr", "Did you mean 'autoencoder'"),
        ("search unet --dataset digits --output s", "needs masks"),
        ("search vae --objective accuracy", "needs a model with classify()"),
        ("search vae --set latent_dm=4", "Did you mean 'latent_dim'"),
        ("search vae --tuner bayes", "Did you mean 'bayesian'"),
        ("search vae --tuner hyperband --costs macs", "takes no --costs"),
        ("search upae --objective nll", "no test value of nll to confirm"),
        ("search vae --confirm 1", "must be at least 2"),
        ("search vae --num-labels 9", "for models that learn from few labels: semi_supervised"),
        (
            "search semi_supervised_vae --dataset digits --limit 200 --num-labels 201",
            "--num-labels must be at most the number of training images, 200.",
        ),
        ("confirm nope", "no search in nope"),
        ("search vae --dataset huge --output s", "huge/1.png: cannot be read as an image"),
        ("search vae --dataset cell.csv --output s", "cell.csv: line 2 cannot be read as a row"),
        ("search vae --dataset photos --output /proc/s", "/proc/s"),
    ],
}
_RUN = """
import contextlib, importlib, io, json, sys
main = importlib.import_module(sys.argv[1] + ".__main__").main
answers = []
for words in json.loads(sys.argv[2]):
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        code = main(words)
    answers.append([code, error.getvalue(), "keras" in sys.modules])
print(json.dumps(answers))
"""


def png_of_size(width: int, height: int) -> bytes:
    """Returns a PNG that says how large it is, and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    (folder / "empty").mkdir()
    (folder / "photos").mkdir()
    for number in range(2):
        Image.fromarray(np.full((8, 8), 100 * number, "uint8")).save(
            folder / f"photos/{number}.png"
        )
    (folder / "txt.txt").write_text("text")
    (folder / "mine.py").write_text("import keras\ndef build(depth): ...")
    (folder / "cell.csv").write_text("a,b\n1," + "9" * 200_000 + "\n")
    np.savez(folder / "some.npz", images=np.zeros((4, 8, 8, 1)), labels=[-1, 0, -1, 1])
    (folder / "huge").mkdir()
    (folder / "huge/1.png").write_bytes(png_of_size(100_000, 100_000))
    (folder / "fake.keras").write_text("no model")
    config = {"class_name": "VAE", "registered_name": "zoo>VAE", "config": {}}
    with zipfile.ZipFile(folder / "vae.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    return folder


@pytest.mark.parametrize("program", REFUSED)
def test_what_cannot_work_is_refused_at_once(program, here):
    lines = [words.split() for words, _ in REFUSED[program]]
    done = subprocess.run(
        [sys.executable, "-c", _RUN, program, json.dumps(lines)],
        capture_output=True,
        text=True,
        cwd=here,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for (words, expected), (code, error, has_keras) in zip(
        REFUSED[program], json.loads(done.stdout), strict=True
    ):
        assert code == 2, words
        (line,) = error.splitlines()
        assert line.startswith("error: "), words
        assert expected in line, words
        assert not has_keras, f"{words}: imports Keras to say {line}"
