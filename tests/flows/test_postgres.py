"""A run whose Prefect server keeps its state in a real PostgreSQL, started and stopped here."""

import json
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from flows.prefect_settings import free_port
from tests.flows.corpora import write_corpus

MILL = Path(sys.executable).with_name("mill")
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # where Debian puts them
OLDEST = 14  # Prefect's documentation: PostgreSQL 14.9 or newer

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


def _programs() -> Path:
    fit = [one for one in PROGRAMS if int(one.parent.name) >= OLDEST]
    if not fit:
        pytest.skip(f"no PostgreSQL {OLDEST} or newer in /usr/lib/postgresql")
    return fit[-1]


@pytest.fixture
def postgres():
    """A cluster of its own on the loopback interface: (address for SQLAlchemy, psql's options)."""
    programs = _programs()
    port = free_port(0)
    user: dict[str, object] = {}
    # Not below pytest's folder: that one is closed to the user whom PostgreSQL runs as.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)

        def call(program, *options):
            command = [programs / program, "-D", folder / "data", *options]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, **user)

        call("initdb", "-U", "mill", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        call("pg_ctl", "-w", "-l", folder / "log", "-o", options, "start")
        psql = [programs / "psql", "-h", "127.0.0.1", "-p", str(port), "-U", "mill", "-At"]
        try:
            yield f"postgresql+asyncpg://mill@127.0.0.1:{port}/postgres", [*psql, "postgres"]
        finally:
            call("pg_ctl", "-m", "immediate", "stop")


def test_a_run_is_kept_in_postgresql(postgres, tmp_path):
    address, psql = postgres
    recipe = write_corpus(tmp_path / "corpus", documents=60)
    surroundings = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    done = subprocess.run(
        [MILL, "run", recipe, "--warehouse", tmp_path / "warehouse", "--json"],
        env=surroundings | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout.splitlines()[-1])["dataset"]
    query = "select name, state_type from flow_run"
    rows = subprocess.run([*psql, "-c", query], capture_output=True, text=True, check=True).stdout
    assert rows.strip() == f"corpus@{made['version']} refresh|COMPLETED"
    assert not list((tmp_path / "warehouse" / "prefect").glob("*.db"))
