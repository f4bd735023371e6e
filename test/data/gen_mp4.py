#!/usr/bin/env python3
"""Write small MP4 files with a gpmd track: test/data/mp4/*.mp4, and seeds and hostile inputs for test/fuzz/mp4/corpus.

The boxes are those of ISO/IEC 14496-12 that lead to a track's samples, and a video track without samples before it.
The payloads are those of test/data/gpmf/camera.gpmf.  Deterministic; run from anywhere; the output is committed.
"""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def box(kind, *parts, wide=False):
    content = b''.join(parts)
    if wide:
        return struct.pack('>I4sQ', 1, kind, len(content) + 16) + content
    return struct.pack('>I4s', len(content) + 8, kind) + content


def table(kind, fmt, rows, version=0, between=b''):
    return box(kind, struct.pack('>I', version << 24), between, struct.pack('>I', len(rows)),
               *[struct.pack('>' + fmt, *row) for row in rows])


def header(kind, timescale, version=0):
    """mvhd or mdhd, as far as anybody reads them."""
    times = bytes(16) if version else bytes(8)
    return box(kind, struct.pack('>I', version << 24), times, struct.pack('>I', timescale), bytes(8))


def handler(kind):
    return box(b'hdlr', bytes(8), kind, bytes(13))


def track(kind, fmt, timescale, tables, edits=b'', version=0):
    stsd = box(b'stsd', bytes(4), struct.pack('>I', 1), box(fmt, bytes(8)))
    return box(b'trak', box(b'tkhd', bytes(84)), edits,
               box(b'mdia', header(b'mdhd', timescale, version), handler(kind),
                   box(b'minf', box(b'gmhd'), box(b'stbl', stsd, *tables))))


def chunks_of(payloads, per_chunk):
    """The payloads grouped by a list of samples per chunk, the last of which goes on."""
    groups, i, n = [], 0, 0
    while i < len(payloads):
        size = per_chunk[min(n, len(per_chunk) - 1)]
        groups.append(payloads[i:i + size])
        i, n = i + size, n + 1
    return groups


def mp4(payloads, durations, timescale=1000, per_chunk=(1,), edits=None, wide=False, moov_first=False, version=0):
    groups = chunks_of(payloads, list(per_chunk))
    runs, times = [], []
    for n, group in enumerate(groups, 1):
        if not runs or runs[-1][1] != len(group):
            runs.append((n, len(group), 1))
    for d in durations:
        if times and times[-1][1] == d:
            times[-1] = (times[-1][0] + 1, d)
        else:
            times.append((1, d))

    def moov(start):
        offsets, at = [], start
        for group in groups:
            offsets.append((at,))
            at += sum(len(p) for p in group) + 5  # a gap, as interleaved video leaves it
        edit = b''
        if edits is not None:
            edit = box(b'edts', table(b'elst', 'QqI' if version else 'IiI', edits, version))
        return box(b'moov', header(b'mvhd', 600, version), track(b'vide', b'avc1', 90000, []),
                   track(b'meta', b'gpmd', timescale, [
                       table(b'stts', 'II', times), table(b'stsc', 'III', runs),
                       table(b'stsz', 'I', [(len(p),) for p in payloads], between=struct.pack('>I', 0)),
                       table(b'co64', 'Q', offsets) if wide else table(b'stco', 'I', offsets)], edit, version))

    mdat = box(b'mdat', b''.join(b''.join(g) + b'video' for g in groups), wide=wide)
    head = box(b'ftyp', b'mp41', bytes(4), b'mp41')
    data = 16 if wide else 8
    if moov_first:
        return head + moov(len(head) + len(moov(0)) + data) + mdat
    return head + mdat + moov(len(head) + data)


def payloads_of(log):
    """Back-to-back payloads of one device."""
    out = []
    while log:
        size = 8 + log[5] * struct.unpack('>H', log[6:8])[0]
        size += -size % 4
        out.append(log[:size])
        log = log[size:]
    return out


def put(data, at, fmt, value):
    return data[:at] + struct.pack('>' + fmt, value) + data[at + struct.calcsize('>' + fmt):]


def hostile(whole):
    def at(kind, past):
        return whole.index(kind) + past

    yield 'empty', b''
    yield 'cut_header', whole[:5]
    yield 'cut_file', whole[:-40]
    yield 'no_moov', whole[:whole.index(b'moov') - 4]
    yield 'small_box', put(whole, at(b'moov', 4), 'I', 7)
    yield 'past_parent', put(whole, at(b'gpmd', -4 - 16 - 4), 'I', 0x7fffffff)
    yield 'wide_box', put(whole, at(b'moov', -4), 'I', 1)
    yield 'time_scale_zero', put(whole, at(b'mvhd', 16), 'I', 0)
    yield 'many_sizes', put(whole, at(b'stsz', 12), 'I', 0xffffffff)
    yield 'fixed_size_many', put(put(whole, at(b'stsz', 8), 'I', 1), at(b'stsz', 12), 'I', 0xffffffff)
    yield 'fixed_size_large', put(whole, at(b'stsz', 8), 'I', 0x7fffffff)
    yield 'run_of_many', put(whole, at(b'stts', 12), 'I', 0xffffffff)
    yield 'run_of_none', put(whole, at(b'stts', 12), 'I', 0)
    yield 'chunk_of_none', put(whole, at(b'stsc', 16), 'I', 0)
    yield 'chunk_of_many', put(whole, at(b'stsc', 16), 'I', 0xffffffff)
    yield 'chunk_elsewhere', put(whole, at(b'co64', 12), 'Q', 0xffffffffffffff00)
    yield 'edits_many', put(whole, at(b'elst', 8), 'I', 0xffffffff)
    yield 'edit_far', put(whole, at(b'elst', 20), 'q', 0x7fffffffffffffff)


def write(folder, name, content):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name), 'wb') as file:
        file.write(content)


def main():
    with open(os.path.join(HERE, 'gpmf', 'camera.gpmf'), 'rb') as file:
        three = payloads_of(file.read())
    five = three + three[:2]
    files = {
        # one payload a chunk, 32-bit offsets, moov last
        'plain': mp4(three, [1001] * 3),
        # 64-bit box and offsets, chunks of 2, 2, 1, times 1001 1001 1001 500 500, moov first; the presentation begins 2 s late
        # and half a second into the first payload, and ends in the third
        'edited': mp4(five, [1001, 1001, 1001, 500, 500], per_chunk=(2, 2, 1), wide=True, moov_first=True, version=1,
                      edits=[(1200, -1, 1 << 16), (1500, 500, 1 << 16)]),
        # the second half, then the first half of the media
        'swapped': mp4(three[:2], [1000] * 2, per_chunk=(2,), edits=[(600, 1000, 1 << 16), (600, 0, 1 << 16)]),
        # not a log, and nothing at all
        'damaged': mp4([three[0], b'none', b''], [1001] * 3),
    }
    for name, content in files.items():
        write('mp4', name + '.mp4', content)
        write('../fuzz/mp4/corpus', name, content)
    for name, content in hostile(files['edited']):
        write('../fuzz/mp4/corpus', name, content)
    again = mp4(three, [1000] * 3, edits=[(1800, 0, 1 << 16)] * 50)
    write('../fuzz/mp4/corpus', 'edits_repeat', again)


main()
