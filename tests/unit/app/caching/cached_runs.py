"""Running one stage as a job, and asking why one was not cached."""


def run(sdk, function, *args, **kwargs):
    """Run one stage as a job; return its output and whether it came from the cache."""
    target = sdk.pipeline.stage(function, *args, **kwargs).enable_caching()
    result = target.run().fetch_job_results()
    return result.output, result["stage_contexts"][target.uuid()]["used_cache"]


def reasons(said):
    return [keys["reason"] for _, event, keys in said if event == "not_cached"]
