"""Classify wines by the cultivar they are made from, in a job of its own."""

from foundations import *

import features
import model

read_samples = create_stage(features.read_samples)
hold_out = create_stage(features.hold_out)
fit_scaler = create_stage(features.fit_scaler)
scale = create_stage(features.scale)
train = create_stage(model.train)
evaluate = create_stage(model.evaluate)

samples = read_samples("wine.csv")
training, held_out = hold_out(samples, fraction=0.3, seed=7).split(2)
scaler = fit_scaler(training)
classifier = train(scale(scaler, training), C=Hyperparameter("C")).persist()
pipe = evaluate(classifier, scale(scaler, held_out))

deployment = pipe.run(C=1.0)
result = deployment.fetch_job_results()
print(result)
