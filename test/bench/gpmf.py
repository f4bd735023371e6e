#!/usr/bin/env python3
"""Write a camera's log for test/bench/gpmf: gpmf.py FILE MEGABYTES.

Streams, rates and layouts of a recent camera, about 5 kB and 700 samples a second; every stream in every payload, the
numbers pseudo-random and the same in each run.  It begins at 2024-06-01 12:00 UTC.
"""
import random
import struct
import sys

chance = random.Random(4)


def klv(key, kind, size, repeat, value):
    return key.encode() + kind.encode() + bytes([size]) + struct.pack('>H', repeat) + value + b'\0' * (-len(value) % 4)


def nest(key, content):
    return key.encode() + b'\0\4' + struct.pack('>H', len(content) // 4) + content


def text(key, value):
    return klv(key, 'c', len(value), 1, value.encode('latin-1'))


def stream(key, name, kind, size, count, value, payload, unit='', scale=None, types=''):
    total = count * (payload + 1)
    parts = klv('STMP', 'J', 8, 1, struct.pack('>Q', 1000000 + payload * 1001000))
    parts += klv('TSMP', 'L', 4, 1, struct.pack('>L', total)) + text('STNM', name)
    if types:
        parts += klv('TYPE', 'c', 1, len(types), types.encode())
    if unit:
        parts += text('SIUN', unit)
    if scale:
        parts += klv('SCAL', 'l', 4, len(scale), struct.pack('>%dl' % len(scale), *scale))
    return nest('STRM', parts + klv(key, kind, size, count, value))


def gps(payload):
    day, second = 8918, 43200 + payload * 1.001
    return b''.join(struct.pack('>lllllllHH', 594000000 + 10 * payload + i, 180000000 - 7 * payload - i, 12345 + i, 1500 + i, 151,
                                day + int((second + i / 10) // 86400), int((second + i / 10) % 86400 * 1000), 150, 3) for i in range(10))


def payload(n):
    def shorts(axes, count):
        return chance.randbytes(2 * axes * count)
    streams = (
        stream('ACCL', 'Accelerometer', 's', 6, 200, shorts(3, 200), n, 'm/s\xb2', [418]),
        stream('GYRO', 'Gyroscope', 's', 6, 200, shorts(3, 200), n, 'rad/s', [939]),
        stream('GPS9', 'GPS', '?', 32, 10, gps(n), n, '', [10000000, 10000000, 1000, 1000, 100, 1, 1000, 100, 1], 'lllllllSS'),
        stream('CORI', 'Camera orientation', 's', 8, 60, shorts(4, 60), n, '', [32767]),
        stream('IORI', 'Image orientation', 's', 8, 60, shorts(4, 60), n, '', [32767]),
        stream('GRAV', 'Gravity', 's', 6, 60, shorts(3, 60), n, '', [32767]),
        stream('SHUT', 'Exposure time', 'f', 4, 60, struct.pack('>f', 0.01) * 60, n, 's'),
        stream('ISOE', 'Sensor ISO', 'S', 2, 60, shorts(1, 60), n),
        stream('WBAL', 'White balance', 'S', 2, 10, shorts(1, 10), n),
    )
    return nest('DEVC', klv('DVID', 'L', 4, 1, struct.pack('>L', 1)) + text('DVNM', 'Camera') + b''.join(streams))


def main(name, megabytes):
    with open(name, 'wb') as file:
        n = 0
        while file.tell() < megabytes * 1000000:
            file.write(payload(n))
            n += 1


main(sys.argv[1], float(sys.argv[2]))
