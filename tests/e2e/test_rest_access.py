"""Who may change something over REST: addresses, client certificates, passwords, all of them changed by a reload."""
import http.client
import ssl
import subprocess

import pytest
import yaml

from harness.cluster import Cluster
from harness.member import tanistctl
from harness.ports import free_port
from harness.processes import end, give, spawn, wait_until
from harness.rest import Certificates, call

pytestmark = pytest.mark.xdist_group("rest_access")  # one cluster for what can share it

USER = ("admin", "s:cret")


@pytest.fixture(scope="module")
def one_member():
    cluster = Cluster(members=("m1",))
    try:
        cluster.start_store()
        cluster["m1"].start()
        cluster.wait_for_leader()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def lone(one_member):
    """A member with nothing but an address in its section."""
    m1 = one_member["m1"]
    reload(m1, **{key: None for key in m1.configuration["restapi"] if key not in ("listen", "connect_address")})
    return one_member


def reload(member, **restapi):
    """Changes the section, and waits until the daemon has it."""
    after = len(member.log())
    member.write_configuration(restapi=restapi)
    member.reload()
    member.wait_for_log("Reloading PostgreSQL configuration.", 10, after=after)


def refused_handshake(member, context):
    """Why the client refuses the member's certificate; empty: it does not."""
    try:
        call(member, "GET", "/primary", tls=context)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return ""


def soon(what, condition):
    return wait_until(what, condition, 5, interval=0.02)


def test_passwords_and_addresses(lone):
    m1 = lone["m1"]
    change = {"postgresql": {"parameters": {"work_mem": "5MB"}}}
    assert call(m1, "PATCH", "/config", change).status == 200

    reload(m1, authentication={"username": USER[0], "password": USER[1]}, http_extra_headers={"X-Site": "north"},
           server_tokens="productonly")
    soon("a password to be asked for", lambda: call(m1, "PATCH", "/config", change).status == 401)
    answer = call(m1, "PATCH", "/config", change)
    assert answer.text == "no auth header received"
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Patroni"'
    assert call(m1, "POST", "/reload", user=(USER[0], "wrong")).text == "not authenticated"
    assert call(m1, "PATCH", "/config", change, user=USER).status == 200
    answer = call(m1, "GET", "/primary")
    assert answer.status == 200 and answer.headers["X-Site"] == "north" and answer.headers["Server"] == "Patroni"

    # tanistctl shows the password of its configuration.
    assert tanistctl(m1, "reload", lone.scope, "--force").stdout.splitlines()[-1] == (
        "Reload request received for member m1 and will be processed within 2 seconds")

    for allowlist, status in [(["192.0.2.0/24", "10.0.0.1/99"], 403), ("192.0.2.1", 403), (["127.0.0.9/8"], 202),
                              (["no-such-host.invalid"], 403), (["localhost"], 202)]:
        reload(m1, allowlist=allowlist)
        soon(f"{status} for {allowlist}", lambda: call(m1, "POST", "/reload", user=USER).status == status)
    assert call(m1, "POST", "/reload").status == 401, "the address is right, the password is still asked for"
    reload(m1, allowlist=["192.0.2.1"])
    soon("nobody", lambda: call(m1, "POST", "/reload", user=USER).text == "Access is denied")
    reload(m1, allowlist_include_members=True)
    soon("members", lambda: call(m1, "POST", "/reload", user=USER).status == 202)
    assert call(m1, "GET", "/primary").status == 200
    assert USER[1] not in m1.log()


def test_tls_comes_and_changes_by_reload(lone):
    m1, files = lone["m1"], Certificates(lone.directory / "tls")
    section = {"certfile": files.path("server.crt"), "keyfile": files.path("server.key"),
               "cafile": files.path("ca.crt"), "verify_client": "optional",
               "https_extra_headers": {"Strict-Transport-Security": "max-age=60"}}
    reload(m1, **section)
    anybody, client = files.context(), files.context("client")

    def https(method="GET", path="/primary", tls=None):
        try:
            return call(m1, method, path, tls=tls or anybody)
        except OSError:
            return None

    soon("https", lambda: https())
    assert https().status == 200 and https().headers["Strict-Transport-Security"] == "max-age=60"
    assert https("POST", "/reload").text == "client certificate required"
    assert https("POST", "/reload", client).status == 202
    soon("the new api_url", lambda: "https://" in lone.etcd.get(lone.key("members/m1")))

    # A broken certificate is refused, and the one before goes on.
    (files.directory / "server.crt").write_text("nothing\n")
    after = len(m1.log())
    m1.reload()
    m1.wait_for_log(r"cannot use certificate file .*server\.crt: .*keep serving", after=after)
    assert https().status == 200
    # A new one under the same name serves without another socket.
    files.make("server", address="127.0.0.2")
    m1.reload()
    soon("the new certificate", lambda: "127.0.0.1" in refused_handshake(m1, anybody))
    files.make("server")
    m1.reload()
    soon("the third certificate", lambda: https())

    m1.write_configuration(ctl={"cacert": files.path("ca.crt"), "certfile": files.path("client.crt"),
                                "keyfile": files.path("client.key")})
    done = tanistctl(m1, "reload", lone.scope, "--force")
    assert "Reload request received for member m1" in done.stdout, done
    reload(m1, verify_client="required")
    soon("a handshake without certificate to fail", lambda: https() is None)
    assert https(tls=client).status == 200

    # Somebody of that name who cannot even shake hands is not mistaken for nobody.
    configuration = {**m1.configuration, "ctl": {}, "restapi": {"listen": f"127.0.0.1:{free_port()}"}}
    configuration["postgresql"] = {**m1.configuration["postgresql"], "data_dir": str(lone.directory / "twin"),
                                   "listen": f"127.0.0.1:{free_port()}"}
    file = lone.directory / "twin.yml"
    file.write_text(yaml.safe_dump(configuration))
    give(file)
    log = lone.directory / "twin.log"
    twin = spawn([m1.bin_dir / "tanist", file], log, cwd=lone.directory)
    try:
        assert twin.wait(10) == 1
        assert "Can't start; there is already a node named 'm1' running" in log.read_text()
    finally:
        end(twin)


