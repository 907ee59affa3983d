"""Trains and evaluates a classifier: plain functions, which train.py turns into stages."""

import csv

from foundations import log_metric, save_artifact
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score


def train(samples, C):
    """Fit a logistic regression with inverse regularisation strength C."""
    return LogisticRegression(C=C, max_iter=1000).fit(samples.measurements, samples.cultivars)


def evaluate(classifier, samples):
    """Measure the classifier on samples that it has not seen, and keep its confusion matrix as an artifact."""
    predicted = classifier.predict(samples.measurements)
    metrics = {
        "accuracy": round(float(accuracy_score(samples.cultivars, predicted)), 4),
        "macro_f1": round(float(f1_score(samples.cultivars, predicted, average="macro")), 4),
    }
    for name, value in metrics.items():
        log_metric(name, value)

    with open("confusion.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(confusion_matrix(samples.cultivars, predicted).tolist())
    save_artifact("confusion.csv")
    return metrics
