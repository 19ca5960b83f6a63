import base64
import json
import random
import time
from urllib.parse import quote, quote_plus

import pytest

from roofprof.profiler.run.secrets import collect_secrets
from roofprof.profiler.run.values import find_values

PASSWORD = 'pä/s "w0rd+x'
FORMS = {
    "as it is": PASSWORD,
    "other case": "S3CRET-VALUE",
    "base64": base64.b64encode(PASSWORD.encode()).decode(),
    "urlsafe base64": base64.urlsafe_b64encode(b"\xff\xfe" + PASSWORD.encode()).decode(),
    "Authorization: Basic": base64.b64encode(f"jane:{PASSWORD}".encode()).decode(),
    "behind two bytes": base64.b64encode(b"ab" + PASSWORD.encode() + b"cd").decode(),
    "hex": PASSWORD.encode().hex().upper(),
    "URL": f"https://jane:{quote(PASSWORD, safe='')}@example.com",
    "form": quote_plus(PASSWORD),
    "JSON": json.dumps({"password": PASSWORD}),
    "JSON, slashes": json.dumps(PASSWORD).replace("/", "\\/"),
    "Python": repr({"password": PASSWORD}),
}
ENVIRONMENT = {"DB_PASSWORD": PASSWORD, "MY_SECRET": "s3cret-value", "API_KEY": "q7z", "MODE": "q7w"}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(form: str) -> None:
    text = f"before {FORMS[form]} after"
    scrubbed = collect_secrets([], ENVIRONMENT).scrub(text)
    left = [part for part in (PASSWORD, FORMS[form], "w0rd", "S3CRET") if part in scrubbed]
    assert not left
    assert scrubbed.startswith("before ")
    assert scrubbed.endswith(" after")
    assert "xxxxxxxx" in scrubbed


@pytest.mark.parametrize("name", ["API_KEY", "HF_TOKEN", "PASSWORD", "client_secret", "AWS_CREDENTIALS"])
def test_three_characters_under_a_telling_name_are_a_secret(name: str) -> None:
    secrets = collect_secrets([], {name: "q7z", "MODE": "q7w"})
    assert secrets.scrub("key=q7z Q7Z q7w q7zz") == "key=xxx xxx q7w q7zz"
    assert secrets.scrub_data({"q7z": ["q7z"]}) == {"xxx": ["xxx"]}


def test_a_base64_neighbour_stays_whole() -> None:
    word = base64.b64encode(b"nothing of that kind in here").decode()
    assert collect_secrets([], ENVIRONMENT).scrub(word) == word


def test_values_of_any_kind_are_found_where_they_stand() -> None:
    rng = random.Random(5)
    letters = "abcAB/.-_$ é"
    values = ["".join(rng.choices(letters, k=rng.randint(1, 14))) for _ in range(300)]
    values += ["a" * n for n in range(8, 40)]
    found = find_values(values)
    for value in values:
        text = f"({value})".encode()
        assert b"x" in found.overwrite(text)
        if len(value.encode()) >= 8:
            assert found.overwrite(b"q" + value.encode() + b"q") == b"q" + b"x" * len(value.encode()) + b"q"


def test_hundreds_of_values_are_looked_for_at_once() -> None:
    secrets = collect_secrets([], {f"VARIABLE_{n}": f"/opt/thing{n}/lib/{n * 7919:x}-value" for n in range(300)})
    text = '==PROF== Profiling "void gemm_kernel<float>(int)" - 17: 0%....50%....100% - 1 pass\n' * 10_000
    started = time.process_time()
    assert secrets.scrub(text) == text
    assert time.process_time() - started < 5  # usually 0.2 s
