"""Row 54: every port that the local server listens on, asked without a key. Nothing is read, deleted or paused."""

import socket

import grpc
import httpx
import psutil
import pytest

from schema.collection import StorageOptions, ensure_pictures, open_pictures
from server.local_server import HOST, LocalServer
from tests.colours import ColourEncoder
from tests.schema.kills import client_of
from tests.search.colour_library import Library, fill

OPEN = {("GET", "/"), ("GET", "/v1/.well-known/ready"), ("GET", "/v1/.well-known/live")}
"""They say that a Weaviate is there, and nothing else."""
RAFT_CALLS = ["/weaviate.internal.cluster.ClusterService/Query", "/weaviate.internal.cluster.ClusterService/Apply"]
CALLS = [
    "/weaviate.v1.Weaviate/Search",
    "/weaviate.v1.Weaviate/Aggregate",
    "/weaviate.v1.Weaviate/BatchDelete",
    "/weaviate.v1.Weaviate/BatchObjects",
    "/weaviate.v1.Weaviate/TenantsGet",
    "/weaviate.v1.FileReplicationService/PauseFileActivity",
    "/weaviate.v1.FileReplicationService/ListFiles",
    *RAFT_CALLS,
]


@pytest.fixture(scope="module")
def stored(own_server: LocalServer) -> Library:
    encoder = ColourEncoder()
    with client_of(own_server) as client:
        return fill(ensure_pictures(client, encoder.identity, StorageOptions()), encoder)


def listening(server: LocalServer) -> list[tuple[str, int]]:
    """(address, port) of every socket on which the server accepts connections."""
    running = server.running()
    assert running is not None
    found = psutil.Process(running.process.pid).net_connections(kind="tcp")
    return [(one.laddr.ip, one.laddr.port) for one in found if one.status == psutil.CONN_LISTEN]


def addresses() -> list[str]:
    """Loopback, and each other address of this machine by which another one could ask."""
    found = {
        one.address
        for interface in psutil.net_if_addrs().values()
        for one in interface
        if one.family in (socket.AF_INET, socket.AF_INET6) and not one.address.startswith(("127.", "fe80", "::1"))
    }
    return [HOST, *sorted(found)]


