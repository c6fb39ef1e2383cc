"""An image's files in a tar archive, as `docker export` writes them."""

import io
import tarfile
import zipfile
from collections.abc import Mapping


def archive(files: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as jar:
        for name, text in files.items():
            jar.writestr(name, text)
    return out.getvalue()


def export(files: Mapping[str, str | bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    out.seek(0)
    return out


SITE = "venv/lib/python3.13/site-packages"
LICENSE = """\
This project bundles some components that are also licensed under the Apache
License Version 2.0:

com.google.crypto.tink:tink

BSD 2-Clause
------------
jline:jline

BSD 3-Clause
------------
org.jline:jline
"""

FILES: dict[str, str | bytes] = {
    # The licences of the jars come behind the jars.
    f"{SITE}/pyspark/jars/tink-1.20.0.jar": archive({"a.class": ""}),
    f"{SITE}/pyspark/jars/jline-2.14.6.jar": archive(
        {
            "META-INF/maven/jline/jline/pom.properties": "version=2.14.6\ngroupId=jline\nartifactId=jline\n",
            "META-INF/maven/org.fuse/jansi/pom.properties": "version=1.9\ngroupId=org.fuse\nartifactId=jansi\n",
        }
    ),
    f"{SITE}/pyspark-4.3.0.dist-info/METADATA": "Name: pyspark\nVersion: 4.3.0\nLicense: Apache-2.0\n\nText\n",
    f"{SITE}/pyspark-4.3.0.dist-info/licenses/LICENSE": LICENSE,
    f"{SITE}/typing_extensions-4.16.0.dist-info/METADATA": (
        "Name: typing_extensions\nVersion: 4.16.0\nLicense-Expression: PSF-2.0\n"
        "Classifier: License :: OSI Approved :: MIT License\n"
    ),
    f"{SITE}/servicekit-1.dist-info/METADATA": "Name: servicekit\nVersion: 1\n",
    "usr/lib/python3/dist-packages/pip-25.dist-info/METADATA": (
        "Name: pip\nVersion: 25\nClassifier: License :: OSI Approved :: MIT License\n"
    ),
    "jars/zstd-jni-1.5.7-7.jar": archive(
        {
            "META-INF/MANIFEST.MF": (
                "Manifest-Version: 1.0\r\nImplementation-Vendor-Id: com.github.luben\r\n"
                "Bundle-License: https://opensource.org/licenses/BS\r\n D-2-Clause;description=BSD\r\n"
            )
        }
    ),
    "var/lib/dpkg/status": (
        "Package: procps\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2:4.0.4-9\n"
        "Description: tools\n with a long text\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
    ),
    "opt/java/release": 'IMPLEMENTOR="Debian"\nJAVA_VERSION="21.0.9"\n',
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
}
