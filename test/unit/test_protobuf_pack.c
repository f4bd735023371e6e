/*
 * test_protobuf_pack.c
 *	  Our decoder against protobuf-c: what that packs, ours reads as the same values.
 */
#include "protobuf.h"

#include "gopro/events/v1/events.pb-c.h"

typedef Gopro__Events__V1__Event Event;

static EpArena lasting;
static const EpProtoSchema *events;

static bool
is_text(Bench *b, const char *path, const char *wanted)
{
	const EpValue *value = value_of(b, path);

	return value != NULL && value->kind == EP_TEXT && value->length == strlen(wanted) &&
		   memcmp(value->text, wanted, value->length) == 0;
}

static bool
is_int(Bench *b, const char *path, int64_t wanted)
{
	const EpValue *value = value_of(b, path);

	return value != NULL && value->kind == EP_INT && value->as.i == wanted;
}

static bool
is_uint(Bench *b, const char *path, uint64_t wanted)
{
	const EpValue *value = value_of(b, path);

	return value != NULL && value->kind == EP_UINT && value->as.u == wanted;
}

static bool
is_float(Bench *b, const char *path, double wanted)
{
	const EpValue *value = value_of(b, path);

	return value != NULL && value->as.f == wanted;
}

static void
check_payload(Bench *b, const Event *event)
{
	if (event->payload_case == GOPRO__EVENTS__V1__EVENT__PAYLOAD_DRONE_TAKEOFF)
	{
		CHECK(is_text(b, "drone_takeoff.drone_serial", event->drone_takeoff->drone_serial));
		CHECK(is_uint(b, "drone_takeoff.boot_id", event->drone_takeoff->boot_id));
		if (event->drone_takeoff->home != NULL)
			CHECK(is_float(b, "drone_takeoff.home.lat", event->drone_takeoff->home->lat) &&
				  is_float(b, "drone_takeoff.home.alt_m", (double) event->drone_takeoff->home->alt_m));
	}
	if (event->payload_case == GOPRO__EVENTS__V1__EVENT__PAYLOAD_CAMERA_CONNECT)
		CHECK(is_int(b, "camera_connect.rssi_dbm", event->camera_connect->rssi_dbm) &&
			  is_int(b, "camera_connect.attempts", event->camera_connect->attempts));
	if (event->payload_case == GOPRO__EVENTS__V1__EVENT__PAYLOAD_MEDIA_UPLOAD)
		CHECK(is_uint(b, "media_upload.checksum", event->media_upload->checksum) &&
			  value_of(b, "media_upload.content_hash")->length == event->media_upload->content_hash.len);
	if (event->payload_case == GOPRO__EVENTS__V1__EVENT__PAYLOAD_MEDIA_CAPTURE)
	{
		const EpValue *tenths = value_of(b, "media_capture.exposure_ev_tenths");

		CHECK(tenths->count == event->media_capture->n_exposure_ev_tenths);
		for (uint32_t i = 0; i < tenths->count; i++)
			CHECK(tenths->as.items[i].as.i == event->media_capture->exposure_ev_tenths[i]);
	}
}

static void
check_event(Bench *b, const Event *event)
{
	const EpValue *values = value_of(b, "values");

	CHECK(is_text(b, "event_id", event->event_id));
	CHECK(is_text(b, "user_id", event->user_id));
	CHECK(is_int(b, "sequence", event->sequence));
	CHECK(value_of(b, "occurred_at")->as.i ==
		  event->occurred_at->seconds * 1000000 + event->occurred_at->nanos / 1000);
	CHECK(value_of(b, "occurred_at")->nanos == event->occurred_at->nanos % 1000);
	if (event->device != NULL)
		CHECK(is_text(b, "device.serial", event->device->serial));
	CHECK(values->count == event->n_values && value_of(b, "tags")->count == event->n_tags);
	for (uint32_t i = 0; i < values->count; i++)
		CHECK(values->as.items[i].as.f == event->values[i]);
	check_payload(b, event);
}

/* Each event of the file, as protobuf-c reads it and packs it again. */
static void
repacked_events_are_the_same(void)
{
	File file = file_read("events.binpb");
	EpCursor cursor = ep_cursor(file.bytes, file.length);
	EpCursor slice;
	uint64_t length;
	int count = 0;

	while (ep_wire_varint(&cursor, &length) && ep_cursor_slice(&cursor, (size_t) length, &slice))
	{
		Event *event = gopro__events__v1__event__unpack(NULL, (size_t) length, slice.at);
		uint8_t *packed = malloc(gopro__events__v1__event__get_packed_size(event) + 1);
		size_t size = gopro__events__v1__event__pack(event, packed);
		Bench b;

		bench_open(&b, message_of(events, "gopro.events.v1.Event"), NULL, packed, size);
		CHECK(bench_next(&b) == EP_OK);
		check_event(&b, event);
		bench_close(&b);
		free(packed);
		gopro__events__v1__event__free_unpacked(event, NULL);
		count++;
	}
	CHECK(count == 1000);
	free(file.bytes);
}

int
main(void)
{
	ep_arena_init(&lasting, ep_malloc_allocator, (size_t) 64 << 20);
	events = schema_read("events.pb", &lasting);
	if (events == NULL)
		return 1;
	RUN(repacked_events_are_the_same);
	ep_arena_free(&lasting);
	return unit_done();
}
