"""Where in a TOML text each key and item is, by its path; messages name the line with it."""

import attrs

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and item in *text*, which is valid TOML."""
    return _Scanner(text).scan()


def line_at(lines: dict[Path, int], path: Path) -> int:
    """The line of *path*, or of the nearest thing that holds it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


@attrs.define(eq=False, repr=False)
class _Scanner:
    text: str
    pos: int = 0
    found: dict[Path, int] = attrs.field(factory=dict)
    arrays: dict[Path, int] = attrs.field(factory=dict)

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip()
        while self.pos < len(self.text):
            line = self._line()
            if self.text[self.pos] == "[":
                is_array = self.text.startswith("[[", self.pos)
                self.pos += 2 if is_array else 1
                names = self._key("]")
                self.pos += 2 if is_array else 1
                table = self._open(names, is_array=is_array)
                self.found.setdefault(table, line)
            else:
                self._pair(table)
            self._skip()
        return self.found

    def _open(self, names: list[str], *, is_array: bool) -> Path:
        path: Path = ()
        for place, name in enumerate(names):
            path = (*path, name)
            if is_array and place == len(names) - 1:
                self.arrays[path] = self.arrays.get(path, -1) + 1
            if path in self.arrays:
                path = (*path, self.arrays[path])
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for name in self._key("="):
            path = (*path, name)
            self.found.setdefault(path, line)
        self.pos += 1
        self._blank()
        self._value(path)

    def _value(self, path: Path) -> None:
        text = self.text
        for quotes in ('"""', "'''"):
            if text.startswith(quotes, self.pos):
                end = text.find(quotes, self.pos + 3)
                while quotes == '"""' and text[end - 1] == "\\":
                    end = text.find(quotes, end + 1)
                self.pos = end + 3
                while self.pos < len(text) and text[self.pos] == quotes[0]:
                    self.pos += 1
                return
        match text[self.pos]:
            case '"' | "'":
                self._quoted()
            case "[":
                self._array(path)
            case "{":
                self._inline(path)
            case _:
                while self.pos < len(text) and text[self.pos] not in ",]}#\n":
                    self.pos += 1

    def _array(self, path: Path) -> None:
        self.pos += 1
        self._skip()
        index = 0
        while self.text[self.pos] != "]":
            self.found[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1
            self._skip(",")
        self.pos += 1

    def _inline(self, path: Path) -> None:
        self.pos += 1
        self._skip()
        while self.text[self.pos] != "}":
            self._pair(path)
            self._skip(",")
        self.pos += 1

    def _key(self, end: str) -> list[str]:
        names: list[str] = []
        self._blank()
        while self.text[self.pos] != end:
            if self.text[self.pos] in "\"'":
                names.append(self._quoted())
            elif self.text[self.pos] in ". \t":
                self.pos += 1
            else:
                start = self.pos
                while self.text[self.pos] not in f"{end}. \t":
                    self.pos += 1
                names.append(self.text[start : self.pos])
        return names

    def _quoted(self) -> str:
        quote, start = self.text[self.pos], self.pos + 1
        self.pos = start
        while self.text[self.pos] != quote:
            self.pos += 2 if quote == '"' and self.text[self.pos] == "\\" else 1
        self.pos += 1
        return self.text[start : self.pos - 1]

    def _blank(self) -> None:
        while self.pos < len(self.text) and self.text[self.pos] in " \t":
            self.pos += 1

    def _skip(self, more: str = "") -> None:
        text = self.text
        while self.pos < len(text):
            if text[self.pos] == "#":
                end = text.find("\n", self.pos)
                self.pos = len(text) if end < 0 else end
            elif text[self.pos] in " \t\r\n" + more:
                self.pos += 1
            else:
                return

    def _line(self) -> int:
        return self.text.count("\n", 0, self.pos) + 1
