"""The SBOM, made by the audit's own environment, which has the library for it."""

import json
import os
import subprocess
from pathlib import Path

from tests.unit.audit.files import FILES, SITE, export

from devstack.layout import ROOT

PYTHON = ROOT / ".venv-audit" / "bin" / "python"


def test_an_exported_image_becomes_valid_cyclonedx(tmp_path: Path) -> None:
    assert PYTHON.exists(), "no .venv-audit: make test-unit makes it"
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"pyspark==4.3.0 \\\n    --hash=sha256:{'a1' * 32}\n")
    ended = subprocess.run(
        [PYTHON, "-m", "audit.sbom", "spark-monitor", str(requirements)],
        cwd=ROOT, input=export(FILES).getvalue(), capture_output=True, check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr.decode()
    document = json.loads(ended.stdout)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["name"] == "spark-monitor"
    assert sorted(component["purl"] for component in document["components"]) == [
        "pkg:deb/debian/procps@2:4.0.4-9?arch=amd64",
        "pkg:generic/openjdk@21.0.9",
        "pkg:maven/com.github.luben/zstd-jni@1.5.7-7",
        "pkg:maven/com.google.crypto.tink/tink@1.20.0",
        "pkg:maven/jline/jline@2.14.6",
        "pkg:pypi/pip@25",
        "pkg:pypi/pyspark@4.3.0",
        "pkg:pypi/servicekit@1",
        "pkg:pypi/typing-extensions@4.16.0",
    ]
    (spark,) = [component for component in document["components"] if component["name"] == "pyspark"]
    assert spark["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert spark["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "a1" * 32}]
    assert spark["properties"] == [{"name": "folder", "value": f"/{SITE}"}]
    (tink,) = [component for component in document["components"] if component["name"] == "tink"]
    assert [each["alg"] for each in tink["hashes"]] == ["SHA-256"]
    (root,) = [each for each in document["dependencies"] if each["ref"] == "spark-monitor"]
    assert len(root["dependsOn"]) == 9
