"""What a shell calculates: whole numbers with the usual signs."""

import ast
import operator
from collections.abc import Callable

_ARITHMETIC: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: int(left / right) if right else 0,
    ast.Mod: lambda left, right: left % right if right else 0,
}


def calculate(text: str) -> int:
    """What *text* comes to; 0 if it is no arithmetic."""
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return 0


def _value(node: ast.AST) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](_value(left), _value(right))
    raise ValueError("this is no arithmetic")
