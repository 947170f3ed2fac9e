"""The programs a simulated container has, by the names they are called by."""

from collections.abc import Mapping

from engine.simulation.console.file_tools import check, ls, mkdir, remove, touch
from engine.simulation.console.program import Tool
from engine.simulation.console.system_tools import (
    date,
    env,
    fail,
    hostname,
    identity,
    kill,
    ps,
    pwd,
    sleep,
    succeed,
    uname,
)
from engine.simulation.console.text_tools import cat, count, echo, grep, lines, printf, tee

TOOLS: Mapping[str, Tool] = {
    ":": succeed,
    "[": check,
    "cat": cat,
    "date": date,
    "echo": echo,
    "env": env,
    "false": fail,
    "grep": grep,
    "head": lines,
    "hostname": hostname,
    "id": identity,
    "kill": kill,
    "ls": ls,
    "mkdir": mkdir,
    "printenv": env,
    "printf": printf,
    "ps": ps,
    "pwd": pwd,
    "rm": remove,
    "sleep": sleep,
    "tail": lines,
    "tee": tee,
    "test": check,
    "touch": touch,
    "true": succeed,
    "uname": uname,
    "wc": count,
    "whoami": identity,
}
