"""events.py EVENTS FOLDER: the events that are measured, the same in every run; about 260 bytes and 11 attributes each,
over three days, in every form that somebody loads:

    events.json    one JSON object a line
    events.csv     the values alone, as the typed table has them
    events.pgcopy  messages of events.proto, one a row, as COPY ... (FORMAT binary) takes them
    late.json      the same, but "firmware" appears at 50 % and "battery_pct" at 75 % of the file, and in every
                   thousandth event duration_ms is the string "n/a"
    late.pgcopy    the same as messages; a typed format has no such conflicts
    late_json_blobs.pgcopy, late_protobuf_blobs.pgcopy   both again, 1,000 events a row: lines, and messages after their lengths
    known.json     an event of each day, which makes columns and partitions known; its sequence is negative
    known.pgcopy   the same as messages
"""
import datetime
import hashlib
import struct
import sys

FIRST = datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc)
DAY = 86400 * 1_000_000
EVENT_TYPES = ("click", "read", "connect", "upload", "share")
MODELS = ("HERO12 Black", "HERO13 Black", "MAX")
COUNTRIES = ("DE", "US", "FR", "JP", "BR")


class Event:
    """The event that happened `micros` after FIRST."""

    def __init__(self, i, micros):
        self.micros = micros
        self.ts = (FIRST + datetime.timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.event_type = EVENT_TYPES[i % 5]
        self.user_id = "u%d" % (i * 7919 % 50000)
        self.session_id = "s" + hashlib.md5(b"%d" % (i // 20)).hexdigest()
        self.serial = "C34%010d" % (i * 104729 % 100000)
        self.model = MODELS[i % 3]
        self.country = COUNTRIES[i // 3 % 5]
        self.duration_ms = i * 31 % 900
        self.score = (i * 17 % 10000 + 25) / 100
        self.ok = i % 3 == 0
        self.sequence = i
        self.firmware = None
        self.battery_pct = None


def as_json(e, duration_ms):
    line = (f'{{"ts":"{e.ts}","event_type":"{e.event_type}","user_id":"{e.user_id}","session_id":"{e.session_id}",'
            f'"device":{{"serial":"{e.serial}","model":"{e.model}"}},"country":"{e.country}","duration_ms":{duration_ms},'
            f'"score":{e.score},"ok":{"true" if e.ok else "false"},"sequence":{e.sequence}')
    if e.firmware is not None:
        line += f',"firmware":"{e.firmware}"'
    if e.battery_pct is not None:
        line += f',"battery_pct":{e.battery_pct}'
    return line.encode() + b"}\n"


def as_csv(e):
    return (f"{e.ts},{e.event_type},{e.user_id},{e.session_id},{e.serial},{e.model},{e.country},{e.duration_ms},{e.score},"
            f"{e.ok},{e.sequence}\n").encode()


def varint(n):
    out = bytearray()
    n &= (1 << 64) - 1
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(tag, n):
    """An integer field; proto3 leaves a zero out."""
    return bytes((tag << 3,)) + varint(n) if n else b""


def sized(tag, data):
    """A string or message field of at most 127 bytes."""
    return bytes((tag << 3 | 2, len(data))) + data


def as_message(e):
    seconds, micros = divmod(e.micros, 1_000_000)
    message = b"".join((
        sized(1, number(1, int(FIRST.timestamp()) + seconds) + number(2, micros * 1000)), sized(2, e.event_type.encode()),
        sized(3, e.user_id.encode()), sized(4, e.session_id.encode()),
        sized(5, sized(1, e.serial.encode()) + sized(2, e.model.encode())), sized(6, e.country.encode()),
        number(7, e.duration_ms), b"\x41" + struct.pack("<d", e.score), number(9, e.ok), number(10, e.sequence)))
    if e.firmware is not None:
        message += sized(11, e.firmware.encode())
    if e.battery_pct is not None:
        message += b"\x60" + varint(e.battery_pct)      # optional: a zero is there
    return message


class PgCopy:
    """A file for COPY ... (FORMAT binary) of one bytea column."""

    def __init__(self, path):
        self.file = open(path, "wb", buffering=1 << 20)
        self.file.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))

    def write(self, value):
        self.file.write(struct.pack(">hi", 1, len(value)) + value)

    def close(self):
        self.file.write(struct.pack(">h", -1))
        self.file.close()


class Blobs(PgCopy):
    """The same, with 1,000 pieces to a row."""

    def __init__(self, path):
        super().__init__(path)
        self.pieces = []

    def add(self, piece):
        self.pieces.append(piece)
        if len(self.pieces) == 1000:
            self.flush()

    def flush(self):
        if self.pieces:
            self.write(b"".join(self.pieces))
        self.pieces = []

    def close(self):
        self.flush()
        super().close()


def make_known(folder):
    json, messages = open(f"{folder}/known.json", "wb"), PgCopy(f"{folder}/known.pgcopy")
    for i in range(4):
        event = Event(7 + 15 * i, i * DAY)      # nothing in it is zero or false
        event.sequence = -1 - i
        event.ok = True
        json.write(as_json(event, event.duration_ms))
        messages.write(as_message(event))
    json.close()
    messages.close()


def make_events(events, folder):
    json, csv, late_json = (open(f"{folder}/{name}", "wb", buffering=1 << 20)
                            for name in ("events.json", "events.csv", "late.json"))
    messages, late_messages = PgCopy(f"{folder}/events.pgcopy"), PgCopy(f"{folder}/late.pgcopy")
    json_blobs, protobuf_blobs = Blobs(f"{folder}/late_json_blobs.pgcopy"), Blobs(f"{folder}/late_protobuf_blobs.pgcopy")
    for i in range(1, events + 1):
        event = Event(i, i * 3 * DAY // events)
        json.write(as_json(event, event.duration_ms))
        csv.write(as_csv(event))
        messages.write(as_message(event))
        if i > events // 2:
            event.firmware = "H23.01.%d" % (i % 90)
        if i > events * 3 // 4:
            event.battery_pct = i % 100
        line, message = as_json(event, event.duration_ms if i % 1000 else '"n/a"'), as_message(event)
        late_json.write(line)
        late_messages.write(message)
        json_blobs.add(line)
        protobuf_blobs.add(varint(len(message)) + message)
    for file in (json, csv, messages, late_json, late_messages, json_blobs, protobuf_blobs):
        file.close()


make_known(sys.argv[2])
make_events(int(sys.argv[1]), sys.argv[2])
