"""Calls to a member's REST API with all that a client can bring: body, user, certificates."""
import base64
import http.client
import json
import ssl
import subprocess

from . import openapi
from .processes import give


class Certificates:
    """A CA with a server and a client certificate, in `directory`, readable for the members."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self._openssl("req", "-x509", *self._key("ca"), "-subj", "/CN=test ca", "-out", "ca.crt", "-days", "2")
        self.make("server")
        self.make("client")
        give(directory)

    def path(self, name):
        return str(self.directory / name)

    def make(self, name, *, address="127.0.0.1"):
        """A new key and certificate under the same names."""
        self._openssl("req", *self._key(name), "-subj", f"/CN={name}", "-out", f"{name}.csr",
                      "-addext", f"subjectAltName=IP:{address}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                      "-copy_extensions", "copy", "-days", "2", "-out", f"{name}.crt")
        for file in self.directory.iterdir():
            give(file)

    @staticmethod
    def _key(name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

    def context(self, client=None):
        context = ssl.create_default_context(cafile=self.path("ca.crt"))
        if client:
            context.load_cert_chain(self.path(f"{client}.crt"), self.path(f"{client}.key"))
        return context


class Answer:
    def __init__(self, response, certificate=None):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode(errors="replace")
        self.certificate = certificate

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f"{self.status} {self.text}"


def call(member, method, path, body=None, *, user=None, tls=None, timeout=10, headers=None):
    """`body`: text as it is, anything else as JSON; `user`: (name, password); `tls`: an ssl context. Raises OSError
    when there is no answer, AssertionError when it is not as docs/openapi.json describes it."""
    if tls:
        connection = http.client.HTTPSConnection(member.host, member.rest_port, timeout=timeout, context=tls)
    else:
        connection = http.client.HTTPConnection(member.host, member.rest_port, timeout=timeout)
    headers = dict(headers or {})
    if user:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        certificate = connection.sock.getpeercert() if tls and connection.sock else None
        answer = Answer(response, certificate)
        openapi.check(method, path, answer.status, answer.headers["Content-Type"], answer.text)
        return answer
    finally:
        connection.close()
