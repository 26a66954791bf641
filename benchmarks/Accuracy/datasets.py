"""The thirteen sets of data, as texts, and their splits. Licences of the sets are not all clear, so that none is in the repository: they come from Debian's packages r-cran-mlbench and python3-sklearn."""
import csv
import glob
import os
import subprocess

import numpy as np
from sklearn import datasets as bundled
from sklearn.model_selection import train_test_split

import rdata

LABEL = "label"

# Name: where it is from, the label, samples of a batch, epochs. Fixed before anything was measured: small sets 100 epochs in batches of 32, large ones fewer in larger ones.
SETS = {
    "wine": ("load_wine", None, 32, 100),
    "wdbc": ("load_breast_cancer", None, 32, 100),
    "digits": ("load_digits", None, 32, 50),
    "sonar": ("Sonar", "Class", 32, 100),
    "ionosphere": ("Ionosphere", "Class", 32, 100),
    "pima": ("PimaIndiansDiabetes2", "diabetes", 32, 100),
    "glass": ("Glass", "Type", 32, 100),
    "vehicle": ("Vehicle", "Class", 32, 100),
    "vowel": ("Vowel", "Class", 32, 100),
    "votes": ("HouseVotes84", "Class", 32, 100),
    "soybean": ("Soybean", "Class", 32, 100),
    "satellite": ("Satellite", "classes", 64, 30),
    "letters": ("LetterRecognition", "lettr", 128, 30),
}

# Columns of texts that are no numbers, None being all of a set. What else the package keeps as factors is numbers.
CATEGORIES = {"vowel": ["V1"], "votes": None, "soybean": None}


def fetch(folder):
    """Takes the sets of r-cran-mlbench out of Debian's package, without installing it."""
    found = glob.glob(os.path.join(folder, "**", "mlbench", "data"), recursive=True)
    if not found:
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["apt-get", "download", "r-cran-mlbench"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        package, = glob.glob(os.path.join(folder, "r-cran-mlbench_*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, os.path.join(folder, "mlbench")], check=True)
        found = glob.glob(os.path.join(folder, "**", "mlbench", "data"), recursive=True)
    return found[0]


def load(name, folder):
    """Columns of texts, the label last, and the names of those that are categories. A missing value is an empty text."""
    source, label, _, _ = SETS[name]
    if source.startswith("load_"):
        found = getattr(bundled, source)()
        table = {f"x{i}": found.data[:, i] for i in range(found.data.shape[1])}
        table[LABEL] = [str(value) for value in found.target]
    else:
        table = rdata.columns(os.path.join(folder, source + ".rda"))
        classes = table.pop(label)
        table[LABEL] = classes
    table = {column.replace(".", "_"): [text(value) for value in values] for column, values in table.items()}
    # Classes that are numbers would have to be 0, 1, 2 … without a gap.
    table[LABEL] = [f"class {value}" for value in table[LABEL]]
    kept = CATEGORIES.get(name, [])
    return table, [column for column in table if column != LABEL] if kept is None else kept


def text(value):
    return "" if value is None else value.strip() if isinstance(value, str) else repr(float(value))


def split(table, seed):
    """Indexes of the training rows and of the others, a quarter, each class in the same proportion in both."""
    classes = table[LABEL]
    return train_test_split(np.arange(len(classes)), test_size=0.25, random_state=seed, stratify=classes)


def write(table, rows, path):
    with open(path, "w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(table)
        lines.writerows([table[column][row] for column in table] for row in rows)
