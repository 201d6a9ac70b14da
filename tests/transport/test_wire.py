"""What anybody may ask, what lies below our rooms, and where the service listens."""

import asyncio
import base64
import datetime as dt
import ipaddress
import socket
import struct

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_rooms import COMMIT, QUOTE, SECRET, auth, open_house, refused
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from wallet.v1 import checkout_pb2_grpc

from wallet_service.runtime.errors import ConfigError, StartError
from wallet_service.transport.address import Binding, check, claim_port
from wallet_service.transport.auth import Authenticator, TokenPolicy
from wallet_service.transport.keys import KeyRing
from wallet_service.transport.server import GrpcServer
from wallet_service.transport.tls import TlsFiles, server_credentials

SERVICES = ["", "wallet.v1.CheckoutService", "wallet.v1.WalletService", "wallet.v1.AdminService"]


@pytest.mark.parametrize("service", SERVICES)
async def test_health_of_each_service_needs_no_token(house, service):
    stub = health_pb2_grpc.HealthStub(house.channel)
    request = health_pb2.HealthCheckRequest(service=service)
    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
    await house.server.report_health(serving=False, services=[service])
    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_reflection_needs_no_token_and_lists_the_services(house):
    stub = reflection_pb2_grpc.ServerReflectionStub(house.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = stub.ServerReflectionInfo(iter([request]))
    answer = await call.read()
    names = {service.name for service in answer.list_services_response.service}
    assert names >= {*SERVICES[1:], "grpc.health.v1.Health"}


async def test_an_unknown_method_is_unimplemented(house):
    status, _, _, _ = await refused(house.channel.unary_unary("/wallet.v1.CheckoutService/Steal")(b""))
    assert status == "UNIMPLEMENTED"


def literal(name, value):
    """A header as HPACK writes it without any table or code: for what no client library would send."""
    return b"\x00" + b"".join(length(part) + part for part in (name, value))


def length(part):
    """A length as HPACK writes it in seven bits and continuation bytes."""
    if len(part) < 127:
        return bytes([len(part)])
    rest, written = len(part) - 127, [127]
    while rest >= 128:
        written.append(rest % 128 + 128)
        rest //= 128
    return bytes([*written, rest])


async def send_raw(address, *extra):
    """Send one Quote with hand-made headers; return the bytes that come back until the stream ends."""
    headers = b"".join(
        literal(*pair)
        for pair in (
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", b"/wallet.v1.CheckoutService/Quote"),
            (b":authority", b"localhost"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
            *extra,
        )
    )
    body = QUOTE.SerializeToString()
    data = b"\x00" + struct.pack(">I", len(body)) + body

    def frame(kind, flags, stream, payload):
        return (
            struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload
        )

    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
    writer.write(frame(1, 4, 1, headers) + frame(0, 1, 1, data))
    received = []
    async with asyncio.timeout(5):
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            received.append((kind, payload))
            if (stream == 1 and (kind == 3 or flags & 1)) or kind == 7:
                break
    writer.close()
    return received


async def test_the_hand_made_call_is_otherwise_an_ordinary_one(house):
    [(_, authorization)] = auth("checkout.quote")
    await send_raw(house.address, (b"authorization", authorization.encode()))
    assert house.checkout_rooms.calls[0][0] == QUOTE


@pytest.mark.parametrize("name", [b"x-junk-bin", b"grpc-trace-bin", b"grpc-tags-bin", b"authorization-bin"])
@pytest.mark.parametrize("value", [b"!!!! not base64 !!!!", b"=", b"A", b"\x01\x02\xff"])
async def test_bad_binary_metadata_neither_passes_nor_harms(house, name, value):
    frames = await send_raw(house.address, (name, value))
    assert frames[-1][0] in {1, 3, 7}
    assert house.checkout_rooms.calls == []
    await house.checkout.Quote(QUOTE, metadata=auth())


async def test_binary_metadata_that_is_sound_is_ignored(house):
    junk = (("x-junk-bin", b"\x00\xff" * 50), ("authorization-bin", b"Bearer x"))
    await house.checkout.Quote(QUOTE, metadata=(*auth(), *junk))
    assert (await refused(house.checkout.Quote(QUOTE, metadata=junk)))[1] == "TOKEN_MISSING"


# Where it listens


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "wallet.example"])
def test_plain_text_beyond_loopback_is_refused_in_one_line(host):
    with pytest.raises(ConfigError, match="without TLS is refused") as caught:
        check(Binding(host=host))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "binding", [Binding(), Binding(host="localhost"), Binding(host="0.0.0.0", insecure_bind=True)]
)
def test_loopback_or_a_clear_word_may_be_plain_text(binding):
    check(binding)


async def test_a_busy_port_is_one_clear_line(house, open_with, capfd):
    port = int(house.address.rpartition(":")[2])
    with pytest.raises(StartError, match=f"127.0.0.1:{port} is already in use") as caught:
        await open_with(binding=Binding(port=port))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


