"""How packages of the operating system are installed here."""

import shutil


def install(*packages: str) -> str:
    """The command that installs *packages* here."""
    names = " ".join(dict.fromkeys(packages))
    for tool, command in (
        ("apt-get", "sudo apt-get install -y"),
        ("dnf", "sudo dnf install -y"),
        ("pacman", "sudo pacman -S"),
        ("zypper", "sudo zypper install -y"),
    ):
        if shutil.which(tool):
            return f"{command} {names}"
    return f"install {names}"
