"""What is in an image, from its files."""

import io
import tarfile

import pytest
from audit.image import Package, jar, packages, python, spark_licences, split
from tests.unit.audit.files import FILES, SITE, archive, export

SUM = "1f0f631427194028bfeca05414b146420645a4c0ede4b3692c1afc9633557b08"
"""Of `not a jar`."""


def test_every_kind_of_package_is_found_with_its_licence() -> None:
    found = [(p.kind, p.group, p.name, p.version, p.licence) for p in packages(export(FILES))]
    assert found == [
        ("debian", "", "procps", "2:4.0.4-9", ""),
        ("java", "", "openjdk", "21.0.9", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("java archive", "com.github.luben", "zstd-jni", "1.5.7-7", "BSD-2-Clause"),
        ("java archive", "com.google.crypto.tink", "tink", "1.20.0", "Apache-2.0"),
        ("java archive", "jline", "jline", "2.14.6", "BSD-2-Clause"),
        ("python", "", "pip", "25", "MIT License"),
        ("python", "", "pyspark", "4.3.0", "Apache-2.0"),
        ("python", "", "servicekit", "1", ""),
        ("python", "", "typing-extensions", "4.16.0", "PSF-2.0"),
    ]


def test_a_jar_says_where_it_lies_and_what_its_sum_is() -> None:
    (found,) = packages(export({f"{SITE}/a/x-1.jar": b"not a jar"}))
    assert found == Package("java archive", "", "x", "1", folder=f"/{SITE}/a", sha256=SUM)


def test_links_and_folders_are_passed_over() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        link = tarfile.TarInfo("lib/a-1.jar")
        link.type, link.linkname = tarfile.SYMTYPE, "b-1.jar"
        tar.addfile(link)
    out.seek(0)
    assert packages(out) == []


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(tarfile.TarError):
        packages(io.BytesIO(b"Error: no such container" * 50))


def test_a_licence_that_is_a_whole_text_is_not_taken_for_a_name() -> None:
    text = "Copyright somebody, " * 10
    assert python(f"Name: a\nVersion: 1\nLicense: {text}\n", "").licence == ""
    classified = f"Name: a\nVersion: 1\nLicense: {text}\nClassifier: License :: OSI Approved :: BSD License\n"
    assert python(classified, "").licence == "BSD License"


def test_a_jar_is_not_named_after_what_was_packed_into_it() -> None:
    shaded = archive({"META-INF/maven/g/guava/pom.properties": "version=1\ngroupId=g\nartifactId=guava\n"})
    found = jar("/jars/hadoop-client-runtime-3.5.0.jar", shaded, {"hadoop-client-runtime": ("org.hadoop", "MIT")})
    assert (found.group, found.name, found.version, found.licence) == (
        "org.hadoop", "hadoop-client-runtime", "3.5.0", "MIT",
    )  # fmt: skip


def test_spark_s_own_jars_have_spark_s_licence() -> None:
    mark = "version=4.2.0\ngroupId=org.apache.spark\nartifactId=spark-x_2.13\n"
    found = jar("/spark-x_2.13-4.2.0.jar", archive({"META-INF/maven/o/s/pom.properties": mark}), {})
    assert found.licence == "Apache-2.0"


@pytest.mark.parametrize(
    ("stem", "name", "version"),
    [
        ("zstd-jni-1.5.7-7", "zstd-jni", "1.5.7-7"),
        ("log4j-1.2-api-2.25.4", "log4j", "1.2-api-2.25.4"),
        ("spark-core_2.13-4.3.0", "spark-core_2.13", "4.3.0"),
        ("py4j0.10.9.9", "py4j", "0.10.9.9"),
        ("app", "app", ""),
    ],
)
def test_a_name_is_split_before_its_version(stem: str, name: str, version: str) -> None:
    """The second is wrong, and cannot be known better: such a jar tells its name inside."""
    assert split(stem) == (name, version)


def test_of_two_with_one_name_each_has_its_licence() -> None:
    found = spark_licences(
        "MIT License\n---\na.b:x\norg.typelevel:algebra_2.13:jar\nEclipse Public License (EPL) 2.0\n---\nc.d:x https://there\npython/x:y\n"
    )
    assert found["a.b:x"] == ("a.b", "MIT")
    assert found["c.d:x"] == ("c.d", "EPL-2.0")
    assert found["algebra_2.13"] == ("org.typelevel", "MIT")
    assert "y" not in found


def test_a_jar_that_says_nothing_has_the_group_that_was_asked_for_and_the_licence_of_its_text() -> None:
    text = "\n                                 Apache License\n                           Version 2.0, January 2004\n"
    content = archive({"LICENSE": text, "META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n"})
    (found,) = packages(export({"jars/kafka-clients-3.9.2.jar": content}), {"kafka-clients": "org.apache.kafka"})
    assert (found.group, found.licence) == ("org.apache.kafka", "Apache-2.0")


def test_the_java_runtime_is_one_package() -> None:
    files: dict[str, str | bytes] = {
        "opt/java/release": 'JAVA_VERSION="21.0.9"\n',
        "opt/java/lib/jrt-fs.jar": archive({}),
    }
    assert [package.name for package in packages(export(files))] == ["openjdk"]
