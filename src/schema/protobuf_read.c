/*
 * protobuf_read.c
 *	  protobuf_to_json(b), json(b)_to_protobuf, protobuf_get and protobuf_fields: registered messages, shown
 *	  and made.
 *
 * Thin: they find the message type (kept per call site until the registry changes), run the server-free
 * writer over an arena of the call site, and make a datum of its text or tokens.
 */
#include "schema/protobuf_site.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "core/interrupt_server.h"
#include "core/memory_server.h"
#include "core/name.h"
#include "format/protobuf/protobuf_encode.h"
#include "format/protobuf/protobuf_rewrite.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "schema/protobuf_jsonb.h"
#include "schema/type_map.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

/*
 * A writer over the call site's arena, to be reset when the result is made; a call that failed has left its
 * blocks.
 */
static void
start_writer(FunctionCallInfo fcinfo, EpProtoWriter *writer, EpError *error, bytea *payload)
{
	EpArena *arena = &ep_protobuf_site(fcinfo->flinfo)->arena;

	ep_arena_reset(arena);
	ep_protobuf_writer_init(writer, arena, (const uint8_t *) VARDATA_ANY(payload), error);
	writer->interrupted = ep_interrupted;
	writer->print_double = double_to_shortest_decimal_buf;
	writer->print_float = float_to_shortest_decimal_buf;
}

/* ---- protobuf to JSON ---- */

/* Arguments as protobuf_to_json has them; the document in writer. false: a strict argument is NULL. */
static bool
write_json(FunctionCallInfo fcinfo, EpProtoWriter *writer, bool tokenizes)
{
	const EpProtoMessage *message;
	bytea *payload;
	EpError error;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return false;
	message = ep_protobuf_site_message(ep_protobuf_site(fcinfo->flinfo), fcinfo);
	payload = ep_protobuf_site_payload(fcinfo);
	start_writer(fcinfo, writer, &error, payload);
	writer->tokenizes = tokenizes;
	writer->nul = !tokenizes; /* json can hold \u0000, jsonb cannot */
	writer->always_print = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	if (ep_protobuf_write_json(writer, message, (const uint8_t *) VARDATA_ANY(payload),
							   VARSIZE_ANY_EXHDR(payload)) != EP_OK)
		ep_protobuf_site_refuse(&error);
	return true;
}

/*
 * protobuf_to_json(message_type text, payload bytea, subject text, version int, always_print_fields bool)
 */
EP_FUNCTION(ep_protobuf_to_json);
Datum
ep_protobuf_to_json(PG_FUNCTION_ARGS)
{
	EpProtoWriter writer;
	text *json;

	if (!write_json(fcinfo, &writer, false))
		PG_RETURN_NULL();
	json = cstring_to_text_with_len(writer.text, (int) writer.length);
	ep_arena_reset(writer.arena);
	PG_RETURN_TEXT_P(json);
}

/* protobuf_to_jsonb(the same) */
EP_FUNCTION(ep_protobuf_to_jsonb);
Datum
ep_protobuf_to_jsonb(PG_FUNCTION_ARGS)
{
	EpProtoWriter writer;
	Datum jsonb;

	if (!write_json(fcinfo, &writer, true))
		PG_RETURN_NULL();
	jsonb = ep_protobuf_jsonb(&writer);
	ep_arena_reset(writer.arena);
	PG_RETURN_DATUM(jsonb);
}

/* ---- JSON to protobuf ---- */

/* The other arguments as json_to_protobuf has them. */
static bytea *
encode(FunctionCallInfo fcinfo, const char *json, size_t length)
{
	const EpProtoMessage *message = ep_protobuf_site_message(ep_protobuf_site(fcinfo->flinfo), fcinfo);
	EpProtoEncoder encoder;
	EpArena arena;
	EpError error;
	bytea *payload;

	ep_arena_init(&arena, ep_palloc_allocator(CurrentMemoryContext), MaxAllocSize);
	ep_protobuf_encoder_init(&encoder, &arena, &error);
	encoder.interrupted = ep_interrupted;
	encoder.ignore_unknown = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	if (ep_protobuf_encode_json(&encoder, message, json, length) != EP_OK)
		ep_protobuf_site_refuse(&error);
	payload = (bytea *) cstring_to_text_with_len((char *) encoder.bytes.data, (int) encoder.bytes.length);
	ep_arena_free(&arena);
	return payload;
}

