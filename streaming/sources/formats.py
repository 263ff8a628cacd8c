"""Which format a file has, and what to do with one that is not read."""

from __future__ import annotations

from pathlib import Path

from ..errors import StreamError

FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
"""Formats by the ends of files' names; all others are CSV."""

SPREADSHEET = "save it as CSV, or with pandas: pd.read_excel(FILE).to_csv(CSV, index=False)"
PACKED = "unpack it, or pack the file in it with gzip"
ARROW = "convert it with pandas: pd.read_feather(FILE).to_parquet(PARQUET)"

ADVICE = {
    ".xlsx": SPREADSHEET, ".xls": SPREADSHEET, ".xlsm": SPREADSHEET, ".ods": SPREADSHEET,
    ".zip": PACKED, ".bz2": PACKED, ".xz": PACKED, ".zst": PACKED, ".7z": PACKED, ".tar": PACKED,
    ".tgz": PACKED,
    ".feather": ARROW, ".arrow": ARROW,
    ".h5": "convert it with pandas: pd.read_hdf(FILE).to_parquet(PARQUET)",
    ".pkl": "convert it with pandas: pd.read_pickle(FILE).to_parquet(PARQUET)",
    ".npy": "write it as CSV with a header: numpy.savetxt(CSV, ..., delimiter=',', header=...)",
}  # fmt: skip
"""What to do with files that are not read, by the ends of their names."""

MAGIC = {
    b"PK\x03\x04": f"it is a spreadsheet or an archive: {SPREADSHEET}",
    b"\x1f\x8b": "it is packed with gzip: give it a name that ends with .gz",
    b"PAR1": "it is a Parquet file: pass --format parquet",
    b"\xff\xfe": "convert it: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "convert it: iconv -f UTF-16 -t UTF-8",
}
"""What to do with a file by its first bytes."""


def format_of(name: str) -> str:
    """Return the format of a file, or of the Parquet files in a folder.

    Raises
    ------
    StreamError
        If the end of its name is one of a format that is not read.

    Examples
    --------
    >>> format_of("readings.csv"), format_of("readings.jsonl.gz")
    ('csv', 'jsonl')
    """
    if name == "-":
        return "csv"
    path = Path(name)
    if path.is_dir():
        return "parquet"
    suffix = path.suffix.lower()
    if suffix == ".gz":
        suffix = Path(path.stem).suffix.lower()
    if suffix in ADVICE:
        raise StreamError(f"{name} is no CSV, JSON Lines or Parquet file; {ADVICE[suffix]}")
    return FORMATS.get(suffix, "csv")


def advice(begin: bytes) -> str:
    """Return what to do with a file that is no text in UTF-8, by its first bytes."""
    for magic, what in MAGIC.items():
        if begin.startswith(magic):
            return what
    if b"\0" in begin:
        return "convert it, as with: iconv -f UTF-16LE -t UTF-8"
    return "convert it, as with: iconv -f ISO-8859-1 -t UTF-8"
