"""Every controller is in the registry."""

import ast
from pathlib import Path

import engine.controllers.registry as registry_module
from engine.controllers.registry import CONTROLLERS


def test_every_controller_class_is_registered() -> None:
    """A class with a reconcile method in the folder has its line in the registry."""
    folder = Path(str(registry_module.__file__)).parent
    found = {
        node.name
        for path in folder.rglob("*.py")
        if path != folder / "controller.py"  # what they extend
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(f, ast.FunctionDef) and f.name == "reconcile" for f in node.body)
    }

    registered = {getattr(factory, "__name__", "") for factory in CONTROLLERS.values()}

    assert found <= registered