/*
 * json_to_protobuf(message_type text, doc json, subject text, version int, ignore_unknown bool)
 */
EP_FUNCTION(ep_json_to_protobuf);
Datum
ep_json_to_protobuf(PG_FUNCTION_ARGS)
{
	text *doc;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	doc = PG_GETARG_TEXT_PP(1);
	PG_RETURN_BYTEA_P(encode(fcinfo, VARDATA_ANY(doc), VARSIZE_ANY_EXHDR(doc)));
}

/* jsonb_to_protobuf(the same); offsets of its errors count in the text of the jsonb. */
EP_FUNCTION(ep_jsonb_to_protobuf);
Datum
ep_jsonb_to_protobuf(PG_FUNCTION_ARGS)
{
	char *doc;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	doc = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(1)));
	PG_RETURN_BYTEA_P(encode(fcinfo, doc, strlen(doc)));
}

/*
 * _protobuf_roundtrip(message_type text, payload bytea, subject text, version int): parsed and serialized
 * again, with its unknown fields
 */
EP_FUNCTION(ep_protobuf_roundtrip);
Datum
ep_protobuf_roundtrip(PG_FUNCTION_ARGS)
{
	EpProtoWriter writer;
	EpProtoBytes bytes = {.data = (uint8_t *) ""};
	EpError error;
	const EpProtoMessage *message;
	bytea *payload;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	message = ep_protobuf_site_message(ep_protobuf_site(fcinfo->flinfo), fcinfo);
	payload = ep_protobuf_site_payload(fcinfo);
	start_writer(fcinfo, &writer, &error, payload);
	bytes.arena = writer.arena;
	if (ep_protobuf_rewrite(&writer, message, (const uint8_t *) VARDATA_ANY(payload),
							VARSIZE_ANY_EXHDR(payload), &bytes) != EP_OK)
		ep_protobuf_site_refuse(&error);
	payload = (bytea *) cstring_to_text_with_len((char *) bytes.data, (int) bytes.length);
	ep_arena_reset(writer.arena);
	PG_RETURN_BYTEA_P(payload);
}

/* ---- one path ---- */

typedef struct GetPlan
{
	EpProtoPath path;
	char *text;
	Datum constant; /* the path in argument 2, when the query has it as a constant; else 0 */
	bool plain;
} GetPlan;

static pg_noinline GetPlan *
make_plan(FunctionCallInfo fcinfo, EpProtoSite *site)
{
	char *spelled = text_to_cstring(PG_GETARG_TEXT_PP(2));
	GetPlan *plan = MemoryContextAllocZero(site->context, sizeof(GetPlan));

	if (!ep_protobuf_find_path(site->message, spelled, &plan->path))
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("message type \"%s\" has no path \"%s\"", site->message->full_name, spelled),
			 errhint("Paths are field names joined by \".\"; protobuf_fields(message_type) lists them.")));
	plan->text = MemoryContextStrdup(site->context, spelled);
	plan->plain = ep_protobuf_is_plain(&plan->path);
	if (ep_protobuf_is_constant(fcinfo->flinfo, 2))
		plan->constant = PG_GETARG_DATUM(2);
	site->plan = plan;
	return plan;
}

/* The path of argument 2, kept per call site. */
static GetPlan *
get_plan(FunctionCallInfo fcinfo, EpProtoSite *site)
{
	GetPlan *plan = site->plan;

	if (plan != NULL && plan->constant == PG_GETARG_DATUM(2))
		return plan;
	if (plan != NULL && ep_protobuf_same_text(plan->text, PG_GETARG_TEXT_PP(2)))
		return plan;
	site->plan = NULL;
	if (plan != NULL)
	{
		pfree(plan->text);
		pfree(plan);
	}
	return make_plan(fcinfo, site);
}

/* By the path that knows everything, or from the record that was found. */
static pg_noinline text *
write_path(FunctionCallInfo fcinfo, const GetPlan *plan, bytea *payload, const EpProtoRecord *record)
{
	EpProtoWriter writer;
	EpError error;
	EpCode code;
	text *result = NULL;

	start_writer(fcinfo, &writer, &error, payload);
	writer.bare = true;
	if (record != NULL)
		code = ep_protobuf_write_field(&writer, record->field, record, 1, plan->path.count - 1);
	else
		code = ep_protobuf_get_path(&writer, &plan->path, (const uint8_t *) VARDATA_ANY(payload),
									VARSIZE_ANY_EXHDR(payload));
	if (code != EP_OK && code != EP_DONE)
		ep_protobuf_site_refuse(&error);
	if (code == EP_OK)
		result = cstring_to_text_with_len(writer.text, (int) writer.length);
	ep_arena_reset(writer.arena);
	return result;
}