def host_of(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def accepts(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def data_port(server: LocalServer) -> int:
    running = server.running()
    assert running is not None
    return int(psutil.Process(running.process.pid).environ()["CLUSTER_DATA_BIND_PORT"])


def shard_of(server: LocalServer, library: Library) -> str:
    with client_of(server) as client:
        return client.cluster.nodes(library.pictures.name, output="verbose")[0].shards[0].name


def questions(library: Library, shard: str) -> list[tuple[str, str]]:
    """Of the cluster's data port (GET and DELETE of a picture first), and of the port for everybody."""
    uuids = [str(uuid) for uuid in list(library.records)[:2]]
    name = library.pictures.name
    inside = f"/indices/{name}/shards/{shard}"
    return [
        ("GET", f"{inside}/objects/{uuids[0]}?additional=e30=&selectProperties=W10="),
        ("DELETE", f"{inside}/objects/{uuids[1]}"),
        ("GET", f"{inside}/objects"),
        ("DELETE", f"{inside}/objects"),
        ("POST", f"{inside}/objects"),
        ("POST", f"{inside}/objects/_search"),
        ("POST", f"{inside}/objects/_find"),
        ("POST", f"{inside}/objects/_aggregations"),
        ("GET", f"{inside}/status"),
        ("PUT", f"{inside}/status"),
        ("GET", f"{inside}/queuesize"),
        ("GET", f"{inside}/files/x"),
        ("POST", f"{inside}/background:pause"),
        ("POST", f"{inside}/background:list"),
        ("PUT", f"{inside}:reinit"),
        ("DELETE", f"/replicas/indices/{name}/shards/{shard}/objects/{uuids[1]}"),
        ("GET", f"/replicas/indices/{name}/shards/{shard}/objects/{uuids[0]}"),
        ("GET", "/nodes/status"),
        ("GET", "/nodes/statistics"),
        ("POST", "/backups/can-commit"),
        ("GET", "/cluster/users/db/list"),
        ("POST", "/cluster/object_ttl/delete_expired"),
        ("POST", "/classifications/transactions/x"),
        ("GET", "/v1/meta"),
        ("GET", "/v1/schema"),
        ("GET", "/v1/nodes"),
        ("GET", f"/v1/objects/{name}/{uuids[0]}"),
        ("DELETE", f"/v1/objects/{name}/{uuids[1]}"),
        ("DELETE", f"/v1/schema/{name}"),
        ("POST", "/v1/graphql"),
        ("POST", "/v1/backups/filesystem"),
        ("GET", "/debug/pprof/"),
        ("GET", "/metrics"),
        *OPEN,
    ]


def answer(address: str, port: int, method: str, path: str, **more: object) -> int | None:
    """The status; None where nobody speaks HTTP."""
    url = f"http://{host_of(address)}:{port}{path}"
    try:
        return httpx.request(method, url, timeout=5, trust_env=False, **more).status_code  # type: ignore[arg-type]
    except httpx.HTTPError:
        return None


def called(address: str, port: int, method: str) -> grpc.StatusCode:
    """The status of a gRPC call with an empty message."""
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"{host_of(address)}:{port}", options) as channel:
        try:
            channel.unary_unary(method, lambda data: data, lambda data: data)(b"", timeout=5)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def test_the_questions_are_real_ones(own_server: LocalServer, stored: Library) -> None:
    """With the password the data port gives the picture that it is asked for, so that a refusal means something."""
    auth = ("loupe", own_server.api_key())
    method, path = questions(stored, shard_of(own_server, stored))[0]
    assert answer(HOST, data_port(own_server), method, path, auth=auth) == 200


@pytest.mark.parametrize("address", addresses())
def test_row_54_no_port_answers_without_a_key(own_server: LocalServer, stored: Library, address: str) -> None:
    """401 or refused, in HTTP and in gRPC; every picture is there afterwards."""
    ports = [port for ip, port in listening(own_server)]
    assert len(ports) >= 4
    asked = questions(stored, shard_of(own_server, stored))
    refused = 0
    for port in ports:
        if not accepts(address, port):
            continue
        for method, path in asked:
            status = answer(address, port, method, path)
            public = (method, path) in OPEN and status in (200, 301)
            assert public or status in (None, 401, 404, 405), f"{method} {path} on port {port}: {status}"
            refused += status == 401
        for call in CALLS:
            code = called(address, port, call)
            if address == HOST and call in RAFT_CALLS:
                continue  # asks for no password in any version; see the next test
            assert code not in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), f"{call} on port {port}: {code}"
    assert refused >= 20, "the data port was not met"
    with client_of(own_server) as client:
        assert open_pictures(client).collection.aggregate.over_all(total_count=True).total_count == len(stored.records)


def test_row_54_gossip_and_raft_listen_on_this_machine_alone(own_server: LocalServer) -> None:
    """They ask for no password, in no version. Only gRPC and the data port listen on all interfaces, and both ask."""
    running = own_server.running()
    assert running is not None
    everywhere = {port for ip, port in listening(own_server) if ip != HOST}
    assert everywhere <= {running.grpc_port, data_port(own_server)}
    for address in addresses()[1:]:
        assert {port for _, port in listening(own_server) if accepts(address, port)} <= everywhere


UNLOCKED = {
    "/v1/cluster/join": {"node": "loupe", "voter": False},
    "/v1/cluster/remove": {"node": "loupe"},
    "/backups/commit": {"Method": "create", "ID": "x", "Backend": "filesystem"},
    "/backups/abort": {"Method": "create", "ID": "x", "Backend": "filesystem"},
    "/backups/status": {"Method": "create", "ID": "x", "Backend": "filesystem"},
}
"""Of the data port; 1.35.2 asks for no password here (1.40 does, for the first two). One node can neither be
removed nor be given another place, and a backup is only prepared with the password."""


def test_the_unlocked_paths_of_the_data_port_change_nothing(own_server: LocalServer, stored: Library) -> None:
    """The library is there, also after a restart."""
    for path, body in UNLOCKED.items():
        said = httpx.post(f"http://{HOST}:{data_port(own_server)}{path}", json=body, timeout=20, trust_env=False).text
        assert stored.pictures.name not in said
    own_server.stop()
    own_server.start()
    with client_of(own_server) as client:
        assert open_pictures(client).collection.aggregate.over_all(total_count=True).total_count == len(stored.records)
