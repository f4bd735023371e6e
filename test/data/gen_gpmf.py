#!/usr/bin/env python3
"""Write our own GPMF logs: test/data/gpmf/*.gpmf, and seeds and hostile inputs for test/fuzz/gpmf/corpus.

Deterministic and free of anybody's recording.  Run from anywhere; the output is committed.
"""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def klv(key, kind, size, repeat, value):
    assert len(value) == size * repeat, (key, len(value), size, repeat)
    head = key.encode('ascii') + (kind.encode('ascii') if kind else b'\0') + bytes([size]) + struct.pack('>H', repeat)
    return head + value + b'\0' * (-len(value) % 4)


def nest(key, *parts):
    content = b''.join(parts)
    size = 1
    while len(content) // size > 65535 or len(content) % size:
        size *= 4
    return klv(key, '', size, len(content) // size, content)


def text(key, s):
    s = s.encode('latin-1')
    return klv(key, 'c', 1, len(s), s)


def units(key, names):
    width = max(len(n) for n in names)
    return klv(key, 'c', width, len(names), b''.join(n.encode('latin-1').ljust(width, b'\0') for n in names))


CODE = {'b': 'b', 'B': 'B', 's': 'h', 'S': 'H', 'l': 'i', 'L': 'I', 'f': 'f', 'd': 'd', 'j': 'q', 'J': 'Q', 'q': 'i', 'Q': 'q'}


def numbers(key, kind, rows):
    """rows: a list of samples, each a list of numbers of one type."""
    width = len(rows[0]) if rows else 1
    fmt = '>' + CODE[kind] * width
    return klv(key, kind, struct.calcsize(fmt), len(rows), b''.join(struct.pack(fmt, *r) for r in rows))


def structs(key, types, rows):
    fmt = '>' + ''.join('4s' if t == 'F' else CODE[t] for t in types)
    return klv(key, '?', struct.calcsize(fmt), len(rows), b''.join(struct.pack(fmt, *r) for r in rows))


def one(key, kind, *values):
    """Several samples of one number each: SCAL, TSMP, STMP ..."""
    return numbers(key, kind, [[v] for v in values])


def device(number, name, *parts):
    return nest('DEVC', one('DVID', 'L', number), text('DVNM', name), *parts)


def camera():
    """Three payloads, the last one a fraction; STMP, GPS9, faces per frame, scenes, an unknown stream."""
    out = b''
    total = {'ACCL': 0, 'FACE': 0}
    for payload, n in enumerate((10, 10, 3)):
        total['ACCL'] += n
        start = 5000000 + payload * 1001000
        accl = nest('STRM', one('STMP', 'J', start), one('TSMP', 'L', total['ACCL']), text('STNM', 'Accelerometer'),
                    text('SIUN', 'm/s\xb2') if payload else units('SIUN', ['m/s\xb2']), one('SCAL', 's', 418),
                    text('ORIN', 'YxZ'), text('ORIO', 'ZXY'),
                    numbers('ACCL', 's', [[100 * payload + i, -i, 4100 + i] for i in range(n)]))
        gps = nest('STRM', one('STMP', 'J', start + 20000), text('STNM', 'GPS'), text('TYPE', 'lllllllSS'),
                   units('UNIT', ['deg', 'deg', 'm', 'm/s', 'm/s', '', 's', '', '']),
                   one('SCAL', 'l', 10000000, 10000000, 1000, 1000, 100, 1, 1000, 100, 1),
                   structs('GPS9', 'lllllllSS',
                           [(594000000 + i, 180000000 - i, 12345 + payload, 1500, 151, 9000, 43200000 + payload * 1000 + i * 500,
                             150, 3) for i in range(2)]))
        frames = [[(4, 200, 1, 6553 * i, 100, 200, 300, 10, 0) for i in range(faces)] for faces in (0, 2, 1)]
        face = nest('STRM', one('STMP', 'J', start), text('STNM', 'Face'), text('TYPE', 'BBSSSSSBB'),
                    *[structs('FACE', 'BBSSSSSBB', f) for f in frames])
        scene = nest('STRM', one('STMP', 'J', start), text('TYPE', 'Ff'),
                     structs('SCEN', 'Ff', [(b'SNOW', 0.5), (b'URBA', 0.25)]), structs('SCEN', 'Ff', [(b'VEGE', 1.0)]))
        note = nest('STRM', text('STNM', 'Note'), text('NOTE', 'caf\xe9 %d' % payload))
        pair = nest('STRM', text('STNM', 'Pair'), units('UNIT', ['V', 'A']), numbers('pr 1', 'S', [[3300, 12], [3301, 13]]))
        out += device(1, 'Our Camera', accl, gps, face, scene, nest('STRM', text('STNM', 'Empty')), note, pair)
    return out


def text_clock():
    """No stamps: GPSU is the only clock, and garbage in the first payload."""
    out = b''
    for payload, stamp in enumerate((b'5509100082240400', b'210304050607.500', b'210304050608.500')):
        out += device(1, 'Text Clock', nest('STRM', one('TSMP', 'L', 2 * payload + 2), one('GPSF', 'L', 3),
                                            klv('GPSU', 'U', 16, 1, stamp), one('SCAL', 'l', 10000000, 10000000, 1000, 1000, 100),
                                            numbers('GPS5', 'l', [[1, 2, 3000, 4000, 500], [6, 7, 8000, 9000, 1000]])))
    return out


def drone():
    """A camera with TICK and a Karma whose boot time SYST joins to UTC; nothing new in the last payload."""
    out = b''
    for payload in range(3):
        n = 2 if payload < 2 else 0
        boot = 100000 + payload * 1000
        tick = one('TICK', 'L', (2 ** 32 - 500 + payload * 1000) % 2 ** 32)  # wraps
        out += device(1, 'Camera', tick, nest('STRM', tick, one('SCAL', 's', 10),
                                              numbers('GYRO', 's', [[i, 0, -i] for i in range(4 if payload < 2 else 1)])))
        glpi = structs('GLPI', 'LllllsssS', [(boot + 250 * i, 590000000, 170000000 + i, 20500, 1000 * i, 10, -20, 30, 9000)
                                             for i in range(n)]) if n else klv('GLPI', '?', 28, 0, b'')
        vfrh = structs('VFRH', 'ffffsS', [(0, 1.5, 20.5, 0.25, 90, 51)] * n) if n else klv('VFRH', '?', 20, 0, b'')
        syst = structs('SYST', 'JJ', [(boot * 1000 + 500000, 1600000000000 + payload * 1000 + 500)]) if n else klv('SYST', '?', 16, 0, b'')
        attr = structs('ATTR', 'Jffff', [(boot * 1000, 0.5, 0.25, 0.125, 1)]) if n else klv('ATTR', '?', 24, 0, b'')
        kbat = structs('KBAT', 'lLlsSSSSSSSBBBb', [(-17000, 2000, 1018, 3030, 3600, 3600, 3600, 3500, 657, 0, 0, 0, 1, 1, 57 - payload)]) \
            if n else klv('KBAT', '?', 32, 0, b'')
        out += device(16835857, 'GoPro Karma v1.0',
                      nest('STRM', text('FWVS', '1.2.3') if n else klv('FWVS', 'c', 1, 0, b'')),
                      nest('STRM', text('TYPE', 'lLlsSSSSSSSBBBb'),
                           one('SCAL', 'f', 1000, 1000, 0.01, 100, 1000, 1000, 1000, 1000, 1 / 60, 1, 1, 1, 1, 1, 1), kbat),
                      nest('STRM', text('TYPE', 'LllllsssS'), one('SCAL', 'l', 1000, 10000000, 10000000, 1000, 1000, 100, 100, 100, 100), glpi),
                      nest('STRM', text('TYPE', 'ffffsS'), vfrh),
                      nest('STRM', text('TYPE', 'JJ'), klv('UNIT', 'c', 1, 2, b'ss'), one('SCAL', 'l', 1000000, 1000), syst),
                      nest('STRM', text('TYPE', 'Jffff'), one('SCAL', 'l', 1000, 1, 1, 1, 1), attr))
    return out


def quirks():
    """A Karma as its firmware writes it: ATTR in microseconds, ESCS without SCAL, KBAT's energy and time, CSEN's floats as
    integers, the gimbal's clock three seconds behind."""
    out = b''
    for payload in range(2):
        boot = 100000 + payload * 1000
        bits = [struct.unpack('>I', struct.pack('>f', v))[0] for v in (0.25, -0.5, 1.5, 48.25)]
        escs = [boot * 1000] + [4000 + i for i in range(8)] + [3150 + i for i in range(4)] + [15400] * 4 + [4250] * 4 + [0] * 9
        cells = structs('KBAT', 'lLlsSSSSSSSBBBb', [(-17000, 2034, 1130000, 3030, 3850, 3850, 3850, 3850, 657, 0, 0, 0, 1, 1, 57)])
        out += device(16835857, 'GoPro Karma v1.0',
                      nest('STRM', text('TYPE', 'lLlsSSSSSSSBBBb'),
                           one('SCAL', 'f', 1000, 1000, 0.01, 100, 1000, 1000, 1000, 1000, 1 / 60, 1, 1, 1, 1, 1, 1), cells),
                      nest('STRM', text('TYPE', 'LllllsssS'), one('SCAL', 'l', 1000, 10000000, 10000000, 1000, 1000, 100, 100, 100, 100),
                           structs('GLPI', 'LllllsssS', [(boot, 590000000, 170000000, 20500, 1000, 10, -20, 30, 9000)])),
                      nest('STRM', text('TYPE', 'Jffff'), one('SCAL', 'l', 1000, 1, 1, 1, 1),
                           structs('ATTR', 'Jffff', [(boot * 1000, 0.5, 0.25, 0.125, 1)])),
                      nest('STRM', text('TYPE', 'JSSSSSSSSssssSSSSSSSSSSSSSSSSB'), structs('ESCS', 'JSSSSSSSSssssSSSSSSSSSSSSSSSSB', [escs])),
                      nest('STRM', text('TYPE', 'LLLLLfffBB'), one('SCAL', 'l', 1000, *[1] * 9),
                           structs('CYTS', 'LLLLLfffBB', [(boot - 3000, 1, 0, 0, 0, 0.25, -0.5, 1.5, 1, 0)])),
                      nest('STRM', text('TYPE', 'LffffffLLLL'), one('SCAL', 'l', 1000, *[1] * 10),
                           structs('CSEN', 'LffffffLLLL', [(boot - 3000, 0, 0, 0, 1, 0, 0, *bits)])))
    return out


def mended():
    """A firmware that writes seconds and divisors: nothing is to be corrected."""
    escs = [100000000] + [4000] * 8 + [3150] * 4 + [15400] * 4 + [4250] * 4 + [0] * 9
    return device(16835857, 'GoPro Karma v2.0',
                  nest('STRM', text('TYPE', 'Jffff'), one('SCAL', 'l', 1000000, 1, 1, 1, 1),
                       structs('ATTR', 'Jffff', [(100000000, 0.5, 0.25, 0.125, 1)])),
                  nest('STRM', text('TYPE', 'JSSSSSSSSssssSSSSSSSSSSSSSSSSB'),
                       one('SCAL', 'l', 1000000, *[1] * 8, *[100] * 4, *[1000] * 8, *[1] * 9),
                       structs('ESCS', 'JSSSSSSSSssssSSSSSSSSSSSSSSSSB', [escs])))


def odd():
    """No clock, and everything that is refused or unusual but well-formed."""
    zero = nest('STRM', text('STNM', 'Zero'), one('SCAL', 's', 0), numbers('ZERO', 's', [[1, 0, -1]]))
    turned = nest('STRM', numbers('MTRX', 'f', [[v] for v in (0.5, 0, 0, 0, 2, 0, 1, 1, 1)]), numbers('TURN', 's', [[2, 3, 4]]))
    nine = nest('STRM', numbers('MTRX', 'f', [[float(x == y) * 2] for x in range(9) for y in range(9)]),
                text('ORIN', 'ABCDEFGHI'), text('ORIO', 'abcdefghi'), numbers('NINE', 'b', [list(range(9))]))
    wide = nest('STRM', numbers('MTRX', 'f', [[1.5]] * 289), numbers('WIDE', 'b', [list(range(17))]))
    packed = nest('STRM', text('STNM', 'Packed'), klv('PACK', '#', 1, 12, b's\x06\x00\x03' + bytes(8)))
    scales = nest('STRM', one('SCAL', 's', 1, 2), numbers('BADS', 's', [[1, 2, 3]]))
    types = nest('STRM', text('TYPE', 'f[8]L'), klv('BADT', '?', 8, 1, bytes(8)))
    fits = nest('STRM', text('TYPE', 's[3]Fc[2]'), klv('MIXD', '?', 12, 1, struct.pack('>hhh4s2s', 1, -2, 3, b'ABCD', b'x\xe9')))
    inner = nest('STRM', text('TYPE', 'Lf'), nest('LATE', one('TICK', 'L', 7), structs('LATE', 'Lf', [(1, 0.5), (2, 1.5)])))
    large = nest('STRM', numbers('HUGE', 'J', [[2 ** 64 - 1]]), )
    guid = nest('STRM', klv('GUID', 'G', 16, 1, bytes(range(16))))
    fixed = nest('STRM', numbers('FIXQ', 'q', [[98304], [-32768]]))
    twice = [nest('STRM', numbers('SAME', 'B', [[i]])) for i in range(2)]
    return device(7, 'Odd', zero, turned, nine, wide, packed, scales, types, fits, inner, large, guid, fixed, *twice) + bytes(16)


def settings():
    """A file header: DVID as a FourCC, one-value keys, padded to a fixed size."""
    return nest('DEVC', klv('DVID', 'F', 4, 1, b'BACK'), text('DVNM', 'Global Settings'),
                nest('STRM', text('FMWR', 'H99.01.01.10.00'), one('RATE', 'L', 2), text('VRES', 'x'))) + bytes(64)


def hostile():
    yield 'empty', b''
    yield 'cut_header', b'DEV'
    yield 'not_devc', klv('STRM', '', 1, 0, b'')
    yield 'bad_key', nest('DEVC', b'\x01\x02\x03\x04' + bytes(4))
    yield 'size_zero', nest('DEVC', b'ABCDs\0\0\x05')
    yield 'past_end', b'DEVC\0\xff\xff\xff' + klv('DVID', 'L', 4, 1, b'\0\0\0\1')
    yield 'past_nest', nest('DEVC', b'STRM\0\x01\xff\xfc' + bytes(8))
    deep = b''
    for _ in range(20):
        deep = nest('STRM', deep)
    yield 'deep', nest('DEVC', deep)
    yield 'type_bomb', device(1, 'x', nest('STRM', text('TYPE', 'f[99999999999]' * 20), klv('BOMB', '?', 4, 1, bytes(4))))
    yield 'type_bracket', device(1, 'x', nest('STRM', text('TYPE', 'f[3'), klv('BOMB', '?', 12, 1, bytes(12))))
    yield 'pack_claims_much', device(1, 'x', nest('STRM', klv('PACK', '#', 1, 4, b'L\xff\xff\xff')))
    yield 'empty_faces', device(1, 'x', nest('STRM', text('TYPE', 'Lffff'), *[klv('FACE', '?', 20, 0, b'')] * 50))
    yield 'gaps', device(1, 'x', nest('STRM', one('SCAL', 's', 3, 4), klv('GAPS', 's', 5, 3, bytes(range(15)))),
                         nest('STRM', klv('ONE ', 'l', 3, 2, bytes(6))), nest('STRM', klv('TEXT', 'F', 7, 2, b'ABCDEFGHIJKLMN')))
    yield 'runs', device(1, 'x', nest('STRM', one('SCAL', 'b', -7), numbers('LONG', 'B', [[i % 256] for i in range(3000)])),
                         nest('STRM', text('TYPE', 'b[200]f'), klv('WIDE', '?', 204, 12, bytes(i % 251 for i in range(204 * 12)))))
    yield 'scales', device(1, 'x', *[nest('STRM', klv('SCAL', kind, size, repeat, bytes(size * repeat)), numbers('DATA', 's', [[1, 2]] * 3))
                                     for kind, size, repeat in (('c', 1, 2), ('s', 1, 2), ('?', 4, 1), ('d', 8, 2), ('Q', 8, 1), ('s', 2, 0))])
    yield 'axes', device(1, 'x', *[nest('STRM', one('MTRX', 'f', *([0.5] * (n * n))), text('ORIN', 'xyzwabcdefghijklm'[:n]),
                                        text('ORIO', 'XYZWABCDEFGHIJKLM'[:n]), numbers('DATA', 'b', [list(range(n))] * 2)) for n in (1, 3, 8, 9, 16, 17)],
                         nest('STRM', text('ORIN', 'xxz'), text('ORIO', 'zyx'), numbers('SAME', 's', [[1, 2, 3]])))
    yield 'devices', b''.join(device(i, 'd%d' % i, nest('STRM', one('DATA', 'B', i % 256))) for i in range(70))
    yield 'nests_of_data', device(1, 'x', nest('STRM', one('SCAL', 's', 2), *[nest('FACE', one('TICK', 'L', i), one('FACE', 's', i, i)) for i in range(4)]),
                                  nest('STRM', nest('FACE', nest('FACE', nest('FACE', one('FACE', 's', 1))))))
    yield 'stamps', b''.join(device(1, 'x', nest('STRM', one('STMP', 'J', stamp), one('TICK', 'L', stamp % 2 ** 32), one('TIMO', 'f', 1e30),
                                                one('DATA', 's', 1, 2))) for stamp in (2 ** 64 - 1, 0, 2 ** 62, 5, 2 ** 61, 1))


def write(folder, name, content):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name), 'wb') as file:
        file.write(content)


def main():
    logs = {'camera': camera(), 'text_clock': text_clock(), 'drone': drone(), 'quirks': quirks(), 'mended': mended(), 'odd': odd(), 'settings': settings()}
    for name, content in logs.items():
        write('gpmf', name + '.gpmf', content)
        write('../fuzz/gpmf/corpus', name, content)
    write('../fuzz/gpmf/corpus', 'camera_cut', logs['camera'][:-100])
    for name, content in hostile():
        write('../fuzz/gpmf/corpus', name, content)


main()
