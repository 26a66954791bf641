"""Trains the presets resnet and transformer by Lockstep and modules of the same shape by plain PyTorch, on the same samples, one after the other, and compares what each reaches on the data held out and its samples a second.

What is done is kept in FOLDER/presets.jsonl: the command may be ended and given again, and goes on.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

SEEDS, BATCH, SLOTS, RATE = 3, 64, 2, 1e-3
WIDTH, DEPTH, HEADS, LENGTH, STRIDE = 64, 2, 4, 64, 32
LICENCES = "/usr/share/common-licenses/"
TRAIN = ["Artistic", "BSD", "CC0-1.0", "GFDL-1.2", "GFDL-1.3", "GPL-1", "GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "LGPL-3", "MPL-1.1"]
HELD = "MPL-2.0"

# Name: epochs, the metric, and what of the job file is the preset's own.
PRESETS = {
    "resnet": (12, "accuracy", "data: {{ format: csv, train: train.csv, validation: held.csv, labels: [label] }}\nmodel: {{ preset: resnet, input: [1, 8, 8] }}\nmetrics: [accuracy]\n"),
    "transformer": (3, "perplexity", "data:\n  format: text\n  train: [{train}]\n  validation: {held}\n  text: {{ length: {length}, stride: {stride} }}\n  unknown: ignore\nmodel: {{ preset: transformer, width: {width}, depth: {depth}, heads: {heads} }}\nmetrics: [perplexity]\n"),
}

JOB = "name: {name}\n{own}loss: cross-entropy\noptimizer: {{ kind: adam, learningRate: {rate} }}\nepochs: {epochs}\nglobalBatch: {batch}\nslots: {slots}\nseed: {seed}\nworkers: {{ min: 1, max: 1 }}\ncheckpoint: {{ every: 0 }}\n"


class Residual(nn.Module):
    """A block of the preset: two convolutions, and a third of kernel 1 beside them where the shape changes."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = nn.Identity() if stride == 1 else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet(classes, width=16, depth=2):
    layers = [nn.Conv2d(1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    channels = width
    for stage in range(3):
        for block in range(depth):
            layers.append(Residual(channels, width << stage, 2 if stage > 0 and block == 0 else 1))
            channels = width << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class Transformer(nn.Module):
    """Causal, with learned places."""

    def __init__(self, symbols):
        super().__init__()
        self.embedding = nn.Embedding(symbols, WIDTH)
        self.places = nn.Parameter(torch.empty(LENGTH, WIDTH).uniform_(-1.5 ** 0.5, 1.5 ** 0.5))
        block = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, dropout=0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(block, DEPTH, nn.LayerNorm(WIDTH))
        self.head = nn.Linear(WIDTH, symbols)
        self.register_buffer("mask", torch.triu(torch.full((LENGTH, LENGTH), float("-inf")), 1))

    def forward(self, x):
        return self.head(self.encoder(self.embedding(x) + self.places, self.mask)).transpose(1, 2)


def digits(seed, folder):
    """Writes the rows as files, and gives them as tensors."""
    found = load_digits()
    parts = train_test_split(np.arange(len(found.target)), test_size=0.25, random_state=seed, stratify=found.target)
    for name, rows in zip(("train", "held"), parts):
        with open(os.path.join(folder, name + ".csv"), "w") as file:
            file.write(",".join(f"x{i}" for i in range(64)) + ",label\n")
            file.writelines(",".join(f"{value:.0f}" for value in found.data[row]) + f",{found.target[row]}\n" for row in rows)
    return [(torch.tensor(found.data[rows], dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(found.target[rows])) for rows in parts]


def texts():
    """Windows of characters and of those that follow them, as Lockstep cuts them: each file for itself, and what the training texts do not have left out."""
    def read(name):
        with open(LICENCES + name, encoding="utf-8", newline="") as file:
            return file.read()

    train = [read(name) for name in TRAIN]
    symbols = {symbol: i for i, symbol in enumerate(sorted(set("".join(train))))}

    def windows(files):
        codes = [[symbols[symbol] for symbol in text if symbol in symbols] for text in files]
        cut = torch.tensor([text[at:at + LENGTH + 1] for text in codes for at in range(0, len(text) - LENGTH, STRIDE)])
        return cut[:, :-1], cut[:, 1:]

    return windows(train), windows([read(HELD)]), len(symbols)


def train(model, samples, epochs, seed):
    """Plain PyTorch, one thread.

    Returns samples a second of training alone."""
    x, y = samples
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    model.train()
    begun = time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return epochs * len(x) / (time.perf_counter() - begun)


@torch.no_grad()
def measure(model, samples, metric):
    model.eval()
    x, y = samples
    outputs = torch.cat([model(part) for part in x.split(256)])
    if metric == "accuracy":
        return float((outputs.argmax(1) == y).float().mean())
    return float(nn.functional.cross_entropy(outputs, y).exp())


def ours(command, preset, seed, folder):
    epochs, metric, own = PRESETS[preset]
    job, run = os.path.join(folder, "job.yaml"), os.path.join(folder, "run")
    own = own.format(train=", ".join(LICENCES + name for name in TRAIN), held=LICENCES + HELD, length=LENGTH, stride=STRIDE, width=WIDTH, depth=DEPTH, heads=HEADS)
    with open(job, "w") as file:
        file.write(JOB.format(name=preset, own=own, rate=RATE, epochs=epochs, batch=BATCH, slots=SLOTS, seed=seed))
    done = subprocess.run([*command, "train", job, "--workers", "1", "--output", run], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{job} ended with {done.returncode}: {done.stdout}{done.stderr}")
    with open(os.path.join(run, "summary.json")) as file:
        summary = json.load(file)
    return summary["validation"][metric], summary["samplesPerSecond"]


def one(command, folder, preset, seed):
    epochs, metric, _ = PRESETS[preset]
    place = os.path.join(folder, f"{preset}-{seed}")
    os.makedirs(place, exist_ok=True)
    if preset == "resnet":
        samples, held = digits(seed, place)
    else:
        samples, held, symbols = texts()
    mine, speed = ours(command, preset, seed, place)
    torch.manual_seed(seed)
    model = resnet(10) if preset == "resnet" else Transformer(symbols)
    other = train(model, samples, epochs, seed)
    return {"preset": preset, "seed": seed, "samples": len(samples[0]), "parameters": sum(p.numel() for p in model.parameters()), "ours": mine, "theirs": measure(model, held, metric), "oursPerSecond": speed, "theirsPerSecond": other}


def tell(results):
    """The table of the README. Wanted: the means are no further apart than two standard errors of their difference."""
    print("| preset | samples | parameters | metric | Lockstep by seed | mean | PyTorch by seed | mean | difference | standard error | samples/s | PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    good = True
    for preset, (_, metric, _) in PRESETS.items():
        found = [result for result in results if result["preset"] == preset]
        if len(found) < 2:
            continue
        mine, other = ([result[key] for result in found] for key in ("ours", "theirs"))
        apart = statistics.mean(mine) - statistics.mean(other)
        error = ((statistics.variance(mine) + statistics.variance(other)) / len(found)) ** 0.5
        good &= abs(apart) <= 2 * error
        show = (lambda values: ", ".join(f"{value:.3f}" for value in values))
        speeds = [statistics.median(result[key] for result in found) for key in ("oursPerSecond", "theirsPerSecond")]
        print(f"| {preset} | {found[0]['samples']:,} | {found[0]['parameters']:,} | {metric} | {show(mine)} | {statistics.mean(mine):.3f} | {show(other)} | {statistics.mean(other):.3f} | {apart:+.4f} | {error:.4f} | {speeds[0]:,.0f} | {speeds[1]:,.0f} |")
    return good


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", help="of runs and results")
    options.add_argument("--lockstep", default="Cli/bin/Release/net10.0/lockstep", help="the command")
    given = options.parse_args()
    torch.set_num_threads(1)
    os.makedirs(given.folder, exist_ok=True)
    kept = os.path.join(given.folder, "presets.jsonl")
    results = []
    if os.path.exists(kept):
        with open(kept) as file:
            results = [json.loads(line) for line in file]
    known = {(result["preset"], result["seed"]) for result in results}
    for preset, seed in ((preset, seed) for seed in range(1, SEEDS + 1) for preset in PRESETS):
        if (preset, seed) not in known:
            results.append(one([os.path.abspath(given.lockstep)], os.path.abspath(given.folder), preset, seed))
            with open(kept, "a") as file:
                file.write(json.dumps(results[-1]) + "\n")
            print(results[-1], file=sys.stderr, flush=True)
    return 0 if tell(results) else 1


if __name__ == "__main__":
    sys.exit(main())
