import json

import foundations
from foundations.ports.execution import ExecutionEnvironment

NAMES = [name for name, module in foundations._MODULES.items() if module.startswith("foundations.adapters.")]


def read(run, *arguments):
    done = run("adapters", "--json", *arguments)
    assert 0 == done.exit_code
    return json.loads(done.stdout)["adapters"]


def test_every_shipped_adapter_is_listed_with_its_port(run, directory):
    found = read(run)
    assert ["port", "type_name", "is_shipped", "keys", "capabilities", "problem"] == list(found[0])
    assert sorted(f"foundations.{name}" for name in NAMES) == sorted(each["type_name"] for each in found)
    assert {"CacheBackend", "PipelineListing", "PipelineArchive", "ExecutionEnvironment", "JobBundler"} == {
        each["port"] for each in found
    }


def test_capabilities_are_those_of_the_port(run, directory):
    found = {each["type_name"]: each for each in read(run)}
    assert {
        "crosses_processes": True,
        "survives_the_caller": True,
        "cancel": True,
        "live_logs": True,
        "needs_bundle_file": True,
    } == found["foundations.LocalShellJobDeployment"]["capabilities"]
    assert {"in_this_process_only": True} == found["foundations.MemoryCacheBackend"]["capabilities"]
    assert ["deployment_implementation"] == found["foundations.LocalShellJobDeployment"]["keys"]
    assert issubclass(foundations.LocalShellJobDeployment, ExecutionEnvironment)


def test_a_configured_adapter_is_listed_beside_them_and_what_is_wrong_with_it(run, directory, monkeypatch):
    (directory / "listed_adapters.py").write_text(
        "from foundations import MemoryCacheBackend\nclass Own(MemoryCacheBackend): pass\n"
    )
    (directory / "local.config.yaml").write_text(
        "cache_implementation:\n  cache_type: listed_adapters.Own\n"
        "job_bundler_implementation:\n  job_bundler_type: listed_adapters.Missing\n"
    )
    monkeypatch.syspath_prepend(directory)
    own, missing = [each for each in read(run) if not each["is_shipped"]]
    assert ("listed_adapters.Own", ["cache_implementation"], None) == (own["type_name"], own["keys"], own["problem"])
    assert "there is no 'Missing' in listed_adapters" in missing["problem"]
    done = run("adapters")
    assert (0, True) == (done.exit_code, "there is no 'Missing' in listed_adapters" in done.stderr)
    assert ["CacheBackend listed_adapters.Own cache in this process only"] == [
        " ".join(line.split()) for line in done.stdout.splitlines() if "Own" in line
    ]