/*
 * protobuf_get(message_type text, payload bytea, path text) returns text
 */
EP_FUNCTION(ep_protobuf_get);
Datum
ep_protobuf_get(PG_FUNCTION_ARGS)
{
	EpProtoSite *site = ep_protobuf_site(fcinfo->flinfo);
	GetPlan *plan = (ep_protobuf_site_message(site, fcinfo), get_plan(fcinfo, site));
	bytea *payload = ep_protobuf_site_payload(fcinfo);
	const EpProtoField *field = plan->path.fields[plan->path.count - 1];
	EpProtoRecord record;
	size_t bad;
	EpCode code = EP_E_UNSUPPORTED;
	text *result;

	if (plan->plain)
		code = ep_protobuf_find_last(&plan->path, (const uint8_t *) VARDATA_ANY(payload),
									 VARSIZE_ANY_EXHDR(payload), &record);
	if (code == EP_DONE)
		PG_RETURN_NULL();
	if (code == EP_OK && field->type == EP_PROTO_STRING &&
		ep_wire_text(record.data, (size_t) record.bits, &bad) == EP_OK)
		PG_RETURN_TEXT_P(cstring_to_text_with_len((const char *) record.data, (int) record.bits));
	result = write_path(fcinfo, plan, payload, code == EP_OK ? &record : NULL);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}

/* ---- protobuf_fields ---- */

typedef struct FieldList
{
	ReturnSetInfo *result;
	EpPathTree paths;
	EpArena arena;
} FieldList;

static void
list_field(FieldList *list, const EpPath *path, const EpProtoField *field, EpType type)
{
	char name[EP_NAME_MAX + 1];
	char *spelled = ep_path_to_text(path, &list->arena);
	Datum values[5];
	bool nulls[5] = {false, false, false, false, field->comment == NULL};

	if (spelled == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	ep_name_from_path(path, name);
	values[0] = CStringGetTextDatum(spelled);
	values[1] = CStringGetTextDatum(name);
	values[2] = Int32GetDatum((int32) field->number);
	values[3] = CStringGetTextDatum(ep_type_name(type));
	values[4] = field->comment == NULL ? (Datum) 0 : CStringGetTextDatum(field->comment);
	tuplestore_putvalues(list->result->setResult, list->result->setDesc, values, nulls);
}

static void
list_message(FieldList *list, EpPath *parent, const EpProtoOpen *open)
{
	EpPath *path = NULL;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (uint32 i = 0; i < open->message->field_count; i++)
	{
		const EpProtoField *field = &open->message->fields[i];
		EpType type = ep_protobuf_flatten(field, open);

		path = ep_path_child(&list->paths, parent, path, field->name, strlen(field->name), &list->arena);
		if (path == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		if (type == EP_TYPE_NONE)
		{
			EpProtoOpen inner = {open, field->message, open->depth + 1};

			list_message(list, path, &inner);
		}
		else
			list_field(list, path, field, type);
	}
}

/*
 * protobuf_fields(message_type text) returns setof (path, "column", number, type, comment)
 */
EP_FUNCTION(ep_protobuf_fields);
Datum
ep_protobuf_fields(PG_FUNCTION_ARGS)
{
	const EpProtoMessage *message = ep_protobuf_site_message(ep_protobuf_site(fcinfo->flinfo), fcinfo);
	EpProtoOpen open = {NULL, message, 0};
	EpAllocator allocator = ep_palloc_allocator(CurrentMemoryContext);
	FieldList list;

	InitMaterializedSRF(fcinfo, 0);
	list.result = (ReturnSetInfo *) fcinfo->resultinfo;
	ep_arena_init(&list.arena, allocator, (size_t) 256 << 20);
	if (!ep_path_tree_init(&list.paths, allocator, 10000))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	list_message(&list, &list.paths.root, &open);
	ep_path_tree_free(&list.paths);
	ep_arena_free(&list.arena);
	return (Datum) 0;
}