async def test_workers_share_a_claimed_port_that_nobody_else_can_claim(open_with):
    with claim_port("127.0.0.1", 0) as port:
        first = await open_with(binding=Binding(port=port, shared=True))
        second = await open_with(binding=Binding(port=port, shared=True))
        assert first.address == second.address == f"127.0.0.1:{port}"
        with pytest.raises(StartError, match="already in use"), claim_port("127.0.0.1", port):
            pass
        await first.checkout.Quote(QUOTE, metadata=auth())


def test_an_address_that_is_not_ours_is_one_clear_line():
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1"), claim_port("192.0.2.1", 0):
        pass


def test_ipv6_is_written_in_brackets():
    assert Binding(host="::1", port=7).address == Binding(host="[::1]", port=7).address == "[::1]:7"


async def test_it_listens_on_ipv6_where_there_is_one(open_with):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    house = await open_with(binding=Binding(host="::1"))
    await house.checkout.Quote(QUOTE, metadata=auth())


# TLS


class Authority:
    """A certificate authority of the test."""

    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, is_authority=True)

    def _sign(self, subject, key, *, is_authority):
        now = dt.datetime.now(dt.UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name):
        """Return (certificate, key) as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, is_authority=False)
        return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def write_pair(folder, pair):
    (folder / "tls.crt").write_bytes(pair[0])
    (folder / "tls.key").write_bytes(pair[1])


def tls_files(folder, pair, client_ca=None):
    write_pair(folder, pair)
    if client_ca is not None:
        (folder / "ca.crt").write_bytes(client_ca)
    return TlsFiles(
        certificate=folder / "tls.crt",
        key=folder / "tls.key",
        client_ca=None if client_ca is None else folder / "ca.crt",
    )


async def quote_over_tls(address, trusted, client_pair=None):
    certificate, key = client_pair or (None, None)
    credentials = grpc.ssl_channel_credentials(trusted, key, certificate)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        stub = checkout_pb2_grpc.CheckoutServiceStub(channel)
        return await stub.Quote(QUOTE, metadata=auth(), timeout=5)


async def test_tls_is_spoken_and_a_renewed_certificate_needs_no_restart(open_with, tmp_path):
    old, new = Authority("old"), Authority("new")
    binding = Binding(tls=tls_files(tmp_path, old.issue("wallet")))
    house = await open_with(binding=binding)
    await quote_over_tls(house.address, old.pem)
    with pytest.raises(grpc.aio.AioRpcError):
        await quote_over_tls(house.address, new.pem)
    assert (await refused(house.checkout.Quote(QUOTE, metadata=auth(), timeout=2)))[0] == "UNAVAILABLE"

    (tmp_path / "tls.crt").write_text("half a renewal")
    await quote_over_tls(house.address, old.pem)
    write_pair(tmp_path, new.issue("wallet"))
    await quote_over_tls(house.address, new.pem)


async def test_a_server_that_could_not_start_can_still_be_drained(tmp_path):
    files = tls_files(tmp_path, (b"nonsense", b"nonsense"))
    keys = Authenticator(KeyRing(hs256_secret=SECRET), TokenPolicy())
    server = GrpcServer(hosted=[], authenticator=keys, binding=Binding(tls=files))
    with pytest.raises(ConfigError):
        await server.start()
    async with asyncio.timeout(1):
        assert await server.drain(10)


async def test_mutual_tls_admits_only_clients_of_its_authority(open_with, tmp_path):
    ours, theirs = Authority("ours"), Authority("theirs")
    files = tls_files(tmp_path, ours.issue("wallet"), client_ca=ours.pem)
    house = await open_with(binding=Binding(tls=files))
    await quote_over_tls(house.address, ours.pem, ours.issue("checkout"))
    for pair in (None, theirs.issue("checkout")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await quote_over_tls(house.address, ours.pem, pair)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_tls_files_that_do_not_fit_are_one_clear_line(tmp_path):
    pair, other = Authority("a").issue("wallet"), Authority("b").issue("wallet")
    unfit = [(pair[0], other[1]), (b"nonsense", pair[1]), (pair[0], b"nonsense"), (b"", b"")]
    for broken in unfit:
        with pytest.raises(ConfigError, match="TLS files cannot be used") as caught:
            server_credentials(tls_files(tmp_path, broken))
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        server_credentials(tls_files(tmp_path, pair, client_ca=b"nonsense"))


async def test_a_client_without_tls_or_http2_harms_nobody(house):
    host, port = house.address.split(":")
    for noise in (b"GET / HTTP/1.1\r\n\r\n", base64.b64encode(b"x" * 3_000), b""):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(noise)
        await writer.drain()
        writer.close()
    await house.checkout.Commit(COMMIT, metadata=auth())


async def test_more_methods_do_not_make_every_call_dearer():
    # The host keeps a task in wait for each method that is registered with it, and looks at all of them for each call.
    idle = len(asyncio.all_tasks())
    another = await open_house()
    try:
        assert len(asyncio.all_tasks()) - idle <= 2
    finally:
        await another.close()
