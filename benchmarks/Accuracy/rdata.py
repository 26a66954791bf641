"""Reads data frames of R's .rda files: the serialisation of R's manual "R Internals", as far as data frames need it."""
import bz2
import gzip
import lzma
import math
import struct

NIL, GLOBAL, REFERENCE, ALTREP = 254, 253, 255, 238
SYMBOL, PAIRS, CHARS, LOGICAL, INTEGER, REAL, STRINGS, LIST = 1, 2, 9, 10, 13, 14, 16, 19
MISSING = -2147483648


class Vector:
    """Values with attributes."""

    def __init__(self, values, attributes=None):
        self.values = values
        self.attributes = attributes or {}


class Reader:
    def __init__(self, data):
        self.data, self.at, self.symbols = data, 0, []

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def integer(self):
        return struct.unpack(">i", self.take(4))[0]

    def many(self, letter, size):
        count = self.integer()
        return list(struct.unpack(f">{count}{letter}", self.take(count * size)))

    def pairs(self, flags):
        found = {}
        while flags & 255 == PAIRS:
            if flags & 512:
                self.item()
            tag = self.item() if flags & 1024 else None
            found[tag] = self.item()
            flags = self.integer()
        if flags & 255 != NIL:
            raise ValueError(f"a list of pairs ends with an item of type {flags & 255}")
        return found

    def item(self):
        flags = self.integer()
        kind = flags & 255
        if kind in (NIL, GLOBAL):
            return None
        if kind == REFERENCE:
            return self.symbols[(flags >> 8 or self.integer()) - 1]
        if kind == SYMBOL:
            self.symbols.append(self.item())
            return self.symbols[-1]
        if kind == PAIRS:
            return self.pairs(flags)
        if kind == CHARS:
            count = self.integer()
            return None if count == -1 else self.take(count).decode("utf-8" if flags & (8 << 12) else "latin-1")
        if kind == ALTREP:
            # Only the names of rows are written so, and nobody asks for them.
            return [self.item() for _ in range(3)]
        if kind in (LOGICAL, INTEGER):
            values = [None if value == MISSING else value for value in self.many("i", 4)]
        elif kind == REAL:
            values = [None if math.isnan(value) else value for value in self.many("d", 8)]
        elif kind in (STRINGS, LIST):
            values = [self.item() for _ in range(self.integer())]
        else:
            raise ValueError(f"an item of type {kind} is no part of a data frame")
        return Vector(values, self.pairs(self.integer()) if flags & 512 else None)


def columns(path):
    """The columns of the one data frame of a file, by name: numbers, or the texts of a factor; None where there is no value."""
    with open(path, "rb") as file:
        data = file.read()
    for mark, unpack in ((b"\xfd7zXZ", lzma.decompress), (b"BZh", bz2.decompress), (b"\x1f\x8b", gzip.decompress)):
        data = unpack(data) if data.startswith(mark) else data
    if data[:5] not in (b"RDX2\n", b"RDX3\n") or data[5:7] != b"X\n":
        raise ValueError(f"{path} holds no data of R in binary form")
    reader = Reader(data[7:])
    version = reader.integer()
    reader.take(8)
    if version == 3:
        reader.take(reader.integer())
    frame, = reader.item().values()
    return {name: texts(column) for name, column in zip(frame.attributes["names"].values, frame.values)}


def texts(column):
    levels = column.attributes.get("levels")
    return column.values if levels is None else [None if value is None else levels.values[value - 1] for value in column.values]