def s_client(member, *options, request="GET /primary HTTP/1.0\r\n\r\n"):
    """What openssl says of a handshake, with the answer to a request behind it."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"{member.host}:{member.rest_port}", "-ign_eof", *options],
                          input=request, capture_output=True, text=True, timeout=10)
    return done.stdout + done.stderr


def test_handshakes_by_the_mode_of_client_certificates(lone):
    """openssl itself as the client: versions, ciphers, who is asked for a certificate and who has to show one."""
    m1 = lone["m1"]
    files = Certificates(lone.directory / "tls_modes")
    ca, client = ["-CAfile", files.path("ca.crt")], ["-cert", files.path("client.crt"), "-key", files.path("client.key")]
    section = {"certfile": files.path("server.crt"), "keyfile": files.path("server.key"), "cafile": files.path("ca.crt"),
               "ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"}
    # The name of the mode counts in any case (rest-api.md §1).
    for mode, asked, anybody, reload_without in [("none", False, True, 202), ("Optional", True, True, 403),
                                                 ("REQUIRED", True, False, None)]:
        reload(m1, **section, verify_client=mode)
        soon(f"mode {mode}", lambda: ("Acceptable client certificate CA names" in s_client(m1, *ca)) == asked and
             ("HTTP/1.1 200" in s_client(m1, *ca)) == anybody)
        said = s_client(m1, *ca, *client)
        assert "Verify return code: 0 (ok)" in said and "HTTP/1.1 200 OK" in said, said
        assert "TLSv1.3" in said
        post = "POST /reload HTTP/1.0\r\nContent-Length: 0\r\n\r\n"
        assert "HTTP/1.1 202" in s_client(m1, *ca, *client, request=post)
        without = s_client(m1, *ca, request=post)
        assert (f"HTTP/1.1 {reload_without}" in without) if reload_without else "HTTP/1.1" not in without, without
        # A certificate of somebody else's CA is none.
        stranger = ["-cert", files.path("stranger.crt"), "-key", files.path("stranger.key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=stranger", "-keyout", files.path("stranger.key"), "-out", files.path("stranger.crt")],
                       check=True, capture_output=True)
        assert ("HTTP/1.1 200" in s_client(m1, *ca, *stranger)) == (mode == "none")
    said = s_client(m1, *ca, *client, "-tls1_2")
    assert "ECDHE-ECDSA-AES256-GCM-SHA384" in said and "HTTP/1.1 200" in said, said
    assert "HTTP/1.1" not in s_client(m1, *ca, *client, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "HTTP/1.1" not in s_client(m1, *ca, *client, "-tls1_1")


def test_a_renewed_certificate_drops_no_connection(lone):
    """Clients that keep their connection and ask all the time while the certificate is renewed by SIGHUP, again and again."""
    m1 = lone["m1"]
    files = Certificates(lone.directory / "tls_renewed")
    reload(m1, certfile=files.path("server.crt"), keyfile=files.path("server.key"))
    soon("https", lambda: not refused_handshake(m1, files.context()) or None)
    connection = http.client.HTTPSConnection(m1.host, m1.rest_port, timeout=10, context=files.context())
    serials, dropped = set(), []
    for _ in range(5):
        for asked in range(20):
            if asked == 5:
                files.make("server")
                after = len(m1.log())
                m1.reload()
                m1.wait_for_log("serving with the certificate", after=after)
            try:
                connection.request("POST", "/sigterm", headers={"Content-Length": "0"})
                serials.add(connection.sock.getpeercert()["serialNumber"])
                answer = connection.getresponse()
                answer.read()
                if answer.status != 202:
                    dropped.append(answer.status)
            except OSError as error:
                dropped.append(error)
    connection.close()
    assert not dropped
    assert len(serials) == 6, "each certificate was served"


def test_members_talk_over_tls_with_certificates(new_cluster):
    cluster = new_cluster().start_store()
    files = Certificates(cluster.directory / "tls")
    for member in cluster:
        member.start()
    primary = cluster.wait_for_leader()
    cluster.wait_for_streaming()
    for member in cluster:
        member.write_configuration(
            restapi={"certfile": files.path("server.crt"), "keyfile": files.path("server.key"),
                     "cafile": files.path("ca.crt"), "verify_client": "required"},
            ctl={"certfile": files.path("client.crt"), "keyfile": files.path("client.key"),
                 "cacert": files.path("ca.crt")})
        member.reload()
    soon("https everywhere", lambda: all("https://" in cluster.etcd.get(cluster.key(f"members/{m.name}"))
                                         for m in cluster))
    primary.terminate()
    others = [m for m in cluster if m is not primary]
    new = wait_until("another leader", lambda: next((m for m in others if cluster.leader_key() == m.name), None), 15)
    wait_until("it accepts writes", lambda: not new.value("SELECT pg_is_in_recovery()"), 10)
    assert call(new, "GET", "/primary", tls=files.context("client")).status == 200
    asked = "".join(m.log() for m in others)
    assert "Got response from" in asked and "https://127.0.0.1" in asked
