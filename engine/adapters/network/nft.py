"""Runs nftables commands: in process through libnftables, or through the `nft` command.

It knows nothing about what the commands mean. Works in the network namespace of its thread.
"""

import ctypes
import json
import shutil
import subprocess
from typing import Any, Protocol

import attrs

from engine.errors import AdapterError

LIBRARY = "libnftables.so.1"
JSON_OUTPUT = 1 << 4
COMMAND_SECONDS = 20.0


class NftError(AdapterError):
    """nftables refused a command; the message is its own."""


class Nft(Protocol):
    """Something that runs nftables commands."""

    def run(self, commands: str) -> None:
        """Run all of *commands* as one transaction.

        Raises:
            NftError: none of them took effect.
        """
        ...

    def query(self, command: str) -> list[dict[str, Any]]:
        """The objects a list command gives, in libnftables' JSON form.

        Raises:
            NftError: there is no such thing.
        """
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


@attrs.define(eq=False)
class NftLibrary:
    """libnftables in this process: twenty times cheaper than the command for a small change."""

    _library: ctypes.CDLL
    _context: int | None

    @classmethod
    def load(cls) -> "NftLibrary":
        """Open the library.

        Raises:
            OSError: it is not installed.
        """
        library = ctypes.CDLL(LIBRARY)
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        library.nft_ctx_free.argtypes = [ctypes.c_void_p]
        for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
            getattr(library, name).restype = ctypes.c_char_p
        library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        context = library.nft_ctx_new(0)
        library.nft_ctx_buffer_output(context)
        library.nft_ctx_buffer_error(context)
        return cls(library, context)

    def run(self, commands: str) -> None:
        """Run all of *commands* as one transaction."""
        self._run(commands, flags=0)

    def query(self, command: str) -> list[dict[str, Any]]:
        """The objects a list command gives."""
        return _objects(self._run(command, flags=JSON_OUTPUT))

    def close(self) -> None:
        """Free the context. Closing twice is allowed."""
        if self._context is not None:
            self._library.nft_ctx_free(self._context)
            self._context = None

    def _run(self, commands: str, *, flags: int) -> bytes:
        if self._context is None:
            raise NftError("nftables has been closed")
        self._library.nft_ctx_output_set_flags(self._context, flags)
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        output: bytes = self._library.nft_ctx_get_output_buffer(self._context) or b""
        error: bytes = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise NftError(_first_line(error))
        return output


@attrs.frozen
class NftCommand:
    """The `nft` command, a process for each call."""

    path: str

    def run(self, commands: str) -> None:
        """Run all of *commands* as one transaction."""
        self._run(["-f", "-"], commands)

    def query(self, command: str) -> list[dict[str, Any]]:
        """The objects a list command gives."""
        return _objects(self._run(["-j", command], ""))

    def close(self) -> None:
        """Nothing is held."""

    def _run(self, options: list[str], commands: str) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - the tool, found by us, with our own text
                [self.path, *options],
                input=commands.encode(),
                capture_output=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NftError(str(error)) from error
        if done.returncode:
            raise NftError(_first_line(done.stderr))
        return done.stdout


def open_nft() -> Nft:
    """The library if it is there, else the command.

    Raises:
        AdapterError: neither is installed.
    """
    try:
        return NftLibrary.load()
    except OSError:
        path = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")
        if path is None:
            raise AdapterError("nftables is not installed (Debian: apt install nftables)") from None
        return NftCommand(path)


def _objects(output: bytes) -> list[dict[str, Any]]:
    if not output.strip():
        return []
    return [entry for entry in json.loads(output)["nftables"] if "metainfo" not in entry]


def _first_line(error: bytes) -> str:
    lines = error.decode(errors="replace").strip().splitlines()
    return lines[0] if lines else "nftables refused the command without a reason"
