"""The modules of distributions that are not called like their modules, for those that are not installed here."""

from __future__ import annotations

import functools
import re

_TABLE = """
antlr4-python3-runtime antlr4
apache-airflow airflow
apache-flink pyflink
attrs attr attrs
azure-identity azure.identity
azure-keyvault-secrets azure.keyvault.secrets
azure-storage-blob azure.storage.blob
beautifulsoup4 bs4
biopython Bio
cattrs cattrs cattr
delta-spark delta
discord-py discord
django-cors-headers corsheaders
django-environ environ
djangorestframework rest_framework
dnspython dns
factory-boy factory
faiss-cpu faiss
faiss-gpu faiss
fonttools fontTools
gdal osgeo
gitpython git
google-ai-generativelanguage google.ai.generativelanguage
google-api-core google.api_core
google-api-python-client googleapiclient apiclient
google-auth google.auth google.oauth2
google-cloud-aiplatform google.cloud.aiplatform vertexai
google-cloud-error-reporting google.cloud.error_reporting
google-cloud-ndb google.cloud.ndb
google-cloud-pubsub google.cloud.pubsub google.cloud.pubsub_v1
google-cloud-secret-manager google.cloud.secretmanager google.cloud.secretmanager_v1
google-genai google.genai
google-generativeai google.generativeai
googleapis-common-protos google.api google.rpc google.type
grpcio grpc
grpcio-tools grpc_tools
hydra-core hydra
imbalanced-learn imblearn
ipython IPython
jpype1 jpype
kafka-python kafka
levenshtein Levenshtein
mlflow-skinny mlflow
msgpack-python msgpack
mysql-connector-python mysql.connector
mysqlclient MySQLdb
netcdf4 netCDF4
nvidia-ml-py pynvml
opencv-python cv2
opencv-python-headless cv2
opencv-contrib-python cv2
opencv-contrib-python-headless cv2
opensearch-py opensearchpy
paho-mqtt paho.mqtt paho
pdfminer-six pdfminer
pillow PIL
pillow-simd PIL
protobuf google.protobuf
psycopg2-binary psycopg2
pybluez bluetooth
pycryptodome Crypto
pycryptodomex Cryptodome
pygithub github
pygobject gi
pyhumps humps
pyjwt jwt
pymongo pymongo bson gridfs
pymupdf fitz pymupdf
pynacl nacl
pyopenssl OpenSSL
pypdf2 PyPDF2
pyqt5 PyQt5
pyqt6 PyQt6
pyserial serial
pyshp shapefile
pyside6 PySide6
pysocks socks
pysqlite3-binary pysqlite3
python-dateutil dateutil
python-docx docx
python-dotenv dotenv
python-jose jose
python-json-logger pythonjsonlogger
python-ldap ldap
python-levenshtein Levenshtein
python-magic magic
python-multipart python_multipart multipart
python-pptx pptx
python-slugify slugify
python-socketio socketio
python-telegram-bot telegram
pytorch-lightning pytorch_lightning lightning
pyusb usb
pyxdg xdg
pyyaml yaml
pyzmq zmq
scikit-image skimage
scikit-learn sklearn
scikit-learn-intelex sklearnex
scikit-optimize skopt
scikit-surprise surprise
setuptools setuptools pkg_resources
snowflake-connector-python snowflake.connector
snowflake-snowpark-python snowflake.snowpark
speechrecognition speech_recognition
tensorboardx tensorboardX
tensorflow-cpu tensorflow
tensorflow-gpu tensorflow
umap-learn umap
websocket-client websocket
wxpython wx
"""
_CLOUD = "google.cloud."


def modules_of(distribution: str) -> frozenset[str]:
    """Return what the modules of a distribution may be called, judged by its name alone.

    >>> sorted(modules_of("Scikit_Learn")), sorted(modules_of("google-cloud-storage"))
    (['sklearn'], ['google.cloud.storage', 'google_cloud_storage'])
    """
    normalised = normalise_name(distribution)
    known = _modules_by_distribution().get(normalised)
    if known is not None:
        return frozenset(known)
    names = {distribution.replace("-", "_"), normalised.replace("-", "_"), normalised.replace("-", ".")}
    return frozenset(names | {re.sub(r"^python[_.]", "", name) for name in names})


def distribution_of(module: str) -> str | None:
    """Return the distribution to install for a module, found by the longest part of its dotted name.

    Returns:
        None where the table has none: then it most likely has the name of the module.

    >>> distribution_of("sklearn.svm"), distribution_of("google.protobuf.any_pb2"), distribution_of("numpy")
    ('scikit-learn', 'protobuf', None)
    """
    prefix = module
    while prefix:
        found = _distribution_by_module().get(prefix)
        if found is not None:
            return found
        prefix = prefix.rpartition(".")[0]
    if module.startswith(_CLOUD):  # the name of each of the other services is made like this
        service = module.removeprefix(_CLOUD).partition(".")[0]
        return "google-cloud-" + re.sub(r"_v\d+\w*$", "", service).replace("_", "-")
    return None


def normalise_name(name: str) -> str:
    """Return the normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def _modules_by_distribution() -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in _TABLE.strip().splitlines()}


@functools.cache
def _distribution_by_module() -> dict[str, str]:
    found: dict[str, str] = {}
    for distribution, modules in _modules_by_distribution().items():
        for module in modules:
            found.setdefault(module, distribution)  # the first one is the usual one
    return found
