"""The modelled shell: commands, scripts, files and prompts of a simulated container."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cri.streams import STDERR, STDOUT, StreamOptions, TerminalSize
from engine.simulation.console.desk import Machine
from engine.simulation.console.files import Files
from engine.simulation.console.grammar import parse
from engine.simulation.console.script import ScriptError
from engine.simulation.console.session import Session
from engine.simulation.storage import Tree


class Client:
    """A client that has typed everything already."""

    def __init__(self, typed: bytes = b"") -> None:
        self._typed = [typed] if typed else []
        self.out, self.err = b"", b""

    async def read(self) -> bytes:
        """What was typed, once."""
        return self._typed.pop() if self._typed else b""

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        """Keep what is shown."""
        if stream == STDERR:
            self.err += data
        else:
            self.out += data

    async def resized(self) -> TerminalSize | None:
        """Never."""
        return None


def make_session(client: Client, *command: str, tty: bool = False) -> Session:
    """A session in a container with a config file."""
    files = Files(read_only=("/config",))
    for folder in ("/tmp", "/etc"):
        files.make_folder(folder)
    files.write("/config/key", b"value\n")

    async def no_time(_seconds: float) -> None:
        return

    machine = Machine(
        files=files,
        env={"HOSTNAME": "web", "COLOR": "red"},
        hostname="web",
        processes=("server",),
        working_dir="",
        now=lambda: 0.0,
        sleep=no_time,
        kill=lambda _: None,
    )
    return Session(machine, client, StreamOptions(command=command, stdout=True, tty=tty))


@pytest.mark.parametrize(
    ("script", "code", "out"),
    [
        ("echo $COLOR; exit 3", 3, "red\n"),
        ("echo '$COLOR' \"${COLOR}s\" ${NONE:-none}", 0, "$COLOR reds none\n"),
        ("false || echo or && echo and", 0, "or\nand\n"),
        ("true && false; echo $?", 0, "1\n"),
        ("cat /config/key | tr a b", 127, ""),
        ("cat /config/key | grep -c val", 0, "1\n"),
        ("cat /con*/key /co*g/k*", 0, "value\nvalue\n"),
        ("echo /nowhere/*", 0, "/nowhere/*\n"),
        ("echo 'a b c' | cut -d' ' -f2-", 0, "b c\n"),
        ("cut -c1-3,5 /config/key", 0, "vale\n"),
        ("od -An -tx1 /config/key", 0, " 76 61 6c 75 65 0a\n"),
        ("base64 /config/key | base64 -d", 0, "value\n"),
        ("ip link show; ip link add d type dummy", 2, ""),
        ("echo a > /tmp/x; echo b >> /tmp/x; cat < /tmp/x | wc -l", 0, "2\n"),
        ("cd /config && ls && pwd", 0, "key\n/config\n"),
        ("test -f /config/key && [ a = a ]", 0, ""),
        ("hostname # a comment", 0, "web\n"),
        ("X=1; echo $X", 0, "1\n"),
        ("echo no >/config/new", 1, ""),
        ("sleep 100", 0, ""),
        ("for x in 1 2; do echo $x; done", 0, "1\n2\n"),
        ("for x in $(seq 3); do [ $x = 2 ] && continue; echo $x; done", 0, "1\n3\n"),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i", 0, "3\n"),
        ("until false || true; do echo never; done", 0, ""),
        ("if [ -f /none ]; then echo a; elif true; then echo b; else echo c; fi", 0, "b\n"),
        ("{ echo a; echo b; } | wc -l", 0, "2\n"),
        ("! true || echo no", 0, "no\n"),
        ("set -e; false; echo never", 1, ""),
        ("echo $(cat /config/key) `echo x`", 0, "value x\n"),
        ("echo hi > /tmp/f; chmod 600 /tmp/f; stat -c '%a %u' /tmp/f", 0, "600 0\n"),
        ("cat /none 2>/dev/null || echo gone", 0, "gone\n"),
        ("ls /config/*", 0, "/config/key\n"),
        ("echo bad >&2; echo worse 1>&2; echo good", 0, "good\n"),
        ("env | grep -c sh", 1, "0\n"),
        ("case x in x) echo;; esac", 2, ""),
    ],
)
async def test_scripts(script: str, code: int, out: str) -> None:
    """Exit codes and output as a shell has them."""
    client = Client()

    assert await make_session(client, "sh", "-c", script).run(("sh", "-c", script)) == code
    assert client.out.decode() == out


async def test_what_is_not_there_cannot_be_run() -> None:
    """127 for a missing program, 126 for a folder, with the runtime's words."""
    client = Client()
    session = make_session(client)

    assert await session.run(("nosuch",)) == 127
    assert await session.run(("/etc",)) == 126
    assert b'exec: "nosuch": executable file not found in $PATH' in client.err


async def test_a_volume_takes_what_fits() -> None:
    """As a real one: what fits is written, the rest is told; sums and sizes show it."""
    client = Client()
    script = (
        "dd if=/dev/zero of=/data/x bs=1k count=3; echo $?; du -b /data/x; df /data | tail -n 1; "
        "md5sum /data/x > /tmp/sum; md5sum -c /tmp/sum"
    )
    session = make_session(client, "sh", "-c", script)
    session.machine.files.mount("/data", Tree(size=2048))

    await session.run(("sh", "-c", script))

    code, size, full, same = client.out.decode().splitlines()
    assert (code, size, same) == ("1", "2048\t/data/x", "/data/x: OK")
    assert full.split()[1:] == ["2", "2", "0", "100%", "/data"]
    assert b"dd: error writing '/data/x': No space left on device" in client.err
    assert b"3+0 records in\n2+0 records out" in client.err


async def test_files_are_copied_in_and_out_with_tar() -> None:
    """As `kubectl cp` does it."""
    source = Client()
    await make_session(source).run(("tar", "cf", "-", "/config"))
    target = Client(source.out)
    session = make_session(target)

    assert await session.run(("tar", "-xmf", "-", "-C", "/tmp")) == 0
    assert session.machine.files.read("/tmp/config/key") == b"value\n"


async def test_a_terminal_echoes_and_prompts() -> None:
    """Backspace works, and the shell's end is its exit code."""
    client = Client(b"ecHo\x7f\x7f\x7fcho hi\rexit 4\r")

    assert await make_session(client, tty=True).prompt() == 4
    assert b"hi\r\n/ # " in client.out


@given(st.text(max_size=60))
def test_no_text_crashes_the_parser(text: str) -> None:
    """It is understood, or a ScriptError."""
    with contextlib.suppress(ScriptError):
        parse(text)
