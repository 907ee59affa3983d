"""From the data file to what a classifier is trained on: plain functions, which train.py turns into stages."""

import csv
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class Samples(NamedTuple):
    """Measurements of wines, a row each, and the cultivar that each wine is made from."""

    measurements: np.ndarray
    cultivars: np.ndarray


def read_samples(path):
    """Read the samples from a CSV file with a header, the cultivar in its last column."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    values = np.array(rows, dtype=float)
    return Samples(values[:, :-1], values[:, -1].astype(int))


def hold_out(samples, fraction, seed):
    """Return samples to train on, and the given fraction of all to evaluate on, the cultivars in equal shares."""
    train, test, train_cultivars, test_cultivars = train_test_split(
        *samples, test_size=fraction, random_state=seed, stratify=samples.cultivars
    )
    return Samples(train, train_cultivars), Samples(test, test_cultivars)


def fit_scaler(samples):
    """Return a scaler that gives every measurement of these samples mean 0 and variance 1."""
    return StandardScaler().fit(samples.measurements)


def scale(scaler, samples):
    """Return the samples with their measurements scaled."""
    return samples._replace(measurements=scaler.transform(samples.measurements))
