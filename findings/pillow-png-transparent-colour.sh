#!/usr/bin/env bash
# Pillow 13.0.0, PNG: the transparent colour of a tRNS chunk is kept at the file's own depth, while the pixels are
# scaled to 8 bits (RGB of 16 bits, grey of 2 and 4 bits). The two never meet: convert("RGBA") and convert("LA") leave
# the pixel opaque. Grey of 8 bits is made transparent, as the PNG specification (tRNS) says of all.
#
# Seen:    RGB 16 bits: opaque / grey 2 bits: opaque / grey 4 bits: opaque / grey 8 bits: transparent
# Wanted:  transparent, four times.
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
cat >"$work/run.py" <<'PY'
import io, struct, sys, zlib
from PIL import Image

GREY, RGB = 0, 2

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def first_pixel(depth, colour, row, key):
    """Whether the first of two pixels, which has the transparent colour, comes out transparent."""
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, depth, colour, 0, 0, 0))
    file += chunk(b"tRNS", key) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    image = Image.open(io.BytesIO(file))
    alpha = image.convert("RGBA").getchannel("A")
    assert alpha.getpixel((1, 0)) == 255
    return "transparent" if alpha.getpixel((0, 0)) == 0 else "opaque"

key = struct.pack(">HHH", 0x1234, 0x5678, 0x9ABC)
seen = [
    ("RGB 16 bits", first_pixel(16, RGB, key + b"\xff" * 6, key)),
    ("grey 2 bits", first_pixel(2, GREY, bytes([0b01_11_0000]), struct.pack(">H", 1))),
    ("grey 4 bits", first_pixel(4, GREY, bytes([0x1F]), struct.pack(">H", 1))),
    ("grey 8 bits", first_pixel(8, GREY, b"\x01\xff", struct.pack(">H", 1))),
]
print(" / ".join(f"{name}: {found}" for name, found in seen))
sys.exit([found for _name, found in seen] != ["opaque", "opaque", "opaque", "transparent"])
PY
"$work/venv/bin/python" "$work/run.py"
