import pytest

from foundations.package_names import distribution_of, modules_of


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        *(("yaml", "pyyaml"), ("sklearn.svm", "scikit-learn"), ("cv2", "opencv-python"), ("PIL.Image", "pillow")),
        *(("bs4", "beautifulsoup4"), ("skimage.io", "scikit-image"), ("dateutil.parser", "python-dateutil")),
        *(("dotenv", "python-dotenv"), ("jwt", "pyjwt"), ("Crypto.Cipher", "pycryptodome"), ("serial", "pyserial")),
        *(("usb.core", "pyusb"), ("git", "gitpython"), ("docx", "python-docx"), ("pptx", "python-pptx")),
        *(("fitz", "pymupdf"), ("OpenSSL", "pyopenssl"), ("MySQLdb", "mysqlclient"), ("psycopg2", "psycopg2-binary")),
        *(("attr", "attrs"), ("google.protobuf", "protobuf"), ("google.cloud.storage", "google-cloud-storage")),
        *(
            ("google.cloud.bigquery_v2.types", "google-cloud-bigquery"),
            ("google.oauth2.service_account", "google-auth"),
        ),
        *(("google.cloud.video_live", "google-cloud-video-live"), ("google.cloud", None), ("google", None)),
        *(("numpy", None), ("yamlette", None), ("", None)),
    ],
)
def test_the_longest_part_of_a_modules_name_names_its_distribution(module, distribution):
    assert distribution == distribution_of(module)


@pytest.mark.parametrize(
    ("distribution", "module"),
    [
        *(("PyYAML", "yaml"), ("Pillow", "PIL"), ("scikit_learn", "sklearn"), ("python-Levenshtein", "Levenshtein")),
        *(("ruamel.yaml", "ruamel.yaml"), ("typing-extensions", "typing_extensions"), ("python-box", "box")),
    ],
)
def test_a_distribution_names_its_modules(distribution, module):
    assert module in modules_of(distribution)
