"""Trains the same network on thirteen sets of data by Lockstep and by scikit-learn, on the same rows, and compares how many of the rows held out each gets right.

What is done is kept in FOLDER/results.jsonl: the command may be ended and given again, and goes on.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.neural_network import MLPClassifier

import datasets

HIDDEN, RATE, SLOTS = 64, 1e-3, 2
PORT = 5391

JOB = """name: {name}
data:
  format: csv
  train: {train}
  validation: {test}
  labels: [{label}]
{categories}  missing: mean
  missingCategory: own
  unknown: ignore
  normalize: standard
model: {{ preset: mlp, hidden: [{hidden}] }}
loss: cross-entropy
metrics: [accuracy]
optimizer: {{ kind: adam, learningRate: {rate} }}
epochs: {epochs}
globalBatch: {batch}
slots: {slots}
seed: {seed}
workers: {{ min: 1, max: 1 }}
checkpoint: {{ every: 0 }}
"""


def prepared(table, categories, train, test):
    """What the job file says, done with numpy: means of the training rows for missing numbers, one flag a category and one for a missing one, each column of numbers centred and scaled by the training rows."""
    inputs = []
    for column in table:
        if column == datasets.LABEL:
            continue
        values = np.array(table[column])
        if column in categories:
            inputs += [(values == flag).astype(float) for flag in sorted(set(values[train]))]
        else:
            numbers = np.array([float(value) if value else np.nan for value in values])
            inputs.append(np.where(np.isnan(numbers), np.nanmean(numbers[train]), numbers))
    matrix = np.column_stack(inputs)
    deviation = matrix[train].std(axis=0)
    matrix = (matrix - matrix[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return matrix[train], matrix[test]


def theirs(table, categories, train, test, batch, epochs, seed):
    """scikit-learn's accuracy on the rows held out. Its own ways to end early are off, and so is its penalty on weights: both train the same epochs of the same batches with the same optimizer."""
    classes = np.array(table[datasets.LABEL])
    x, held = prepared(table, categories, train, test)
    network = MLPClassifier(hidden_layer_sizes=(HIDDEN,), activation="relu", solver="adam", alpha=0, batch_size=min(batch, len(train)), learning_rate_init=RATE, max_iter=epochs, tol=0, n_iter_no_change=epochs + 1, random_state=seed)
    with warnings.catch_warnings():
        # That it could go on is what it warns of.
        warnings.simplefilter("ignore")
        network.fit(x, classes[train])
    return float((network.predict(held) == classes[test]).mean())


def ours(command, folder, job, run):
    """Lockstep's accuracy on the rows held out, as the run's summary has it."""
    done = subprocess.run([*command, "submit", job, "--scheduler", f"http://localhost:{PORT}", "--run-directory", run, "--wait"], capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        raise RuntimeError(f"{job} ended with {done.returncode}: {done.stdout}{done.stderr}")
    with open(os.path.join(run, "summary.json")) as file:
        return json.load(file)["validation"]["accuracy"]


def one(command, folder, data, name, seed):
    _, _, batch, epochs = datasets.SETS[name]
    table, categories = datasets.load(name, data)
    train, test = datasets.split(table, seed)
    place = os.path.join(folder, "data", f"{name}-{seed}")
    os.makedirs(place, exist_ok=True)
    paths = [os.path.join(place, file) for file in ("train.csv", "test.csv", "job.yaml")]
    datasets.write(table, train, paths[0])
    datasets.write(table, test, paths[1])
    with open(paths[2], "w") as file:
        file.write(JOB.format(name=name, train="train.csv", test="test.csv", label=datasets.LABEL, categories=f"  categories: [{', '.join(categories)}]\n" if categories else "", hidden=HIDDEN, rate=RATE, epochs=epochs, batch=batch, slots=SLOTS, seed=seed))
    begun = time.monotonic()
    mine = ours(command, folder, paths[2], os.path.join(folder, "runs", f"{name}-{seed}"))
    between = time.monotonic()
    return {"set": name, "seed": seed, "rows": len(train) + len(test), "ours": mine, "theirs": theirs(table, categories, train, test, batch, epochs, seed), "oursSeconds": round(between - begun, 2), "theirsSeconds": round(time.monotonic() - between, 2)}


def tell(results):
    """The table of the README. A difference counts as lower where it is so by more than two standard errors of the paired differences."""
    print("| set | rows | seeds | Lockstep | scikit-learn | difference, points | standard error |")
    print("|---|---|---|---|---|---|---|")
    means, lower = [], []
    for name in datasets.SETS:
        found = [result for result in results if result["set"] == name]
        if not found:
            continue
        apart = [100 * (result["ours"] - result["theirs"]) for result in found]
        error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else float("nan")
        means.append(statistics.mean(apart))
        if means[-1] < -2 * error:
            lower.append(name)
        mine, other = (100 * statistics.mean(result[key] for result in found) for key in ("ours", "theirs"))
        print(f"| {name} | {found[0]['rows']:,} | {len(found)} | {mine:.2f}% | {other:.2f}% | {means[-1]:+.2f} | {error:.2f} |")
    print(f"| **mean of {len(means)} sets** |  |  |  |  | {statistics.mean(means):+.2f} | |")
    print("Lower by more than two standard errors on: " + (", ".join(lower) or "none"))
    return not lower and statistics.mean(means) >= -0.3


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", help="of data, runs and results")
    options.add_argument("--lockstep", default="Cli/bin/Release/net10.0/lockstep", help="the command")
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--at-once", type=int, default=2, help="jobs at a time")
    options.add_argument("--limit", type=float, default=1e9, help="begin nothing after so many seconds")
    given = options.parse_args()
    folder = os.path.abspath(given.folder)
    command = [os.path.abspath(given.lockstep)]
    data = datasets.fetch(os.path.join(folder, "packages"))
    kept = os.path.join(folder, "results.jsonl")
    results = []
    if os.path.exists(kept):
        with open(kept) as file:
            results = [json.loads(line) for line in file]
    known = {(result["set"], result["seed"]) for result in results}
    # Seed by seed: what is there when it is ended covers all sets alike.
    wanted = [(name, seed) for seed in range(1, given.seeds + 1) for name in datasets.SETS if (name, seed) not in known]
    if wanted:
        begun = time.monotonic()
        with open(os.path.join(folder, "up.log"), "a") as log:
            fleet = subprocess.Popen([*command, "up", "--port", str(PORT), "--ps-shards", "1", "--workers-min", str(given.at_once), "--workers-max", str(given.at_once), "--runs", os.path.join(folder, "runs"), "--data", folder], stdout=log, stderr=log)
            try:
                await_fleet(fleet)
                with ThreadPoolExecutor(given.at_once) as pool:
                    def work(which):
                        return None if time.monotonic() - begun > given.limit else one(command, folder, data, *which)

                    for result in pool.map(work, wanted):
                        if result is not None:
                            results.append(result)
                            with open(kept, "a") as file:
                                file.write(json.dumps(result) + "\n")
                            print(f"{result['set']} {result['seed']}: {result['ours']:.4f} {result['theirs']:.4f} in {result['oursSeconds']} and {result['theirsSeconds']} s", file=sys.stderr, flush=True)
            finally:
                fleet.send_signal(signal.SIGINT)
                fleet.wait(60)
    return 0 if tell(results) else 1


def await_fleet(fleet):
    """Waits until the scheduler answers."""
    while fleet.poll() is None:
        try:
            urllib.request.urlopen(f"http://localhost:{PORT}/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("lockstep up ended; see up.log")


if __name__ == "__main__":
    sys.exit(main())
